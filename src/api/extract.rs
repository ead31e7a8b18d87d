//! What handlers take: the caller, ids, bodies and parameters, each refusing with a [`Problem`].

use super::problem::{Invalid, Kind, Problem};
use crate::app::App;
use crate::auth::{self, Caller, Role, bearer};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// A JSON body.
pub struct Body<T>(pub T);

/// A JSON body all of whose fields are optional: an empty one is `{}`.
pub struct OrEmpty<T>(pub T);

/// The `{id}` of the path. What is no id does not exist.
pub struct Id<T>(pub T);

/// The query's parameters.
pub struct Params<T>(pub T);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or(auth::Error::Missing);
        token.and_then(|token| app.tokens.verify(token)).map_err(|error| {
            app.metrics.auth_refused(error);
            error.into()
        })
    }
}

impl Caller {
    /// Lets nobody in but this role.
    pub fn must_be(&self, role: Role) -> Result<(), Problem> {
        if self.role == role {
            return Ok(());
        }
        Err(Problem::new(Kind::Forbidden, format!("This is for the role {role}")))
    }

    /// Lets recruiters in, and admins, who are recruiters too.
    pub fn must_recruit(&self) -> Result<(), Problem> {
        if self.recruits() {
            return Ok(());
        }
        Err(Problem::new(Kind::Forbidden, "This is for recruiters"))
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (headers, bytes) = read(request, app).await?;
        is_json(&headers)?;
        json(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for OrEmpty<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (headers, bytes) = read(request, app).await?;
        if bytes.trim_ascii().is_empty() {
            return json(b"{}").map(Self);
        }
        is_json(&headers)?;
        json(&bytes).map(Self)
    }
}

impl<T: FromStr + Send> FromRequestParts<App> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::not_found())?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(refused) => Err(Problem::new(
                Kind::BadRequest,
                format!("The query: {}", refused.body_text()),
            )),
        }
    }
}

/// The whole body, within the size limit of the route and [`BODY_WAIT`].
pub async fn read(request: Request, app: &App) -> Result<(HeaderMap, Bytes), Problem> {
    let headers = request.headers().clone();
    match tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, app)).await {
        Ok(Ok(bytes)) => Ok((headers, bytes)),
        Ok(Err(refused)) if refused.status() == Kind::TooLarge.status() => Err(Problem::new(Kind::TooLarge, "")),
        Ok(Err(_)) => Err(Problem::new(Kind::BadRequest, "The body broke off")),
        Err(_) => Err(Problem::new(Kind::RequestTimeout, "")),
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || Problem::new(Kind::UnsupportedMediaType, "Content-Type should be application/json");
    let value = headers.get(header::CONTENT_TYPE).ok_or_else(refused)?;
    let value = value.to_str().map_err(|_| refused())?.to_ascii_lowercase();
    let (kind, parameters) = value.split_once(';').unwrap_or((&value, ""));
    let kind = kind.trim();
    let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    let utf8 = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("charset="))
        .all(|charset| charset.trim_matches('"') == "utf-8");
    (json && utf8).then_some(()).ok_or_else(refused)
}

/// Parses a body: 400 where it is no JSON, 422 where a value is not what it should be.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(Kind::BadRequest, "The body is not UTF-8"))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| refuse(&error))?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    let at = format!("The body is not JSON: line {}, column {}", error.line(), error.column());
    Problem::new(Kind::BadRequest, at)
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    if inner.classify() != Category::Data {
        return not_json(inner);
    }
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => _ = write!(pointer, "/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    let said = inner.to_string();
    let said = said.split(" at line ").next().unwrap_or_default().to_owned();
    if let Some(field) = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|prefix| said.strip_prefix(prefix))
        .and_then(|rest| rest.strip_suffix('`'))
    {
        push(&mut pointer, field);
    }
    Problem {
        errors: vec![Invalid { pointer, detail: said }],
        ..Problem::new(Kind::Invalid, "")
    }
}

fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Sample {
        name: String,
        list: Vec<u8>,
    }

    #[test]
    fn bodies_are_refused_for_what_is_wrong_with_them() {
        let table: &[(&[u8], Kind, &str)] = &[
            (b"", Kind::BadRequest, ""),
            (b"{", Kind::BadRequest, ""),
            (b"{\"name\":\"a\",\"list\":[1]} x", Kind::BadRequest, ""),
            (b"{\"name\":\"\xff\",\"list\":[1]}", Kind::BadRequest, ""),
            (b"{\"name\":\"\\ud800\",\"list\":[1]}", Kind::BadRequest, ""),
            (b"[]", Kind::Invalid, ""),
            (b"null", Kind::Invalid, ""),
            (b"{}", Kind::Invalid, "/name"),
            (b"{\"name\":1}", Kind::Invalid, "/name"),
            (b"{\"name\":\"a\",\"list\":[1,256]}", Kind::Invalid, "/list/1"),
            (b"{\"name\":\"a\",\"name\":\"b\",\"list\":[1]}", Kind::Invalid, "/name"),
        ];
        for (body, kind, pointer) in table {
            let problem = json::<Sample>(body).expect_err("refused");
            let shown = String::from_utf8_lossy(body);
            assert_eq!(problem.kind, *kind, "{shown}: {problem:?}");
            if *kind == Kind::Invalid {
                assert_eq!(problem.errors[0].pointer, *pointer, "{shown}: {problem:?}");
            }
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json::<serde_json::Value>(deep.as_bytes()).is_err());
    }
}
