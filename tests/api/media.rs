//! The ways to the candidate's leg, asked badly: SDP that is none, cut, too long, or said twice; sockets without end.

use crate::support::TestApp;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATH: &str = "/api/sdp-exchange";
/// As a browser words it, shortened.
const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    a=msid-semantic: WMS mic\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host generation 0\r\na=ice-ufrag:EsAw\r\n\
    a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:5E:EA:6F:AF:52:CE:E6:0F\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=msid:mic mic\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=ssrc:3735928559 cname:mic\r\n";

#[tokio::test]
async fn an_offer_is_answered_once_and_bad_ones_are_named() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let offer = |sdp: &str| json!({ "sessionId": session, "sdpOffer": sdp });
    let answer = candidate.post(PATH, offer(OFFER)).await.ok(200);
    assert!(answer["sdpAnswer"].as_str().unwrap().contains("a=candidate:"));
    let bad = [
        String::new(),
        "v=0\r\n".to_owned(),
        "not SDP".to_owned(),
        OFFER[..OFFER.len() / 3].to_owned(),
        OFFER.replace("m=audio", "m=video"),
        OFFER.replace("a=ice-pwd", "a=x-pwd"),
        OFFER.replace("a=fingerprint", "a=x-fingerprint"),
        OFFER.replace("opus/48000/2", "PCMU/8000"),
        format!("{OFFER}{}", "a=x\r\n".repeat(20_000)),
    ];
    for sdp in &bad {
        candidate.post(PATH, offer(sdp)).await.invalid("/sdpOffer");
    }
    let counted = app.metric("vivavoce_http_requests_total{method=\"POST\",path=\"/api/sdp-exchange\",status=\"422\"}");
    assert!((counted - bad.len() as f64).abs() < f64::EPSILON, "{counted}");
    candidate
        .post(PATH, offer(&"a=x\r\n".repeat(60_000)))
        .await
        .problem(413);
    candidate
        .post(PATH, json!({ "sessionId": session }))
        .await
        .invalid("/sdpOffer");
    candidate
        .post(PATH, json!({ "sessionId": "x", "sdpOffer": OFFER }))
        .await
        .invalid("/sessionId");
    candidate
        .post(PATH, json!({ "sessionId": session, "sdpOffer": 5 }))
        .await
        .invalid("/sdpOffer");
    let again = candidate.post(PATH, offer(OFFER)).await.ok(200);
    assert_eq!(
        again, answer,
        "the same offer again, the same answer, whatever came between"
    );
    candidate
        .post(&format!("/api/sessions/{session}/complete"), json!({}))
        .await
        .ok(200);
    candidate.post(PATH, offer(OFFER)).await.problem(410);
    app.stop().await;
}

#[tokio::test]
async fn whip_names_what_is_wrong_with_an_offer() {
    let app = TestApp::start().await;
    let (session, candidate) = app.session().await;
    let path = format!("/whip/{session}");
    let sdp = ("content-type", "application/sdp");
    let post = async |headers: &[(&str, &str)], body: &[u8]| {
        candidate.ask(Method::POST, &path, headers, Some(body.to_vec())).await
    };
    for body in [&b""[..], b"not SDP", &OFFER.as_bytes()[..300], b"\xff\xfe"] {
        post(&[sdp], body).await.problem(400);
    }
    post(&[sdp], &b"a=x\r\n".repeat(20_000)).await.problem(413);
    post(&[("content-type", "application/json")], OFFER.as_bytes())
        .await
        .problem(415);
    post(&[sdp, ("accept", "text/html")], OFFER.as_bytes())
        .await
        .problem(406);
    let made = post(&[sdp], OFFER.as_bytes()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let location = made.header("location").to_owned();
    app.recruiter()
        .ask(Method::DELETE, &location, &[], None)
        .await
        .problem(403);
    let (_, other) = app.session().await;
    other.ask(Method::DELETE, &location, &[], None).await.problem(404);
    app.other_recruiter()
        .ask(Method::DELETE, &location, &[], None)
        .await
        .problem(404);
    app.anyone()
        .ask(Method::DELETE, &location, &[], None)
        .await
        .problem(401);
    let left = candidate.ask(Method::DELETE, &location, &[], None).await;
    assert_eq!(left.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn sockets_of_one_address_are_bounded_and_counted() {
    let app = TestApp::with(&[("OPEN_CALLS_PER_MINUTE", "10")]).await;
    let (session, _) = app.session().await;
    let client = reqwest::Client::new();
    let begun = tokio::time::Instant::now();
    let mut let_in = 0;
    let refused = loop {
        let answer = client
            .get(format!("{}/ws?session={session}", app.base))
            .send()
            .await
            .unwrap();
        match answer.status().as_u16() {
            400 => let_in += 1, // no upgrade: counted all the same
            429 => break answer,
            other => panic!("{other}"),
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{let_in} are let in, and no end"
        );
    };
    assert!(let_in >= 600, "{let_in}");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait} s");
    let body: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!(body["status"], 429);
    assert!(app.metric("vivavoce_signaling_refused_total{reason=\"too_often\"}") >= 1.0);
    assert!(app.metric("vivavoce_signaling_refused_total{reason=\"no_upgrade\"}") >= 600.0);
    app.recruiter().get("/api/sessions").await.ok(200);
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_408() {
    let app = TestApp::start().await;
    let address = app.base.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/invitations/redeem HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 1000\r\n\r\n{\"token\":";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(40), stream.read(&mut answer));
    let len = read.await.expect("it is answered in time").unwrap();
    let answer = String::from_utf8_lossy(&answer[..len]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    let counted = "vivavoce_http_requests_total{method=\"POST\",path=\"/api/invitations/redeem\",status=\"408\"}";
    assert!((app.metric(counted) - 1.0).abs() < f64::EPSILON);
    app.anyone().get("/healthz").await.ok(200);
    app.stop().await;
}
