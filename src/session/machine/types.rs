//! The machine's vocabulary: what it is told, what it asks for, and how it stands.

use crate::{config::Transport, store::EndReason};
use std::time::{Duration, Instant};

/// Bounds of one interview.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the candidate's first connection to the goodbye.
    pub max: Duration,
    /// How long before the end the AI is told; at most half of `max`.
    pub warn_before: Duration,
    /// How long the AI leg is kept while nobody of the candidate's is there.
    pub resume_window: Duration,
    /// How long nobody may speak after a new AI leg took the interview up, before it is asked to.
    pub idle_max: Duration,
    /// From a dial to an open channel.
    pub ai_connect_max: Duration,
    /// How long the service keeps a session, until it says so itself.
    pub ai_session: Duration,
    /// From an answered offer to a leg that is up.
    pub candidate_connect_max: Duration,
    /// The first wait before dialling again; doubles, with jitter.
    pub backoff_first: Duration,
    /// The longest such wait at first, while an AI has been missed for less than `backoff_eager`.
    pub backoff_soon: Duration,
    /// See `backoff_soon`.
    pub backoff_eager: Duration,
    /// The longest such wait from then on.
    pub backoff_max: Duration,
    /// The most that a service's `Retry-After` is believed.
    pub retry_after_max: Duration,
    /// How long an AI is missed before the session has failed.
    pub ai_missed_max: Duration,
    /// How long an answer that is due may be awaited before the AI is nudged, and once more before it is given up.
    pub answer_max: Duration,
    /// How long an AI is missed before the candidate is told that this may last.
    pub notice_after: Duration,
    /// WebRTC failures in a row after which the WebSocket takes over, until WebRTC can be had again beside it (`rotation.rs`).
    pub fallback_after: u32,
    /// From the wish to end to the end, whatever is still being said.
    pub goodbye_max: Duration,
    /// From the last sound sent to the end: the far end's jitter buffer still plays it.
    pub tail: Duration,
    /// The transport to begin with.
    pub transport: Transport,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max: Duration::from_secs(30 * 60),
            warn_before: Duration::from_secs(120),
            resume_window: Duration::from_secs(120),
            idle_max: Duration::from_secs(30),
            ai_connect_max: Duration::from_secs(15),
            ai_session: Duration::from_secs(60 * 60),
            candidate_connect_max: Duration::from_secs(15),
            backoff_first: Duration::from_millis(250),
            backoff_soon: Duration::from_millis(1_200),
            backoff_eager: Duration::from_secs(60),
            backoff_max: Duration::from_secs(15),
            retry_after_max: Duration::from_secs(60),
            ai_missed_max: Duration::from_secs(300),
            answer_max: Duration::from_millis(3_500),
            notice_after: Duration::from_secs(10),
            fallback_after: 2,
            goodbye_max: Duration::from_secs(45),
            tail: Duration::from_millis(800),
            transport: Transport::WebRtc,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An offer of the candidate's was answered.
    Offered,
    /// The candidate's leg is up: they can hear.
    CandidateUp,
    /// Neither media nor consent arrives from the candidate.
    CandidateLost(&'static str),
    /// Lost, and heard again; a leg whose ICE was restarted does not come up a second time.
    CandidateBack,
    /// The candidate's leg is gone for good.
    CandidateClosed(&'static str),
    /// The AI service accepted the call.
    Dialled,
    /// It did not.
    DialFailed(DialFailure),
    /// The AI's channel is open.
    AiReady,
    /// The AI's leg or channel is gone.
    AiClosed(String),
    /// The AI service has said when it ends this session by itself.
    AiExpires {
        /// From now.
        after: Duration,
    },
    /// The leg that is to take over is up and its channel is open.
    NextReady,
    /// The AI service has said when it ends that leg's session by itself.
    NextExpires {
        /// From now.
        after: Duration,
    },
    /// It could not be had, or is gone.
    NextFailed(String),
    /// A new AI leg has been told what was said: see [`Action::TakeUpAgain`].
    TakenUp {
        /// Its turn is next.
        speaks: bool,
    },
    /// Of what the AI said before the candidate could not hear, not all was heard.
    CutOff,
    /// A response is being made.
    ResponseStarted,
    /// The response that is being made has words to speak.
    ResponseSpeaks,
    /// The response is made; its sound may go on.
    ResponseDone,
    /// A response was asked for while another was being made, and the service did not begin it.
    ResponseRefused,
    /// What the AI was told (typed words, a tool's answer) wants a response.
    AnswerWanted,
    /// A browser wants the AI to speak.
    Nudged,
    /// The AI's sound begins.
    SoundStarted,
    /// The AI's sound has ended or was cut off.
    SoundStopped,
    /// The candidate began or ceased to speak, as the AI hears it.
    CandidateSpeaks(bool),
    /// The AI called `end_session`.
    EndTool {
        /// To be answered.
        call_id: String,
    },
    /// Somebody who may end it does.
    EndAsked(EndReason),
    /// A browser's socket said hello.
    SocketAttached,
    /// A browser's socket is gone.
    SocketDetached,
    /// A deadline of [`super::Machine::poll_timeout`] has passed.
    Due,
}

/// Why a dial failed.
#[derive(Clone, Debug, PartialEq)]
pub struct DialFailure {
    /// For the log and the record; scrubbed.
    pub cause: String,
    /// No other attempt can succeed (bad key, no such model, no quota).
    pub permanent: bool,
    /// The peer could not be made, as against a refusal of the service.
    pub transport_fault: bool,
    /// What the service asked for.
    pub retry_after: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Dial the AI; answer with `Dialled` or `DialFailed`.
    DialAi(Transport),
    /// Give up the AI leg, and tell the service.
    HangUpAi,
    /// Let the interviewer begin.
    Greet,
    /// Ask the AI for a response.
    Respond,
    /// Let the AI hear and write down, and neither be interrupted nor answer by itself: what it still says is its last.
    StopAnswering,
    /// What the candidate is saying is to be a turn, finished or not.
    CommitSpeech,
    /// Break off what the AI is saying or about to say: nobody hears it any more.
    Silence {
        /// A response is being made, or asked for; else only its sound goes on.
        making: bool,
    },
    /// A new AI leg in a conversation that has begun: give it the history, and the candidate's speech that the one before did
    /// not write down; answer with `TakenUp`.
    TakeUpAgain,
    /// Make a second AI leg beside the first; answer with `NextReady` or `NextFailed`.
    DialNext(Transport),
    /// Give the second leg up.
    DropNext,
    /// The second leg takes over now, at a pause: as in `TakeUpAgain`, and the first is hung up.
    SwitchAi,
    /// The candidate cannot hear: the record is to say of the AI's words what was heard of them.
    CutAtHeard,
    /// The candidate is back and was not told all: tell the AI where it was cut off. A response is asked for beside it.
    GoOn,
    /// Tell the AI that its `end_session` was heard.
    AnswerEndTool {
        /// Whose answer it is.
        call_id: String,
    },
    /// Ask the AI to say goodbye now.
    AskGoodbye(EndReason),
    /// Tell the AI how much time is left.
    WarnTimeLeft(Duration),
    /// Ask the browser for a new offer.
    Renegotiate {
        /// On the same peer.
        ice_restart: bool,
        /// A short code.
        reason: &'static str,
    },
    /// Tell the browser something by its code.
    Notice(&'static str),
    /// The snapshot has changed: tell the browser.
    Tell,
    /// The candidate's leg is up: note it in the store.
    Connected,
    /// The candidate's leg is down: note it in the store.
    Disconnected,
    /// Leave a row in `session_events`.
    Note {
        /// `candidate`, `ai` or `session`.
        leg: &'static str,
        /// What.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// It is over: tell everyone, close both legs, store it. The last action of all.
    End {
        /// Why.
        reason: EndReason,
        /// What failed technically, if it did.
        failure: Option<String>,
    },
}

/// For which deadline the machine wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The interview's time is up.
    TimeLimit,
    /// The AI is to be told that it soon will be.
    Warning,
    /// The candidate has been away for too long to keep the AI waiting.
    ResumeWindow,
    /// The AI is to be dialled again.
    Redial,
    /// The AI leg should be up by now.
    AiConnect,
    /// The candidate's leg should be up by now.
    CandidateConnect,
    /// The goodbye should be over, or its last sound heard.
    Goodbye,
    /// A response that was refused may be asked for again.
    Response,
    /// The AI is to go on where it was not heard.
    GoOn,
    /// An answer was due and none came.
    Stuck,
    /// Nobody has spoken since a new AI leg took the interview up.
    Idle,
    /// A second AI leg is to be made before the service ends the first.
    Rotate,
    /// WebRTC is to be tried again beside the WebSocket that took over.
    Back,
    /// The second leg should be up by now.
    NextConnect,
    /// There is a pause, in which the second leg can take over.
    Switch,
}

/// Where the session stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Nobody has come, or nobody is there.
    Waiting,
    /// Legs are being made for the first time.
    Connecting,
    /// The interview is on.
    Live,
    /// The goodbye is being said.
    Ending {
        /// Why it ends.
        reason: EndReason,
    },
    /// It is over.
    Over {
        /// Why it ended.
        reason: EndReason,
        /// When.
        at: Instant,
    },
}

impl Phase {
    /// The wire's word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Ending { .. } => "ending",
            Self::Over {
                reason: EndReason::Failed,
                ..
            } => "failed",
            Self::Over { .. } => "completed",
        }
    }
}

