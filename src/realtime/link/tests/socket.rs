//! The WebSocket transport, event by event, and each way in which it fails.

use super::fakes::{Open, open};
use super::service::{Peer, Service};
use crate::clock;
use crate::realtime::dial::Error;
use crate::realtime::link::LinkEvent;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::SinkExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

async fn started() -> (Open, Peer, Value) {
    let service = Service::bind().await;
    let session = json!({"type":"realtime","model":"m","audio":{"input":{},"output":{}}});
    let (open, (peer, update)) = tokio::join!(open(&service.base, &session), service.accept_session());
    (open.unwrap(), peer, update)
}

fn sound(response: &str, item: &str, ms: usize) -> Value {
    let audio = STANDARD.encode(vec![0_u8; ms * 48]);
    json!({"type":"response.output_audio.delta","response_id":response,"item_id":item,"output_index":0,"content_index":0,"delta":audio})
}

#[tokio::test]
async fn the_session_goes_first_then_speech_goes_in_and_events_come_out() {
    let (mut open, mut peer, update) = started().await;
    assert_eq!(
        update["session"]["audio"]["input"]["format"],
        json!({"type":"audio/pcm","rate":24000})
    );
    assert_eq!(update["session"].get("model"), None);
    open.voice.send(vec![1, -2, 300]).await.unwrap();
    let append = peer.expect("input_audio_buffer.append").await;
    assert_eq!(
        STANDARD.decode(append["audio"].as_str().unwrap()).unwrap(),
        [1, 0, 0xfe, 0xff, 0x2c, 1]
    );
    open.socket.send(json!({"type":"response.create"}));
    peer.expect("response.create").await;
    assert_eq!(open.message("session.created").await["session"]["id"], "s");
    open.message("session.updated").await;
    // Neither strange frames nor strange events end it.
    peer.stream.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    peer.text("{ not json").await;
    assert_eq!(open.next().await, LinkEvent::Message("{ not json".into()));
    peer.send(&json!({"type":"what.is.this"})).await;
    open.message("what.is.this").await;
}

#[tokio::test]
async fn a_goodbye_is_heard_to_its_end() {
    let (mut open, mut peer, _) = started().await;
    let begun = clock::monotonic();
    for event in [
        json!({"type":"response.created","response":{"id":"r"}}),
        sound("r", "a", 200),
        sound("r", "a", 200),
        json!({"type":"response.done","response":{"id":"r","status":"completed"}}),
    ] {
        peer.send(&event).await;
    }
    open.message("response.done").await;
    assert_eq!(open.message("output_audio_buffer.stopped").await["response_id"], "r");
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(400),
        "told as played after {took:?}, before it had sounded"
    );
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert_eq!(open.next().await, LinkEvent::AllPlayed);
    assert_eq!(open.mouth.pcm().len(), 9600);
}

#[tokio::test]
async fn a_barge_in_is_truncated_at_what_was_played() {
    let (mut open, mut peer, _) = started().await;
    peer.send(&json!({"type":"response.created","response":{"id":"r"}}))
        .await;
    for _ in 0..10 {
        peer.send(&sound("r", "a", 300)).await; // three seconds, at once
    }
    open.message("output_audio_buffer.started").await;
    tokio::time::sleep(Duration::from_millis(700)).await; // the candidate listens so long
    peer.send(&json!({"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":5}))
        .await;
    let truncate = peer.expect("conversation.item.truncate").await;
    let heard = truncate["audio_end_ms"].as_i64().unwrap();
    let sounded = open.mouth.sounded().unwrap().as_millis() as i64;
    assert!(
        (heard - sounded).abs() <= 40,
        "truncated at {heard} ms, sounded {sounded} ms"
    );
    assert!((700..1500).contains(&heard), "{heard}");
    assert_eq!(
        (&truncate["item_id"], &truncate["content_index"]),
        (&json!("a"), &json!(0))
    );
    // The session hears: speech, what was heard, cleared.
    open.message("input_audio_buffer.speech_started").await;
    assert_eq!(
        open.next().await,
        LinkEvent::Played {
            item_id: "a".into(),
            ms: heard
        }
    );
    open.message("output_audio_buffer.cleared").await;
    // Late sound of the same answer stays unheard.
    let before = open.mouth.pcm().len();
    peer.send(&sound("r", "a", 100)).await;
    peer.send(&json!({"type":"x.end"})).await;
    open.message("x.end").await;
    assert_eq!(open.mouth.pcm().len(), before);
}

