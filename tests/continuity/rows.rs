//! The rows of the table: which fault, how long the gap may be, and what it takes.

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: what everything else is measured against.
    Nothing,
    /// A fault of the simulator's call, by its name there.
    Ai(&'static str),
    /// The call ends and new ones are refused for 20 s: by 429 with Retry-After, by 500, by no answer at all.
    AiRefuses,
    /// An answer is due and none comes: the next one alone, or none ever in this call.
    AiStuck,
    /// Another address from one moment to the next.
    Moves,
    /// The network is away for so many s.
    Away(u64),
    /// The socket breaks, media goes on.
    SocketLost,
    /// The socket is gone for 5 s and media is well.
    SocketAway,
    Reload,
    SecondTab,
    /// The AI's peer vanishes and the candidate's network goes for 2 s.
    BothLegs,
    /// `kill -9` of the relay, started again at once.
    KilledAndBack,
    /// `kill -9`, and another process is there.
    KilledForAnother,
    /// SIGTERM, and another process is there.
    Terminated,
    /// Postgres stops, and is back after 60 s.
    StoreStopped,
    /// The disk that has the journal and the database is full for 20 s.
    DiskFull,
    /// The microphone gives nothing for 4 s.
    Microphone,
    /// Nothing but the service's limit, which the row's defaults bring near.
    Rotation,
    /// Nothing: WebRTC, which could not be had at first, can be again.
    WebRtcReturns,
    /// Two or three of these.
    Several,
}

impl Fault {
    /// How long the fault itself lasts, in ms; 0: it is done at once.
    pub fn lasts_ms(self) -> u64 {
        match self {
            Fault::AiRefuses | Fault::DiskFull => 20_000,
            Fault::Away(seconds) => seconds * 1_000,
            Fault::SocketAway => 5_000,
            Fault::BothLegs => 2_000,
            Fault::StoreStopped => 60_000,
            Fault::Microphone => 4_000,
            Fault::Nothing
            | Fault::Rotation
            | Fault::WebRtcReturns
            | Fault::Several
            | Fault::Ai(_)
            | Fault::AiStuck
            | Fault::Moves
            | Fault::SocketLost
            | Fault::Reload
            | Fault::SecondTab
            | Fault::KilledAndBack
            | Fault::KilledForAnother
            | Fault::Terminated => 0,
        }
    }
}

impl Fault {
    /// Whether nobody could hear or answer while it lasts: gaps are counted from its end.
    pub fn excuses(self) -> bool {
        matches!(
            self,
            Fault::AiRefuses | Fault::Away(_) | Fault::BothLegs | Fault::Microphone
        )
    }
}

/// When it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    AiSpeaks,
    CandidateSpeaks,
    Any,
}

/// The interviewer's counts, where a row does not say otherwise; a fault strikes within as many.
pub const TURNS: usize = 3;

pub struct Row {
    pub name: &'static str,
    /// As the issue words it.
    pub text: &'static str,
    pub gap_max_ms: i64,
    pub fault: Fault,
    pub when: When,
    /// Of the simulator's defaults, beside exam mode; JSON.
    pub defaults: &'static str,
    /// Of the relay's environment.
    pub vars: &'static [(&'static str, &'static str)],
    /// A fault of the simulator's from the beginning on; JSON.
    pub order: Option<&'static str>,
    /// The interviewer's counts.
    pub turns: usize,
}

const fn row(name: &'static str, text: &'static str, gap_max_ms: i64, fault: Fault, when: When) -> Row {
    Row {
        name,
        text,
        gap_max_ms,
        fault,
        when,
        defaults: "{}",
        vars: &[],
        order: None,
        turns: TURNS,
    }
}