/// The candidate's leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leg {
    /// There was none.
    None,
    /// An offer was answered.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// It can hear.
    Up {
        /// Since when.
        since: Instant,
    },
    /// It may come back by itself.
    Lost {
        /// Since when.
        since: Instant,
        /// Why.
        cause: &'static str,
    },
    /// Only a new offer brings another.
    Gone {
        /// Since when.
        since: Instant,
        /// Why.
        cause: &'static str,
    },
}

impl Leg {
    /// The wire's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Connecting { .. } => "connecting",
            Self::Up { .. } => "up",
            Self::Lost { .. } => "lost",
            Self::Gone { .. } => "gone",
        }
    }
}

/// The AI's leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AiLeg {
    /// Not dialled yet.
    None,
    /// The service was asked.
    Dialling {
        /// Since when.
        since: Instant,
    },
    /// The service said yes; the peer comes up.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// Its channel is open.
    Up {
        /// Since when.
        since: Instant,
    },
    /// Failed; to be dialled again.
    Backoff {
        /// When.
        until: Instant,
    },
    /// Given up.
    Gone {
        /// Why.
        cause: &'static str,
    },
}

impl AiLeg {
    /// The wire's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dialling { .. } | Self::Connecting { .. } => "connecting",
            Self::Up { .. } => "up",
            Self::Backoff { .. } => "lost",
            Self::Gone { .. } => "gone",
        }
    }
}

/// Who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaking {
    /// Nobody.
    Nobody,
    /// The interviewer.
    Ai,
    /// The candidate.
    Candidate,
}

/// How things stand, in the words of the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// `waiting`, `connecting`, `live`, `ending`, `completed`, `failed`.
    pub session: &'static str,
    /// `none`, `connecting`, `up`, `lost`, `gone`.
    pub candidate: &'static str,
    /// The same.
    pub ai: &'static str,
    /// Who is heard.
    pub speaking: Speaking,
    /// When time is up.
    pub ends_at: Option<Instant>,
}
