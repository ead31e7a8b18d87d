//! The dialer against real sockets: a service as it should be, and many as they should not.

use super::*;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const KEY: &str = "sk-test-0123456789abcdefTAIL";
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=setup:actpass\r\n";
const ANSWER: &str = "v=0\r\no=- 3 4 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=setup:active\r\n";

fn dialer(base: &str, timeout_ms: u64) -> Dialer {
    let ai = config::Ai {
        base_url: base.parse().unwrap(),
        key: Some(SecretString::from(KEY)),
        model: "m".into(),
        transcription_model: "t".into(),
        transport: config::Transport::WebRtc,
        simulated: false,
        dial_timeout: Duration::from_millis(timeout_ms),
    };
    Dialer::new(&ai).unwrap()
}

/// A server that reads each request whole, keeps it, and answers with the next of `answers`; the last is repeated. An
/// empty answer is silence.
struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        let task = tokio::spawn(async move {
            let mut answers = answers.into_iter().peekable();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = read_request(&mut socket).await;
                kept.lock().unwrap().push(request);
                let answer = answers.next().unwrap();
                if answers.peek().is_none() {
                    answers = vec![answer.clone()].into_iter().peekable();
                }
                if answer.is_empty() {
                    let mut rest = Vec::new();
                    let _ = socket.read_to_end(&mut rest).await; // until the client gives up
                    continue;
                }
                let _ = socket.write_all(&answer).await;
                let _ = socket.shutdown().await;
            }
        });
        Self { base, requests, task }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(head) = text.find("\r\n\r\n") {
            let length = text.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            });
            if bytes.len() >= head + 4 + length.unwrap_or(0) {
                return text;
            }
        }
        match socket.read(&mut chunk).await.unwrap() {
            0 => return text,
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn the_offer_arrives_byte_for_byte_and_the_call_is_known() {
    let location = "Location: /v1/realtime/calls/rtc_u1_abc-9?x=1\r\nContent-Type: application/sdp\r\n";
    let server = Server::answering(vec![http("201 Created", location, ANSWER)]).await;
    let dialer = dialer(&server.base, 5000);
    let session = json!({"type":"realtime","model":"m","instructions":"ü\"\r\n--"});
    let accepted = dialer.call(OFFER, &session, Some("hash")).await.unwrap();
    assert_eq!(
        (accepted.answer.as_str(), accepted.call_id.as_deref()),
        (ANSWER, Some("rtc_u1_abc-9"))
    );
    dialer.hang_up("rtc_u1_abc-9").await;

    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/realtime/calls http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: bearer {}", KEY.to_ascii_lowercase())));
    assert!(head.contains("openai-safety-identifier: hash"));
    let boundary = head.split("boundary=").nth(1).unwrap().lines().next().unwrap();
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    let sdp = "\r\nContent-Disposition: form-data; name=\"sdp\"\r\nContent-Type: application/sdp\r\n\r\n";
    let json = "\r\nContent-Disposition: form-data; name=\"session\"\r\nContent-Type: application/json\r\n\r\n";
    assert_eq!(parts.len(), 4, "{body}");
    assert_eq!(parts[1], format!("{sdp}{OFFER}\r\n"));
    assert_eq!(parts[2], format!("{json}{session}\r\n"));
    assert_eq!(parts[3], "--\r\n");
    assert!(requests[1].starts_with("POST /v1/realtime/calls/rtc_u1_abc-9/hangup HTTP/1.1\r\n"));
}

#[tokio::test]
async fn each_refusal_is_told_apart_and_tells_no_key() {
    type Case<'a> = (&'a str, &'a str, String, u16, &'a str, Permanence, Option<u64>);
    let error = |code: &str| format!(r#"{{"error":{{"message":"About {KEY} and so on","type":"t","code":"{code}"}}}}"#);
    let plain = format!("Incorrect API key provided: sk-t******TAIL. Or {KEY}");
    let table: Vec<Case<'_>> = vec![
        (
            "401 Unauthorized",
            "Content-Type: text/plain\r\n",
            plain,
            401,
            "",
            Permanence::Permanent,
            None,
        ),
        (
            "404 Not Found",
            "",
            error("model_not_found"),
            404,
            "model_not_found",
            Permanence::Permanent,
            None,
        ),
        (
            "429 Too Many Requests",
            "",
            error("insufficient_quota"),
            429,
            "insufficient_quota",
            Permanence::Permanent,
            None,
        ),
        (
            "429 Too Many Requests",
            "Retry-After: 7\r\n",
            error("rate_limit_exceeded"),
            429,
            "rate_limit_exceeded",
            Permanence::Passing,
            Some(7),
        ),
        (
            "503 Service Unavailable",
            "Retry-After: soon\r\n",
            "<html>".into(),
            503,
            "",
            Permanence::Passing,
            None,
        ),
        (
            "500 Internal Server Error",
            "Retry-After: 7\r\n",
            String::new(),
            500,
            "",
            Permanence::Passing,
            None,
        ),
        (
            "400 Bad Request",
            "",
            error("invalid_offer"),
            400,
            "invalid_offer",
            Permanence::Passing,
            None,
        ),
        (
            "302 Found",
            "Location: http://127.0.0.1:1/steal\r\n",
            String::new(),
            302,
            "",
            Permanence::Passing,
            None,
        ),
        (
            "400 Bad Request",
            "",
            "x".repeat(100_000),
            400,
            "",
            Permanence::Passing,
            None,
        ),
    ];
    for (line, headers, body, status, code, permanence, retry_s) in table {
        let server = Server::answering(vec![http(line, headers, &body)]).await;
        let error = dialer(&server.base, 5000)
            .call(OFFER, &json!({}), None)
            .await
            .unwrap_err();
        let Error::Refused {
            status: is_status,
            code: is_code,
            message,
            retry_after,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (*is_status, is_code.as_str(), *retry_after),
            (status, code, retry_s.map(Duration::from_secs)),
            "{line}"
        );
        assert_eq!(error.permanence(), permanence, "{line}");
        assert!(message.chars().count() <= 200);
        let told = format!("{error} {error:?}");
        assert!(
            !told.contains(KEY) && !told.contains("TAIL") && !told.contains("sk-"),
            "{told}"
        );
        assert_eq!(server.requests().len(), 1, "asked once, {line}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_refused_and_the_call_hung_up() {
    let created = |length: usize, body: &str| {
        format!("HTTP/1.1 201 Created\r\nLocation: /v1/realtime/calls/rtc_1\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let huge = format!("v=0\r\n{}", "a=x\r\n".repeat(100_000));
    let mut not_text = created(4, "");
    not_text.extend_from_slice(&[0xff, 0xfe, 0, 0]);
    let table = [
        ("it was cut short", created(5000, "v=0\r\n")),
        ("it is too long", created(huge.len(), &huge)),
        ("it is not SDP", created(2, "{}")),
        ("it is not SDP", created(0, "")),
        ("it is not text", not_text),
    ];
    for (why, answer) in table {
        let server = Server::answering(vec![answer, http("200 OK", "", "")]).await;
        let error = dialer(&server.base, 5000)
            .call(OFFER, &json!({}), None)
            .await
            .unwrap_err();
        assert_eq!(error, Error::BadAnswer(why));
        assert!(error.is_transport_fault());
        assert!(
            server
                .requests()
                .last()
                .unwrap()
                .starts_with("POST /v1/realtime/calls/rtc_1/hangup"),
            "{why}"
        );
    }
}

#[test]
fn who_does_not_know_the_address_lets_another_transport_be_tried() {
    let refused = |status, body: &str| Error::refused(status, body.as_bytes(), None, None);
    for status in [400, 404, 405, 406, 426] {
        assert!(refused(status, "not here").is_transport_fault(), "{status}");
    }
    let unknown = r#"{"error": {"code": "model_not_found", "message": "no"}}"#;
    for (status, body) in [(404, unknown), (401, "no"), (429, "later"), (500, ""), (503, "")] {
        assert!(!refused(status, body).is_transport_fault(), "{status}");
    }
}

#[tokio::test]
async fn silence_and_absence_end_in_time() {
    let silent = Server::answering(vec![vec![]]).await;
    let since = crate::clock::monotonic();
    assert_eq!(
        dialer(&silent.base, 300).call(OFFER, &json!({}), None).await,
        Err(Error::Timeout)
    );
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());

    // A body that never ends counts against the same deadline.
    let slow = Server::answering(vec![
        b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nv".to_vec(),
        vec![],
    ])
    .await;
    let outcome = dialer(&slow.base, 300).call(OFFER, &json!({}), None).await;
    assert!(
        matches!(outcome, Err(Error::Timeout | Error::BadAnswer("it was cut short"))),
        "{outcome:?}"
    );

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = dialer(&format!("http://{gone}/v1"), 3000)
        .call(OFFER, &json!({}), None)
        .await;
    assert!(matches!(outcome, Err(Error::Network(_))), "{outcome:?}");

    let garbage = Server::answering(vec![b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()]).await;
    let outcome = dialer(&garbage.base, 3000).call(OFFER, &json!({}), None).await;
    assert!(matches!(outcome, Err(Error::Network(_))), "{outcome:?}");
}

#[test]
fn a_key_stays_off_plain_http() {
    let ai = |base: &str, key: Option<&str>| config::Ai {
        base_url: base.parse().unwrap(),
        key: key.map(SecretString::from),
        model: "m".into(),
        transcription_model: "t".into(),
        transport: config::Transport::WebRtc,
        simulated: false,
        dial_timeout: Duration::from_secs(1),
    };
    assert!(Dialer::new(&ai("http://example.com/v1", Some(KEY))).is_err());
    for (base, key) in [
        ("http://example.com/v1", None),
        ("http://localhost:1/v1", Some(KEY)),
        ("http://[::1]:1", Some(KEY)),
        ("https://example.com/v1", Some(KEY)),
    ] {
        let dialer = Dialer::new(&ai(base, key)).unwrap();
        assert!(!format!("{dialer:?}").contains("TAIL"));
    }
}

#[test]
fn a_calls_id_is_the_last_segment_and_nothing_else() {
    let table = [
        ("/v1/realtime/calls/rtc_abc", Some("rtc_abc")),
        (
            "https://api.openai.com/v1/realtime/calls/rtc_u2_x-Y?call=1#f",
            Some("rtc_u2_x-Y"),
        ),
        ("/v1/realtime/calls/rtc_a/", Some("rtc_a")),
        ("/v1/realtime/calls/", None),
        ("/v1/realtime/calls/rtc_../../x", None),
        ("rtc_a%2f", None),
        ("", None),
    ];
    for (location, id) in table {
        assert_eq!(call_id(location).as_deref(), id, "{location}");
    }
}