#[tokio::test]
async fn a_wish_for_silence_is_met_here_and_not_sent() {
    let (mut open, mut peer, _) = started().await;
    peer.send(&json!({"type":"response.created","response":{"id":"r"}}))
        .await;
    peer.send(&sound("r", "a", 3000)).await;
    open.message("output_audio_buffer.started").await;
    open.socket.send(json!({"type":"output_audio_buffer.clear"}));
    open.socket.send(json!({"type":"response.cancel"}));
    let mut kinds = vec![];
    while kinds.len() < 2 {
        kinds.push(peer.next().await.unwrap()["type"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, ["conversation.item.truncate", "response.cancel"]);
    open.message("output_audio_buffer.cleared").await;
}

#[tokio::test]
async fn each_end_is_told_with_its_cause() {
    let (mut open, mut peer, _) = started().await;
    peer.stream
        .close(Some(CloseFrame {
            code: 1001.into(),
            reason: "session_expired".into(),
        }))
        .await
        .unwrap();
    assert_eq!(open.closed().await, "closed: 1001 session_expired");

    let (mut open, peer, _) = started().await;
    drop(peer);
    let why = open.closed().await;
    assert!(!why.is_empty(), "{why}");

    let (mut open, mut peer, _) = started().await;
    // The far side of a frame that is refused may see its connection reset.
    let _ = peer.stream.send(Message::text("x".repeat(5 * 1024 * 1024))).await;
    assert_eq!(open.closed().await, "a message is too long");
}

#[tokio::test]
async fn a_hang_up_closes_the_connection_in_time() {
    let (open, mut peer, _) = started().await;
    let since = clock::monotonic();
    let Open { socket, .. } = open;
    tokio::join!(socket.close(), async { while peer.next().await.is_some() {} });
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_session_that_does_not_read_ends_the_link_and_no_more() {
    let (mut open, mut peer, _) = started().await;
    for n in 0..1200 {
        if peer
            .stream
            .send(Message::text(format!(r#"{{"type":"x","n":{n}}}"#)))
            .await
            .is_err()
        {
            break;
        }
    }
    while peer.next().await.is_some() {} // the link has ended, and nobody has read a word of it
    assert_eq!(open.closed().await, "overrun");
}

#[tokio::test]
async fn a_service_that_takes_no_more_ends_the_link() {
    let (mut open, peer, _) = started().await;
    // The far side never reads: kernel buffers fill, then our queue, and the link gives up.
    let mut frames = 0;
    let why = loop {
        tokio::select! {
            event = open.socket.recv() => if let LinkEvent::Closed(why) = event { break why },
            Ok(()) = open.voice.send(vec![0; 24_000]) => frames += 1,
        }
        assert!(frames < 20_000, "{frames} seconds of speech were swallowed");
    };
    assert_eq!(why, "it takes no more");
    drop(peer);
}

#[tokio::test]
async fn what_is_no_session_is_refused_with_its_reason() {
    let refused = |status: u16, code: &str| {
        let code = code.to_owned();
        move |error: &Error| matches!(error, Error::Refused { status: s, code: c, .. } if *s == status && *c == code)
    };
    let session = json!({"type":"realtime"});

    // Refused at the door.
    let service = Service::bind().await;
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-t****TAIL","code":"invalid_api_key"}}"#;
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (opened, ()) = tokio::join!(open(&service.base, &session), async {
        let mut socket = service.accept_raw().await;
        let mut request = [0; 2048];
        let n = socket.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..n]).to_ascii_lowercase();
        assert!(
            request.starts_with("get /v1/realtime?model=judge http/1.1"),
            "{request}"
        );
        assert!(request.contains("authorization: bearer sk-test-0123456789tail"));
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let error = opened.err().unwrap();
    assert!(
        refused(401, "invalid_api_key")(&error) && error.is_permanent(),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("TAIL"));

    // Refused once inside.
    let service = Service::bind().await;
    let (opened, ()) = tokio::join!(open(&service.base, &session), async {
        let mut peer = service.accept().await;
        peer.send(&json!({"type":"error","error":{"type":"invalid_request_error","code":"beta_api_shape_disabled","message":"no"}})).await;
    });
    assert!(refused(0, "beta_api_shape_disabled")(&opened.err().unwrap()));

    // Never taken.
    let service = Service::bind().await;
    let (opened, _peer) = tokio::join!(open(&service.base, &session), service.accept());
    assert_eq!(opened.err(), Some(Error::Timeout));

    // Drowned in other things.
    let service = Service::bind().await;
    let (opened, ()) = tokio::join!(open(&service.base, &session), async {
        let mut peer = service.accept().await;
        for _ in 0..100 {
            if peer.stream.send(Message::text(r#"{"type":"x"}"#)).await.is_err() {
                break;
            }
        }
    });
    assert!(matches!(opened.err(), Some(Error::BadAnswer(_))));

    // No WebSocket at all.
    let service = Service::bind().await;
    let (opened, ()) = tokio::join!(open(&service.base, &session), async {
        service
            .accept_raw()
            .await
            .write_all(b"220 mail.example ESMTP\r\n")
            .await
            .unwrap();
    });
    assert!(matches!(opened.err(), Some(Error::Network(_))));
}
