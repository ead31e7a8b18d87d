//! Every way an interview ends: what the candidate was saying is in the record, nothing answers it, both legs close, the
//! service is hung up on, and whoever listens is told why. (`whole.rs` has the end that the interviewer makes itself.)

use crate::{
    lossy::Lossy,
    peer::{Peer, wall_ms},
    socket::Socket,
    stack::{Seat, Stack, until},
    voice::{is_heard_out, speech, voiced},
    whole::{simulated_record, stored_record},
};
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};

const SOON: Duration = Duration::from_secs(15);

/// An interview whose interviewer has asked its first question and waits for the answer.
struct Interview {
    stack: Stack,
    seat: Seat,
    peer: Peer,
    socket: Socket,
    network: Lossy,
}

impl Interview {
    async fn begun(questions: u32, vars: &[(&str, &str)]) -> Self {
        let stack = Stack::start(json!({ "questions": questions }), vars).await;
        let seat = stack.seat().await;
        let socket = Socket::open(&stack, &seat).await;
        let (peer, offer) = Peer::offer(None).await;
        let since = wall_ms();
        let network = Lossy::start(stack.relay().udp[0], 0).await;
        peer.answer(&network.in_front(&stack.exchange(&seat, &offer).await))
            .await;
        peer.up().await;
        until(Duration::from_secs(30), "the first question is asked", async || {
            is_heard_out(&peer, since, Duration::from_millis(700)).then_some(())
        })
        .await;
        Self {
            stack,
            seat,
            peer,
            socket,
            network,
        }
    }

    /// The candidate is in the middle of a long sentence.
    async fn in_mid_sentence(&self) {
        self.peer.say(&speech(20_000), None);
        let began = wall_ms();
        let speaks = |it: &Value| it["type"] == "state" && it["speaking"] == "candidate";
        self.socket.hears(SOON, "the candidate is heard to speak", speaks).await;
        until(SOON, "a second of it is said", async || {
            (wall_ms() > began + 1_500).then_some(())
        })
        .await;
        assert!(self.peer.unspoken() > 500, "most of it is yet to be said");
    }

    /// It has ended so for everyone; answers the simulator's record of the call.
    async fn is_over(&self, reason: &str) -> Value {
        let session = self.stack.ended(&self.seat, SOON).await;
        assert_eq!(
            (&session["status"], &session["end_reason"]),
            (&json!("completed"), &json!(reason)),
            "{session}"
        );
        assert_eq!(session["technical_failure"], Value::Null, "{session}");
        let told = self
            .socket
            .hears(SOON, "the browser is told", |it| it["type"] == "ended")
            .await;
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(self.socket.closed(SOON).await, 1000);
        let last = self
            .socket
            .messages()
            .into_iter()
            .rfind(|it| it["type"] == "state")
            .expect("states");
        assert_eq!(last["session"], "completed", "{last}");
        // in good order, and not left to time out
        until(SOON, "the candidate's leg is closed", async || {
            (self.network.lost.alerts.load(Ordering::Relaxed) > 0).then_some(())
        })
        .await;
        let calls = self.stack.calls().await;
        assert_eq!(calls.len(), 1, "one conversation");
        let id = calls[0]["id"].as_str().unwrap().to_owned();
        let call = until(SOON, "the service is hung up on", async || {
            let call = self.stack.call(&id).await;
            (call["state"] == "ended").then_some(call)
        })
        .await;
        // whichever of the relay's two ways to say so came first
        let because = call["ended_because"].as_str().expect("a reason");
        assert!(
            ["hangup", "channel closed by the client", "socket closed by the client"].contains(&because),
            "{because}"
        );
        assert_eq!(call["errors"], json!([]), "the service had nothing to complain of");
        let sessions = &self.stack.relay().app.sessions;
        until(SOON, "the session has left the process", async || {
            (sessions.counts().values().sum::<u64>() == 0).then_some(())
        })
        .await;
        call
    }

    async fn stop(self) {
        self.peer.close().await;
        self.stack.stop().await;
    }
}

/// What the relay sent to the service, in order, by kind; speech itself left out.
fn sent(call: &Value) -> Vec<&str> {
    let events = call["client_events"].as_array().expect("events");
    events.iter().filter_map(|it| it["event"]["type"].as_str()).collect()
}

