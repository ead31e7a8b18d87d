//! Each transition of a socket, then any sequence of frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "an origin for a virtual clock")]

use super::*;
use proptest::prelude::*;
use serde_json::json;

const SESSION: Uuid = Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_00aa);

/// A socket on a virtual clock.
struct World {
    now: Instant,
    socket: Handshake,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            socket: Handshake::new(now, SESSION),
        }
    }
    fn checking() -> Self {
        let mut world = Self::new();
        let did = world.text(&hello("token"));
        assert!(matches!(&did[..], [Action::Authenticate(_)]), "{did:?}");
        world
    }
    fn admitted() -> Self {
        let mut world = Self::checking();
        assert_eq!(world.on(Input::Verdict(Verdict::Admitted)), []);
        world
    }
    fn on(&mut self, input: Input<'_>) -> Vec<Action> {
        self.socket.handle(self.now, input);
        std::iter::from_fn(|| self.socket.poll_action()).collect()
    }
    fn text(&mut self, text: &str) -> Vec<Action> {
        self.on(Input::Text(text))
    }
    /// Time passes, every deadline on the way being met; pongs come if `alive`.
    fn pass(&mut self, time: Duration, alive: bool) -> Vec<(Duration, Action)> {
        let (start, end) = (self.now, self.now + time);
        let mut did = Vec::new();
        while let Some((at, _)) = self.socket.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at;
            for action in self.on(Input::Due) {
                if alive && action == Action::Ping {
                    assert_eq!(self.on(Input::Pong), []);
                }
                did.push((at - start, action));
            }
        }
        self.now = end;
        did
    }
}

