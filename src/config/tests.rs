//! One line of a table is one decision of the start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::vars::Vars;
use super::*;
use secrecy::ExposeSecret as _;
use std::collections::{BTreeMap, BTreeSet};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn vars(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let base = [("JWT_SECRET", SECRET), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")];
    base.iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn defaults_hold_where_nothing_is_set() {
    let config = Config::from_vars(&vars(&[])).unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.http.public_app_url.as_str(), "http://localhost:8080/");
    assert_eq!(config.http.own_origin().as_str(), "http://localhost:8080");
    assert_eq!(config.http.metrics_addr.unwrap().to_string(), "127.0.0.1:9091");
    assert_eq!(config.database.url.expose_secret(), "sqlite:data/vivavoce.db");
    assert_eq!(config.media.udp, [std::net::SocketAddr::from(([0, 0, 0, 0], 7878))]);
    assert_eq!(config.ai.transport, Transport::WebRtc);
    assert_eq!(config.session.resume_window.as_secs(), 120);
    assert_eq!(config.log.format, LogFormat::Human);
}

#[test]
fn each_bad_variable_stops_the_start_with_one_line_that_names_it() {
    let long_secret = format!("{SECRET},short-one");
    let table: &[(&str, &str)] = &[
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "too-short-to-be-good"),
        ("JWT_SECRET", &long_secret),
        ("JWT_SECRET", ","),
        ("LISTEN_ADDR", "8080"),
        ("LISTEN_ADDR", "0.0.0.0:99999"),
        ("PUBLIC_APP_URL", "app.example.com"),
        ("PUBLIC_APP_URL", "ftp://example.com"),
        ("PUBLIC_APP_URL", "https://me:word@example.com"),
        ("PUBLIC_APP_URL", "https://example.com/?a=b"),
        ("ALLOWED_ORIGINS", "https://a.example,b.example"),
        ("ALLOWED_ORIGINS", "https://a.example/path"),
        ("ALLOWED_ORIGINS", "*"),
        ("METRICS_ADDR", "yes"),
        ("METRICS_TOKEN", "short"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "https://mail.example.com"),
        ("SMTP_URL", "smtps://me@mail.example.com"),
        ("SMTP_URL", "smtps://mail.example.com/path"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@b.example, c@d.example"),
        ("UDP_PORT", "65536"),
        ("UDP_PORT", "-1"),
        ("UDP_BIND", "not an address"),
        ("SHARDS", "0"),
        ("SHARDS", "65"),
        ("PUBLIC_IP", "203.0.113.1,example.com"),
        ("ICE_SERVERS", "{"),
        ("ICE_SERVERS", "{\"urls\":\"stun:a\"}"),
        ("ICE_SERVERS", "[{\"urls\":\"http://a\"}]"),
        ("ICE_SERVERS", "[{\"url\":\"stun:a\"}]"),
        ("OPENAI_BASE_URL", "api.openai.com"),
        ("OPENAI_BASE_URL", "https://key@api.openai.com/v1"),
        ("OPENAI_REALTIME_MODEL", "two words"),
        ("OPENAI_TRANSCRIPTION_MODEL", "two words"),
        ("OPENAI_REALTIME_TRANSPORT", "carrier-pigeon"),
        ("OPENAI_DIAL_TIMEOUT_S", "0"),
        ("AI_SIMULATED", "perhaps"),
        ("RESUME_WINDOW_S", "soon"),
        ("TIME_WARNING_S", "3601"),
        ("MAX_MINUTES", "59"),
        ("OPEN_CALLS_PER_MINUTE", "0"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "vivavoce=loud"),
        ("FLY_APP_NAME", "a/b"),
    ];
    for (name, value) in table {
        let error = Config::from_vars(&vars(&[(name, value)])).expect_err(name);
        let line = error.to_string();
        assert_eq!(error.name, *name, "{value:?}");
        assert!(line.starts_with(name) && !line.contains('\n'), "{line}");
        let row = TABLE.iter().find(|row| row.name == *name).unwrap();
        assert!(
            !row.secret || value.len() < 2 || !line.contains(value),
            "{line} repeats a secret"
        );
    }
    let too_many = vars(&[("UDP_PORT", "65535"), ("SHARDS", "2")]);
    assert_eq!(Config::from_vars(&too_many).unwrap_err().name, "SHARDS");
}

#[test]
fn a_key_is_asked_for_by_the_real_service_and_kept_off_plain_http() {
    let key = ("OPENAI_API_KEY", "sk-secret");
    let table = [
        (vec![("OPENAI_BASE_URL", "")], Err("OPENAI_API_KEY")),
        (vec![("OPENAI_BASE_URL", ""), key], Ok("https://api.openai.com/v1")),
        (
            vec![("OPENAI_BASE_URL", "http://ai.example/v1"), key],
            Err("OPENAI_BASE_URL"),
        ),
        (
            vec![("OPENAI_BASE_URL", "http://127.0.0.2:80/v1/"), key],
            Ok("http://127.0.0.2/v1"),
        ),
        (
            vec![("OPENAI_BASE_URL", "http://[::1]:81/v1"), key],
            Ok("http://[::1]:81/v1"),
        ),
        (
            vec![("OPENAI_BASE_URL", "http://localhost.evil.example/v1"), key],
            Err("OPENAI_BASE_URL"),
        ),
        (
            vec![("OPENAI_BASE_URL", "http://ai.internal/v1")],
            Ok("http://ai.internal/v1"),
        ),
    ];
    for (set, expected) in table {
        let got = Config::from_vars(&vars(&set));
        match (got, expected) {
            (Ok(config), Ok(url)) => assert_eq!(config.ai.base_url.as_str(), url),
            (Err(error), Err(name)) => {
                assert_eq!(error.name, name);
                assert!(!error.to_string().contains("sk-secret"));
            }
            (got, _) => panic!("{set:?} gave {:?}", got.map(|config| config.ai)),
        }
    }
}

#[test]
fn values_are_read_as_they_are_meant() {
    let two = format!("{SECRET}, second-{SECRET}");
    let config = Config::from_vars(&vars(&[
        ("JWT_SECRET", &two),
        ("LISTEN_ADDR", "[::1]:9"),
        ("PUBLIC_APP_URL", "https://App.Example.com/base/"),
        ("ALLOWED_ORIGINS", "https://A.example:443, http://localhost:5173"),
        ("METRICS_ADDR", "off"),
        ("UDP_PORT", "4000"),
        ("SHARDS", "3"),
        ("UDP_BIND", "127.0.0.1"),
        ("PUBLIC_IP", "203.0.113.1, 2001:db8::1"),
        (
            "ICE_SERVERS",
            r#"[{"urls":["stun:s.example"],"username":"u"},{"urls":"turns:t.example"}]"#,
        ),
        ("FLY_APP_NAME", "viva-1"),
        ("OPENAI_REALTIME_TRANSPORT", "websocket"),
    ]))
    .unwrap();
    assert_eq!(config.auth.jwt_secrets.len(), 2);
    assert_eq!(config.auth.jwt_secrets[0].expose_secret(), SECRET);
    assert_eq!(config.http.public_app_url.as_str(), "https://app.example.com/base");
    assert!(config.http.allows_origin("https://app.example.com"));
    assert!(config.http.allows_origin("https://a.example"));
    assert!(config.http.allows_origin("http://localhost:5173"));
    assert!(!config.http.allows_origin("http://a.example"));
    assert!(!config.http.allows_origin("null"));
    assert!(config.http.metrics_addr.is_none());
    let ports: Vec<u16> = config.media.udp.iter().map(std::net::SocketAddr::port).collect();
    assert_eq!(ports, [4000, 4001, 4002]);
    assert_eq!(config.media.public_ip.len(), 2);
    assert_eq!(config.ai.transport, Transport::WebSocket);
}

#[test]
fn on_fly_the_pages_live_at_the_app() {
    let config = Config::from_vars(&vars(&[("FLY_APP_NAME", "viva")])).unwrap();
    assert_eq!(config.http.own_origin().as_str(), "https://viva.fly.dev");
}

#[test]
fn secrets_do_not_show() {
    let config = Config::from_vars(&vars(&[
        ("OPENAI_API_KEY", "sk-secret"),
        ("METRICS_TOKEN", "metrics-token-secret"),
        ("DATABASE_URL", "postgres://me:word@db.example/x"),
    ]))
    .unwrap();
    let shown = format!("{config:?}");
    for secret in [SECRET, "sk-secret", "metrics-token-secret", "word@"] {
        assert!(!shown.contains(secret), "{secret} shows");
    }
}

#[test]
fn the_table_lists_what_is_read_and_nothing_else() {
    let map = vars(&[]);
    let read = Vars::new(&map);
    Config::read(&read).unwrap();
    let listed: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(listed, read.asked());
    assert_eq!(listed.len(), TABLE.len(), "a name is listed twice");
}

/// `UPDATE_TABLES=1 cargo test the_readme` writes the README's table anew.
#[test]
fn the_readme_has_the_table() {
    const BEGIN: &str = "<!-- variables: generated from src/config/table.rs -->\n";
    const END: &str = "<!-- /variables -->";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the table's first mark");
    let (table, after) = rest.split_once(END).expect("the README has the table's last mark");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", markdown())).unwrap();
        return;
    }
    assert_eq!(
        table,
        markdown(),
        "run: UPDATE_TABLES=1 cargo test the_readme_has_the_table"
    );
}
