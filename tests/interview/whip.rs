//! An interview over WHIP (RFC 9725), its client being no browser: post, trickle, restart, leave, come back; and what a
//! client that was left behind can still do, which is nothing.

use crate::{
    peer::Peer,
    socket::Socket,
    stack::{Seat, Stack, until},
};
use reqwest::{Method, Response, header::HeaderMap};
use serde_json::json;
use std::time::Duration;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const SOON: Duration = Duration::from_secs(15);

/// A WHIP client's resource, as it knows it.
struct Resource<'a> {
    stack: &'a Stack,
    seat: &'a Seat,
    location: String,
    etag: String,
    answer: String,
}

async fn ask(
    stack: &Stack,
    seat: &Seat,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Response {
    let url = format!("{}{path}", stack.base);
    let mut request = stack.http.request(method, url).bearer_auth(&seat.token).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

impl<'a> Resource<'a> {
    async fn post(stack: &'a Stack, seat: &'a Seat, offer: &str) -> Self {
        let path = format!("/whip/{}", seat.session);
        let made = ask(
            stack,
            seat,
            Method::POST,
            &path,
            &[("content-type", SDP)],
            offer.to_owned(),
        )
        .await;
        assert_eq!(made.status(), 201);
        let (location, etag) = (header(made.headers(), "location"), header(made.headers(), "etag"));
        let answer = made.text().await.unwrap();
        Self {
            stack,
            seat,
            location,
            etag,
            answer,
        }
    }

    async fn patch(&self, condition: &str, fragment: &str) -> Response {
        let headers = [("content-type", FRAGMENT), ("if-match", condition)];
        let (path, body) = (&self.location, fragment.to_owned());
        ask(self.stack, self.seat, Method::PATCH, path, &headers, body).await
    }

    async fn delete(&self) -> u16 {
        let gone = ask(
            self.stack,
            self.seat,
            Method::DELETE,
            &self.location,
            &[],
            String::new(),
        )
        .await;
        gone.status().as_u16()
    }
}

fn lines(sdp: &str, keeps: impl Fn(&str) -> bool) -> String {
    let kept = sdp.lines().filter(|line| keeps(line));
    kept.flat_map(|line| [line, "\r\n"]).collect()
}

fn is_credential(line: &str) -> bool {
    line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:")
}

fn is_candidate(line: &str) -> bool {
    line.starts_with("a=candidate:")
}

/// The description with the ICE of a fragment in place of its own.
fn with_ice_of(answer: &str, fragment: &str) -> String {
    let value = |name: &str| fragment.lines().find(|line| line.starts_with(name)).unwrap();
    let replaced = answer.lines().filter(|line| !is_candidate(line)).map(|line| {
        let line = match line {
            line if line.starts_with("a=ice-ufrag:") => value("a=ice-ufrag:").to_owned(),
            line if line.starts_with("a=ice-pwd:") => value("a=ice-pwd:").to_owned(),
            line if line.starts_with("a=mid:") => format!("{line}\r\n{}", lines(fragment, is_candidate).trim_end()),
            line => line.to_owned(),
        };
        line + "\r\n"
    });
    replaced.collect()
}

async fn leg(stack: &Stack, seat: &Seat) -> String {
    let session = stack.session(seat).await;
    session["legs"]["candidate"].as_str().expect("a word").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interview_is_posted_trickled_restarted_left_and_taken_up_again() {
    let stack = Stack::start(json!({ "questions": 3 }), &[]).await;
    let seat = stack.seat().await;
    let (peer, offer) = Peer::offer(None).await;
    let resource = Resource::post(&stack, &seat, &lines(&offer, |line| !is_candidate(line))).await;
    peer.answer(&resource.answer).await;
    let trickled = lines(&offer, |line| is_credential(line) || is_candidate(line));
    for _ in 0..2 {
        let taken = resource.patch(&resource.etag, &trickled).await;
        assert_eq!(taken.status(), 204, "again is no harm");
    }
    peer.up().await;
    peer.hears_on(25).await;

    // malformed, truncated, oversized, of another kind, without or with a stale condition: refused, and heard on
    let huge = "a=x\r\n".repeat(30_000);
    let cases = [
        ("*", "nonsense", 400),
        ("*", "a=ice-ufrag:truncat\r\n", 400),
        ("*", "a=ice-ufrag:long\r\na=ice-pwd:short\r\n", 400),
        ("*", &huge, 413),
        ("\"stale\"", &trickled, 412),
    ];
    for (condition, body, status) in cases {
        assert_eq!(resource.patch(condition, body).await.status(), status, "{body:.40}");
    }
    let unconditional = [("content-type", FRAGMENT)];
    let refused = ask(
        &stack,
        &seat,
        Method::PATCH,
        &resource.location,
        &unconditional,
        trickled,
    )
    .await;
    assert_eq!(refused.status(), 428);
    let unlike = [("content-type", "text/plain"), ("if-match", "*")];
    let refused = ask(&stack, &seat, Method::PATCH, &resource.location, &unlike, String::new()).await;
    assert_eq!(refused.status(), 415);
    let counted = "vivavoce_http_requests_total{method=\"PATCH\",path=\"/whip/{sessionId}/{resource}\",status=\"400\"}";
    assert!((stack.counter(counted) - 3.0).abs() < f64::EPSILON);
    peer.hears_on(25).await;

    let restart = peer.restart().await;
    let fragment = lines(&restart, |line| is_credential(line) || is_candidate(line));
    let restarted = resource.patch("*", &fragment).await;
    assert_eq!(restarted.status(), 200);
    let etag = header(restarted.headers(), "etag");
    assert_ne!(etag, resource.etag);
    let ice = restarted.text().await.unwrap();
    peer.answer(&with_ice_of(&resource.answer, &ice)).await;
    peer.hears_on(100).await;
    assert_eq!(
        resource.patch(&resource.etag, &fragment).await.status(),
        412,
        "a late trickle of the old ICE"
    );
    assert_eq!(resource.patch(&etag, &fragment).await.status(), 204);

    assert_eq!(resource.delete().await, 200);
    assert_eq!(resource.delete().await, 404, "deleted once");
    assert_eq!(resource.patch("*", &fragment).await.status(), 404);
    until(SOON, "the leg is gone", async || {
        (!["up", "connecting"].contains(&leg(&stack, &seat).await.as_str())).then_some(())
    })
    .await;
    peer.close().await;

    let (peer, offer) = Peer::offer(None).await;
    let resource = Resource::post(&stack, &seat, &offer).await;
    peer.answer(&resource.answer).await;
    peer.up().await;
    assert_eq!(stack.session(&seat).await["status"], "in_progress");
    peer.close().await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_left_behind_cannot_touch_the_leg_of_the_next() {
    let stack = Stack::start(json!({ "questions": 3 }), &[]).await;
    let seat = stack.seat().await;
    let (first, offer) = Peer::offer(None).await;
    let behind = Resource::post(&stack, &seat, &offer).await;
    first.answer(&behind.answer).await;
    first.up().await;
    let fragment = lines(&offer, |line| is_credential(line) || is_candidate(line));

    // replaced by an offer over the socket, then by the seed's call, then by a newer POST: each by turns
    let mut socket = Socket::open(&stack, &seat).await;
    let (second, offer) = Peer::offer(None).await;
    socket.say(&json!({ "type": "offer", "sdp": offer, "id": "one" })).await;
    let answer = socket.hears(SOON, "an answer", |it| it["type"] == "answer").await;
    second.answer(answer["sdp"].as_str().unwrap()).await;
    second.up().await;
    let (path, restart) = (&behind.location, first.restart().await);
    let restart = lines(&restart, |line| is_credential(line) || is_candidate(line));
    assert_eq!(behind.patch(&behind.etag, &fragment).await.status(), 404, "{path}");
    assert_eq!(behind.patch("*", &restart).await.status(), 404);
    assert_eq!(behind.delete().await, 404);
    second.hears_on(50).await;
    assert_eq!(leg(&stack, &seat).await, "up");

    let (third, offer) = Peer::offer(None).await;
    let behind = Resource::post(&stack, &seat, &offer).await;
    third.answer(&behind.answer).await;
    third.up().await;
    let (fourth, offer) = Peer::offer(None).await;
    fourth.answer(&stack.exchange(&seat, &offer).await).await;
    fourth.up().await;
    assert_eq!(behind.delete().await, 404, "the seed's call has taken the leg");
    let (fifth, offer) = Peer::offer(None).await;
    let before = Resource::post(&stack, &seat, &offer).await;
    let (sixth, offer) = Peer::offer(None).await;
    let newest = Resource::post(&stack, &seat, &offer).await;
    sixth.answer(&newest.answer).await;
    sixth.up().await;
    assert_eq!(before.delete().await, 404, "a newer POST has");
    sixth.hears_on(50).await;
    assert_eq!(leg(&stack, &seat).await, "up");
    let counted =
        "vivavoce_http_requests_total{method=\"DELETE\",path=\"/whip/{sessionId}/{resource}\",status=\"404\"}";
    assert!((stack.counter(counted) - 3.0).abs() < f64::EPSILON);
    assert_eq!(newest.delete().await, 200, "its own it may");
    for peer in [first, second, third, fourth, fifth, sixth] {
        peer.close().await;
    }
    stack.stop().await;
}