fn hello(token: &str) -> String {
    json!({"type": "hello", "token": token, "sessionId": SESSION.to_string()}).to_string()
}
fn closed(code: u16, did: &[Action]) -> bool {
    matches!(did, [Action::Close { code: with, .. }] if *with == code)
}
fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn what_comes_before_hello() {
    let other = json!({"type": "hello", "token": "t", "sessionId": Uuid::nil().to_string()}).to_string();
    let table: [(Input<'_>, Option<u16>); 12] = [
        (Input::Text(r#"{"type":"from-the-future"}"#), None),
        (Input::Ping, None),
        (Input::Pong, None),
        (Input::Frame("too early".into()), None),
        (Input::Verdict(Verdict::Admitted), None),
        (Input::Text(r#"{"type":"end"}"#), Some(4401)),
        (Input::Text("not json"), Some(4401)),
        (Input::Text(r#"{"type":"hello"}"#), Some(4401)),
        (Input::Binary(&[1, 2, 3]), Some(4401)),
        (Input::Text(&other), Some(4404)),
        (Input::TooLarge, Some(1009)),
        (Input::Stopping, Some(1012)),
    ];
    for (input, code) in table {
        let mut world = World::new();
        let told = format!("{input:?}");
        let did = world.on(input);
        match code {
            None => assert_eq!(did, [], "{told}"),
            Some(code) => assert!(closed(code, &did), "{told}: {did:?}"),
        }
    }
}

#[test]
fn a_verdict_opens_or_closes() {
    let mut world = World::checking();
    assert_eq!(world.on(Input::Verdict(Verdict::Admitted)), []);
    assert!(world.socket.is_admitted());

    let table = [
        (Verdict::BadToken, 4401),
        (Verdict::NotYours, 4404),
        (Verdict::Superseded, 4409),
        (Verdict::Unavailable, 1013),
    ];
    for (verdict, code) in table {
        let did = World::checking().on(Input::Verdict(verdict.clone()));
        assert!(closed(code, &did), "{verdict:?}: {did:?}");
    }
    let did = World::checking().on(Input::Verdict(Verdict::Elsewhere("moved".into())));
    assert!(matches!(&did[..], [Action::Send(frame), Action::Close { code: 1012, .. }] if frame == "moved"));

    let did = World::checking().on(Input::Verdict(Verdict::Over("ended".into())));
    assert!(matches!(&did[..], [Action::Send(frame), Action::Close { code: 1000, .. }] if frame == "ended"));
}

#[test]
fn a_socket_without_hello_is_closed_after_ten_seconds() {
    let mut world = World::new();
    assert_eq!(world.socket.poll_timeout().unwrap().1, Deadline::Hello);
    assert_eq!(world.pass(Duration::from_millis(9999), true), []);
    let did = world.pass(seconds(1), true);
    assert!(matches!(did[..], [(_, Action::Close { code: 4401, .. })]), "{did:?}");
    assert_eq!(world.socket.poll_timeout(), None);
}

#[test]
fn unknown_messages_do_not_stretch_the_deadline() {
    let mut world = World::new();
    for _ in 0..9 {
        world.pass(seconds(1), true);
        world.text(r#"{"type":"x"}"#);
    }
    let did = world.pass(seconds(1), true);
    assert!(matches!(did[..], [(_, Action::Close { code: 4401, .. })]), "{did:?}");
}

#[test]
fn a_verdict_that_does_not_come_sends_the_browser_away_to_come_back() {
    let mut world = World::checking();
    let did = world.pass(seconds(10), true);
    assert!(matches!(did[..], [(_, Action::Close { code: 1013, .. })]), "{did:?}");
    assert_eq!(
        world.on(Input::Verdict(Verdict::Admitted)),
        [],
        "a late verdict changes nothing"
    );
    assert!(!world.socket.is_admitted());
}

#[test]
fn what_is_sent_with_the_hello_waits_for_the_verdict() {
    let mut world = World::checking();
    assert_eq!(world.text(r#"{"type":"offer","sdp":"v=0","id":"1"}"#), []);
    assert_eq!(world.text(r#"{"type":"candidate","candidate":null}"#), []);
    let did = world.on(Input::Verdict(Verdict::Admitted));
    let offer = ClientMessage::Offer {
        sdp: "v=0".into(),
        id: "1".into(),
    };
    assert_eq!(
        did,
        [
            Action::Deliver(offer),
            Action::Deliver(ClientMessage::Candidate { candidate: None })
        ]
    );
}

#[test]
fn what_waits_is_bounded_and_never_reaches_a_session_that_refuses() {
    let mut world = World::checking();
    let did: Vec<Action> = (0..=QUEUED_MAX).flat_map(|_| world.text(r#"{"type":"end"}"#)).collect();
    assert!(closed(4429, &did), "{did:?}");

    let mut world = World::checking();
    assert_eq!(world.text(r#"{"type":"end"}"#), []);
    let did = world.on(Input::Verdict(Verdict::NotYours));
    assert!(closed(4404, &did), "{did:?}");
}

#[test]
fn an_admitted_socket_carries_both_ways() {
    let mut world = World::admitted();
    assert_eq!(
        world.text(r#"{"type":"mute","on":true}"#),
        [Action::Deliver(ClientMessage::Mute { on: true })]
    );
    assert_eq!(world.on(Input::Frame("f".into())), [Action::Send("f".into())]);
    assert_eq!(world.text(r#"{"type":"from-the-future"}"#), []);
    let table = [
        (hello("again"), Malformed::HelloAgain),
        ("{".into(), Malformed::NotAMessage),
        (r#"{"type":"mute"}"#.into(), Malformed::Field),
    ];
    for (text, why) in table {
        assert_eq!(
            world.text(&text),
            [Action::Deliver(ClientMessage::Malformed(why))],
            "{text}"
        );
    }
    assert_eq!(
        world.on(Input::Binary(&[9])),
        [Action::Deliver(ClientMessage::Malformed(Malformed::Speech(
            crate::speech::Error::Truncated
        )))]
    );
}

#[test]
fn every_way_to_the_end() {
    let table: [(Input<'_>, Action); 7] = [
        (
            Input::NotUtf8,
            Action::Close {
                code: 1007,
                reason: "text is not UTF-8",
            },
        ),
        (
            Input::CloseBySession {
                code: close::SUPERSEDED,
                reason: "superseded",
            },
            Action::Close {
                code: 4409,
                reason: "superseded",
            },
        ),
        (
            Input::SessionGone,
            Action::Close {
                code: 1011,
                reason: "session went away",
            },
        ),
        (
            Input::Stopping,
            Action::Close {
                code: 1012,
                reason: "server stops",
            },
        ),
        (
            Input::Invalid,
            Action::Close {
                code: 1002,
                reason: "not RFC 6455",
            },
        ),
        (
            Input::TooLarge,
            Action::Close {
                code: 1009,
                reason: "frame over 256 KiB",
            },
        ),
        (Input::Gone, Action::Drop(Cause::Gone)),
    ];
    for (input, last) in table {
        let mut world = World::admitted();
        assert_eq!(world.on(input), [last]);
        assert_eq!(world.text(r#"{"type":"end"}"#), [], "nothing after the end");
        assert_eq!(world.on(Input::Gone), []);
        assert_eq!(world.socket.poll_timeout(), None);
    }
}

#[test]
fn a_frame_over_the_limit_is_closed_even_if_the_driver_let_it_in() {
    let did = World::admitted().text(&"x".repeat(FRAME_BYTES_MAX + 1));
    assert!(closed(1009, &did), "{did:?}");
    let largest = World::admitted().text(&"x".repeat(FRAME_BYTES_MAX));
    assert!(matches!(&largest[..], [Action::Deliver(_)]), "{largest:?}");
}

#[test]
fn pings_come_every_fifteen_seconds_and_two_missed_pongs_are_a_lost_socket() {
    let mut world = World::admitted();
    let did = world.pass(seconds(60), true);
    let pings: Vec<_> = (1..=4).map(|n| (seconds(15 * n), Action::Ping)).collect();
    assert_eq!(did, pings);

    let did = world.pass(seconds(60), false);
    let lost = [
        (seconds(15), Action::Ping),
        (seconds(30), Action::Ping),
        (seconds(45), Action::Drop(Cause::Lost)),
    ];
    assert_eq!(did, lost);
}

#[test]
fn a_late_pong_saves_the_socket() {
    let mut world = World::admitted();
    assert_eq!(world.pass(seconds(44), false).len(), 2);
    assert_eq!(world.on(Input::Pong), []);
    assert_eq!(world.pass(seconds(2), false), [(seconds(1), Action::Ping)]);
}

#[test]
fn a_flood_of_frames_or_bytes_is_closed_and_a_busy_page_is_not() {
    let mut world = World::admitted();
    let passed = (0..FRAMES_BURST * 2).take_while(|_| !closed(4429, &world.text(r#"{"type":"x"}"#)));
    assert_eq!(
        passed.count() as u32,
        FRAMES_BURST - 1,
        "its hello was one of the burst"
    );

    let big = json!({"type": "stats", "x": "y".repeat(200 * 1024)}).to_string();
    let mut world = World::admitted();
    assert_eq!((0..40).take_while(|_| !closed(4429, &world.text(&big))).count(), 20);

    let mut world = World::admitted();
    for _ in 0..60 {
        let did: Vec<Action> = (0..FRAMES_PER_S)
            .flat_map(|_| world.text(r#"{"type":"end"}"#))
            .collect();
        assert!(
            did.iter().all(|action| matches!(action, Action::Deliver(_))),
            "busy, not a flood: {did:?}"
        );
        world.pass(seconds(1), true);
    }

    let mut world = World::admitted();
    let malformed = (0..100).take_while(|_| !closed(4429, &world.text("{"))).count();
    assert_eq!(malformed, 27, "nonsense is paid for ten times over");
}

/// A browser of any kind.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(hello("t")),
        1 => Just(json!({"type": "hello", "token": "t", "sessionId": "another"}).to_string()),
        3 => prop::sample::select(vec![
            r#"{"type":"end"}"#, r#"{"type":"mute","on":false}"#, r#"{"type":"offer","sdp":"","id":""}"#,
            r#"{"type":"candidate"}"#, r#"{"type":"later"}"#, r#"{"type":"mute"}"#, "{", "[]",
        ]).prop_map(str::to_owned),
        1 => ".{0,40}",
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Binary(Vec<u8>),
    Pong,
    TooLarge,
    Verdict(Verdict),
    Frame,
    Superseded,
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_text().prop_map(Step::Text),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Binary),
        2 => Just(Step::Pong),
        1 => Just(Step::TooLarge),
        4 => prop::sample::select(vec![
            Verdict::Admitted, Verdict::Admitted, Verdict::Admitted, Verdict::BadToken, Verdict::NotYours,
            Verdict::Over("o".into()), Verdict::Elsewhere("m".into()), Verdict::Unavailable,
        ]).prop_map(Step::Verdict),
        2 => Just(Step::Frame),
        1 => Just(Step::Superseded),
        2 => (0u64..20_000).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_law(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut world = World::new();
        let (mut asked, mut ended, mut admitted) = (0, 0, false);
        for step in steps {
            let verdict = matches!(&step, Step::Verdict(Verdict::Admitted));
            let did = match step {
                Step::Text(text) => world.text(&text),
                Step::Binary(bytes) => world.on(Input::Binary(&bytes)),
                Step::Pong => world.on(Input::Pong),
                Step::TooLarge => world.on(Input::TooLarge),
                Step::Verdict(verdict) => world.on(Input::Verdict(verdict)),
                Step::Frame => world.on(Input::Frame("f".into())),
                Step::Superseded => world.on(Input::CloseBySession { code: 4409, reason: "superseded" }),
                Step::Pass(ms) => world.pass(Duration::from_millis(ms), false).into_iter().map(|it| it.1).collect(),
            };
            admitted |= verdict && asked == 1 && ended == 0;
            for action in did {
                prop_assert_eq!(ended, 0, "an action after the end: {:?}", action);
                match action {
                    Action::Authenticate(hello) => {
                        asked += 1;
                        prop_assert_eq!(hello.session_id.parse::<Uuid>().unwrap(), SESSION);
                    }
                    Action::Deliver(message) => {
                        prop_assert!(admitted, "a stranger reached the session");
                        prop_assert!(!matches!(message, ClientMessage::Hello(_) | ClientMessage::Unknown));
                    }
                    Action::Send(frame) => prop_assert!(admitted || frame == "o" || frame == "m"),
                    Action::Ping => {}
                    Action::Close { code, reason } => {
                        ended += 1;
                        prop_assert!(reason.len() <= 123);
                        prop_assert!([1000, 1009, 1012, 1013, 4401, 4404, 4409, 4429].contains(&code), "{}", code);
                        prop_assert!(!(admitted && [4401, 4404].contains(&code)), "{} after it was let in", code);
                    }
                    Action::Drop(_) => ended += 1,
                }
            }
            prop_assert!(asked <= 1);
            prop_assert_eq!(world.socket.poll_timeout().is_none(), ended == 1);
        }
    }
}