/// The sentence that was cut off is the last of the record, as the service heard it, and nothing answered it.
async fn assert_last_words_kept(interview: &Interview, call: &Value) {
    let record = simulated_record(call);
    assert_eq!(record.len(), 2, "a question and half an answer: {record:?}");
    assert_eq!(record[1].0, "candidate");
    // the journal drains beside the session
    let stored = until(SOON, "the last words are stored", async || {
        let stored = stored_record(&interview.stack.transcript(&interview.seat).await);
        (stored.len() >= record.len()).then_some(stored)
    })
    .await;
    assert_eq!(stored, record);
    let seconds: f64 = record[1]
        .1
        .rsplit_once("speech of ")
        .unwrap()
        .1
        .trim_end_matches(" s")
        .parse()
        .unwrap();
    assert!((1.0..6.0).contains(&seconds), "what was said of it: {seconds} s");
    assert_eq!(call["responses"].as_array().unwrap().len(), 1, "nothing answered it");
    assert_eq!(
        sent(call).into_iter().rev().take(2).collect::<Vec<_>>(),
        ["input_audio_buffer.commit", "session.update"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_who_ends_in_mid_sentence_is_kept_to_the_last_word() {
    let mut interview = Interview::begun(3, &[]).await;
    interview.in_mid_sentence().await;
    interview.socket.say(&json!({ "type": "end" })).await;
    let call = interview.is_over("candidate").await;
    assert_last_words_kept(&interview, &call).await;
    interview.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recruiter_ends_it_over_the_websocket_fallback_and_the_sentence_is_kept() {
    let interview = Interview::begun(3, &[("OPENAI_REALTIME_TRANSPORT", "websocket")]).await;
    interview.in_mid_sentence().await;
    let path = format!("/api/sessions/{}/complete", interview.seat.session);
    let recruiter = interview.stack.recruiter();
    let body = json!({ "success": true, "session_id": interview.seat.session, "status": "completed" });
    assert_eq!(
        interview.stack.post(&path, &recruiter, &json!({})).await,
        (200, body.clone())
    );
    let call = interview.is_over("recruiter").await;
    assert_last_words_kept(&interview, &call).await;
    assert_eq!(
        interview.stack.post(&path, &recruiter, &json!({})).await,
        (200, body),
        "asked again, the same"
    );
    interview.stop().await;
}

/// What nobody hears any more is not in the record as if it had been heard, and nothing is added to a record that is complete:
/// over the WebSocket it is the relay that breaks it off.
async fn what_the_interviewer_says_at_the_end_breaks_off(transport: &str) {
    let interview = Interview::begun(3, &[("OPENAI_REALTIME_TRANSPORT", transport)]).await;
    let answered = wall_ms();
    interview.peer.say(&speech(1_500), None);
    until(SOON, "half a second of the next question is heard", async || {
        let (first, last) = voiced(&interview.peer, answered)?;
        (last - first > 500).then_some(())
    })
    .await;
    let path = format!("/api/sessions/{}/complete", interview.seat.session);
    let (status, _) = interview.stack.post(&path, &interview.seat.token, &json!({})).await;
    assert_eq!(status, 200);
    // the answer says so: all of it is on its way to the store, and the end behind it
    let call = interview.is_over("candidate").await;
    let entries = interview.stack.transcript(&interview.seat).await;
    assert_eq!(stored_record(&entries), simulated_record(&call));
    let last = entries.last().expect("entries");
    assert_eq!(
        (&last["speaker"], &last["interrupted"]),
        (&json!("ai"), &json!(true)),
        "{last}"
    );
    let item = call["items"]
        .as_array()
        .unwrap()
        .iter()
        .rfind(|it| it["role"] == "assistant")
        .expect("its item");
    let (made, heard) = (
        item["audio_ms"].as_u64().unwrap(),
        last["heard_ms"].as_u64().expect("how much was heard"),
    );
    assert!((400..made).contains(&heard), "heard {heard} of {made} ms");
    interview.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_interviewer_says_when_the_candidate_ends_breaks_off() {
    what_the_interviewer_says_at_the_end_breaks_off("webrtc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_interviewer_says_when_the_candidate_ends_breaks_off_over_the_websocket_fallback() {
    what_the_interviewer_says_at_the_end_breaks_off("websocket").await;
}

/// Warned at the half of its minute, since two minutes before its end it had not begun; then told to say goodbye, into which
/// the candidate speaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interview_whose_time_is_up_is_warned_then_says_goodbye_to_the_end() {
    let interview = Interview::begun(3, &[("MAX_MINUTES", "1")]).await;
    let Interview {
        stack, peer, socket, ..
    } = &interview;
    let notice = |code: &'static str| move |it: &Value| it["type"] == "notice" && it["code"] == code;
    socket
        .hears(Duration::from_secs(40), "time is short", notice("time_left"))
        .await;
    assert!(!socket.messages().iter().any(notice("time_up")), "first the warning");
    socket
        .hears(Duration::from_secs(40), "time is up", notice("time_up"))
        .await;
    socket
        .hears(SOON, "it is ending", |it| {
            it["type"] == "state" && it["session"] == "ending"
        })
        .await;

    // a candidate who speaks into the goodbye neither cuts it off nor gets an answer, and is in the record
    let up = wall_ms();
    until(SOON, "the goodbye begins", async || voiced(peer, up).map(drop)).await;
    peer.say(&speech(1_200), None);
    let call = interview.is_over("time").await;

    let events = call["client_events"].as_array().unwrap();
    let times = |is: &dyn Fn(&Value) -> bool| -> Vec<u64> {
        let found = events.iter().filter(|it| is(&it["event"]));
        found.map(|it| it["at_ms"].as_u64().unwrap()).collect()
    };
    let note = |words: &'static str| {
        move |event: &Value| {
            event["item"]["role"] == "system"
                && event["item"]["content"][0]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        }
    };
    let of = |kind: &'static str| move |event: &Value| event["type"] == kind;
    let (warned, told) = (times(&note("1 minute is left")), times(&note("The time is up")));
    let asked = times(&of("response.create"));
    assert_eq!((warned.len(), told.len(), asked.len()), (1, 1, 2), "{events:?}");
    assert!(
        (28_000..32_000).contains(&(warned[0] - asked[0])),
        "warned after {} ms",
        warned[0] - asked[0]
    );
    assert!(
        (58_000..62_000).contains(&(told[0] - asked[0])),
        "told after {} ms",
        told[0] - asked[0]
    );
    let quiet =
        times(&|event| event.pointer("/session/audio/input/turn_detection/create_response") == Some(&json!(false)));
    assert_eq!(quiet.len(), 1, "nothing answers a goodbye");
    assert_eq!(
        times(&|event| event["item"]["type"] == "function_call_output").len(),
        1,
        "end_session is answered"
    );

    assert_heard_out(peer, up, &call, 2);

    let stored = stored_record(&stack.transcript(&interview.seat).await);
    assert_eq!(stored, simulated_record(&call));
    assert_eq!(
        stored.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(),
        ["ai", "ai", "candidate"]
    );
    interview.stop().await;
}

/// The last of so many things that the interviewer has said, heard since `up`, was not cut off.
fn assert_heard_out(peer: &Peer, up: u64, call: &Value, said: usize) {
    let items = call["items"].as_array().unwrap();
    let spoken: Vec<&Value> = items
        .iter()
        .filter(|it| it["origin"] == "said" && it["type"] == "message")
        .collect();
    assert_eq!(spoken.len(), said, "{items:?}");
    let goodbye = spoken[said - 1];
    assert_eq!(goodbye["truncated_ms"], Value::Null, "it was not cut off");
    let (first, last) = voiced(peer, up).expect("it was heard");
    let (heard, made) = (last - first, goodbye["audio_ms"].as_u64().unwrap());
    eprintln!("the goodbye is {made} ms long, {heard} ms of it were heard from the first sound to the last");
    assert!(heard + 600 > made, "heard {heard} of {made} ms");
}

/// Over the WebSocket it is the relay that would cut it off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_that_the_candidate_speaks_into_is_heard_out_over_the_websocket_fallback() {
    let interview = Interview::begun(1, &[("OPENAI_REALTIME_TRANSPORT", "websocket")]).await;
    let Interview { peer, socket, .. } = &interview;
    let answered = wall_ms();
    peer.say(&speech(1_500), None);
    socket
        .hears(SOON, "it is ending", |it| {
            it["type"] == "state" && it["session"] == "ending"
        })
        .await;
    until(SOON, "the goodbye begins", async || voiced(peer, answered).map(drop)).await;
    peer.say(&speech(1_200), None);
    let call = interview.is_over("interviewer").await;
    assert_heard_out(peer, answered, &call, 2);
    assert_eq!(call["truncations"], json!([]));
    let stored = stored_record(&interview.stack.transcript(&interview.seat).await);
    assert_eq!(stored, simulated_record(&call));
    assert_eq!(
        stored.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(),
        ["ai", "candidate", "ai", "candidate"]
    );
    interview.stop().await;
}