pub const ROWS: &[Row] = &[
    row("nothing", "no fault", 300, Fault::Nothing, When::Any),
    row(
        "ai-vanishes-listening",
        "AI peer vanishes while the candidate speaks",
        1_500,
        Fault::Ai("vanish"),
        When::CandidateSpeaks,
    ),
    row(
        "ai-vanishes-speaking",
        "AI peer vanishes while the AI speaks",
        1_500,
        Fault::Ai("vanish"),
        When::AiSpeaks,
    ),
    row(
        "ai-channel",
        "AI channel closed",
        1_000,
        Fault::Ai("close_channel"),
        When::Any,
    ),
    row("ai-dtls", "AI DTLS closed", 1_000, Fault::Ai("close_dtls"), When::Any),
    row(
        "ai-expired",
        "AI session expired by the service",
        1_000,
        Fault::Ai("expire"),
        When::Any,
    ),
    Row {
        defaults: r#"{"lifetime_s": 18}"#,
        ..row(
            "rotation",
            "planned rotation before the limit",
            300,
            Fault::Rotation,
            When::Any,
        )
    },
    Row {
        defaults: r#"{"lifetime_s": 18}"#,
        vars: &[("OPENAI_REALTIME_TRANSPORT", "websocket")],
        ..row(
            "rotation-websocket",
            "the same over the WebSocket",
            300,
            Fault::Rotation,
            When::Any,
        )
    },
    Row {
        defaults: r#"{"lifetime_s": 18}"#,
        order: Some(
            r#"{"kind": "refuse", "transport": "webrtc", "for_ms": 600000, "status": 400, "code": "invalid_offer"}"#,
        ),
        ..row(
            "rotation-fallback",
            "the same over the WebSocket that took over from WebRTC, which cannot be had again",
            300,
            Fault::Rotation,
            When::Any,
        )
    },
    Row {
        order: Some(
            r#"{"kind": "refuse", "transport": "webrtc", "for_ms": 10000, "status": 400, "code": "invalid_offer"}"#,
        ),
        turns: 6,
        ..row(
            "webrtc-returns",
            "back from the WebSocket to WebRTC, which could not be had for 10 s",
            300,
            Fault::WebRtcReturns,
            When::Any,
        )
    },
    row(
        "ai-refuses",
        "AI refuses calls for 20 s, then accepts",
        1_500,
        Fault::AiRefuses,
        When::Any,
    ),
    row(
        "ai-stuck",
        "stuck interviewer",
        5_000,
        Fault::AiStuck,
        When::CandidateSpeaks,
    ),
    row(
        "moves",
        "candidate changes network (new address, old one dead)",
        1_000,
        Fault::Moves,
        When::Any,
    ),
    row(
        "away-5",
        "candidate's network away 5 s",
        1_000,
        Fault::Away(5),
        When::Any,
    ),
    row(
        "away-30",
        "candidate's network away 30 s",
        1_000,
        Fault::Away(30),
        When::Any,
    ),
    row(
        "away-100",
        "candidate's network away 100 s",
        1_000,
        Fault::Away(100),
        When::Any,
    ),
    row("socket", "socket lost, media well", 0, Fault::SocketLost, When::Any),
    row(
        "socket-5",
        "socket away for 5 s, media well",
        0,
        Fault::SocketAway,
        When::Any,
    ),
    row("reload", "tab reloaded", 2_000, Fault::Reload, When::Any),
    row(
        "second-tab",
        "second tab takes over",
        2_000,
        Fault::SecondTab,
        When::Any,
    ),
    row("both-legs", "both legs at once", 2_000, Fault::BothLegs, When::Any),
    row(
        "kill-same",
        "`kill -9` of the process, restarted at once",
        3_000,
        Fault::KilledAndBack,
        When::Any,
    ),
    row(
        "kill-other",
        "`kill -9`, taken over by a second process",
        3_000,
        Fault::KilledForAnother,
        When::Any,
    ),
    row(
        "term",
        "SIGTERM with a second process there",
        1_000,
        Fault::Terminated,
        When::Any,
    ),
    row(
        "store-stopped",
        "database stopped for 60 s and started",
        0,
        Fault::StoreStopped,
        When::Any,
    ),
    row("disk-full", "disk full", 0, Fault::DiskFull, When::Any),
    row(
        "microphone",
        "microphone ended by the system and given back",
        1_000,
        Fault::Microphone,
        When::Any,
    ),
    row(
        "several",
        "two or three of these at random, overlapping",
        i64::MAX,
        Fault::Several,
        When::Any,
    ),
];
