//! Every call there is and was, and what the next ones will be like.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{
    call::Command,
    conversation::{Exam, Faults, Judge, Mode, QUESTIONS_MAX},
    wire::WireFaults,
};

/// Ended calls that are remembered; the oldest go first.
const ENDED_MAX: usize = 500;
/// A call that does not answer the control endpoint by then is told of as busy.
const SNAPSHOT_MAX: Duration = Duration::from_secs(2);

/// What every new call is made with. `POST /control/defaults` changes what is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Defaults {
    pub(crate) mode: Mode,
    /// 1 to 8.
    pub(crate) questions: usize,
    pub(crate) judge: Judge,
    pub(crate) exam: Exam,
    pub(crate) faults: Faults,
    pub(crate) wire: WireFaults,
    /// Whether RTP goes on, silent, between turns.
    pub(crate) continuous: bool,
    /// From the end of a turn to the first word of the answer, in ms.
    pub(crate) think_ms: u64,
    /// From one word to the next, in ms.
    pub(crate) word_ms: u64,
    /// The longest session, in s.
    pub(crate) lifetime_s: u64,
    /// Binding requests without USE-CANDIDATE go unanswered once a pair is nominated.
    pub(crate) use_candidate_strict: bool,
    /// TCP candidates are told of, though none is served.
    pub(crate) tcp_candidates: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            mode: Mode::Interviewer,
            questions: 6,
            judge: Judge::default(),
            exam: Exam::default(),
            faults: Faults::default(),
            wire: WireFaults::default(),
            continuous: true,
            think_ms: 200,
            word_ms: 25,
            lifetime_s: 3_600,
            use_candidate_strict: false,
            tcp_candidates: true,
        }
    }
}

impl Defaults {
    /// These with the fields of `update` put over them, at any depth.
    pub(crate) fn with(&self, update: &Value) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        overlay(&mut value, update);
        let mut next: Self = serde_json::from_value(value)?;
        next.questions = next.questions.clamp(1, QUESTIONS_MAX);
        Ok(next)
    }
}

fn overlay(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                overlay(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// An HTTP refusal that the next calls get.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusal {
    /// Over which transport, `webrtc` or `websocket`; else of every kind, the transcripts' and summaries' too.
    pub(crate) transport: Option<String>,
    /// How many calls, where no time is told.
    #[serde(default = "one")]
    pub(crate) count: u32,
    /// Every call for so long, in ms from the order on.
    pub(crate) for_ms: Option<u64>,
    /// No answer at all: the caller is left to wait.
    #[serde(default)]
    pub(crate) hang: bool,
    #[serde(default = "unavailable")]
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    /// `Retry-After`, in s.
    pub(crate) retry_after: Option<u64>,
}

fn one() -> u32 {
    1
}

fn unavailable() -> u16 {
    503
}

struct Entry {
    transport: &'static str,
    commands: Option<mpsc::Sender<Command>>,
    last: Value,
}

#[derive(Default)]
struct State {
    defaults: Defaults,
    calls: BTreeMap<String, Entry>,
    ended: VecDeque<String>,
    /// Each with when it lapses, if it does by time.
    refusals: VecDeque<(Refusal, Option<Instant>)>,
    refused: u64,
    /// Ephemeral keys: value to (expiry in s of the epoch, session).
    secrets: BTreeMap<String, (u64, Value)>,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    state: Arc<Mutex<State>>,
    /// Owns every call's task.
    pub(crate) tasks: TaskTracker,
}

impl Registry {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn defaults(&self) -> Defaults {
        self.state().defaults.clone()
    }

    pub(crate) fn set_defaults(&self, defaults: Defaults) {
        self.state().defaults = defaults;
    }

    /// Takes one refusal of a request over that transport off the queue, if there is one for it.
    pub(crate) fn refusal(&self, now: Instant, transport: Option<&str>) -> Option<Refusal> {
        let mut state = self.state();
        state
            .refusals
            .retain(|(_, until)| until.is_none_or(|until| now < until));
        let is_for = |refusal: &Refusal| refusal.transport.is_none() || refusal.transport.as_deref() == transport;
        let at = state.refusals.iter().position(|(refusal, _)| is_for(refusal))?;
        let (found, until) = state.refusals.get_mut(at)?;
        found.count -= u32::from(until.is_none());
        let (refusal, spent) = (found.clone(), found.count == 0);
        if spent {
            state.refusals.remove(at);
        }
        state.refused += 1;
        Some(refusal)
    }

    /// The next calls are refused. `count` 0 without a time takes all such orders back.
    pub(crate) fn refuse(&self, refusal: Refusal, now: Instant) {
        let until = refusal.for_ms.map(|ms| now + Duration::from_millis(ms));
        let mut state = self.state();
        match (refusal.count, until) {
            (0, None) => state.refusals.clear(),
            (0, Some(_)) => state.refusals.push_back((Refusal { count: 1, ..refusal }, until)),
            _ => state.refusals.push_back((refusal, until)),
        }
    }

    /// Requests refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.state().refused
    }

    pub(crate) fn keep_secret(&self, value: &str, expires_at: u64, session: Value) {
        self.state().secrets.insert(value.to_owned(), (expires_at, session));
    }

    /// The session of an ephemeral key that is still good.
    pub(crate) fn secret(&self, value: &str, now_s: u64) -> Option<Value> {
        self.state()
            .secrets
            .get(value)
            .filter(|(expires, _)| *expires > now_s)
            .map(|(_, session)| session.clone())
    }

    pub(crate) fn enter(&self, id: &str, transport: &'static str, commands: mpsc::Sender<Command>) {
        self.state().calls.insert(
            id.to_owned(),
            Entry {
                transport,
                commands: Some(commands),
                last: json!({"state": "connecting"}),
            },
        );
    }

    /// The call is over; `last` is what is told of it from here on.
    pub(crate) fn leave(&self, id: &str, last: Value) {
        let mut state = self.state();
        if let Some(entry) = state.calls.get_mut(id) {
            entry.commands = None;
            entry.last = last;
            state.ended.push_back(id.to_owned());
        }
        while state.ended.len() > ENDED_MAX {
            if let Some(oldest) = state.ended.pop_front() {
                state.calls.remove(&oldest);
            }
        }
    }

    /// The way to a call that is going on.
    pub(crate) fn commands(&self, id: &str) -> Option<mpsc::Sender<Command>> {
        self.state().calls.get(id).and_then(|e| e.commands.clone())
    }

    /// Ids of all calls, or of those going on.
    pub(crate) fn ids(&self, live: bool) -> Vec<String> {
        self.state()
            .calls
            .iter()
            .filter(|(_, e)| !live || e.commands.is_some())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Everything about one call.
    pub(crate) async fn tell(&self, id: &str) -> Option<Value> {
        let (transport, commands, last) = {
            let state = self.state();
            let entry = state.calls.get(id)?;
            (entry.transport, entry.commands.clone(), entry.last.clone())
        };
        let mut value = match commands {
            None => last,
            Some(commands) => {
                let (reply, answer) = oneshot::channel();
                let asked = async {
                    commands.send(Command::Snapshot(reply)).await.ok()?;
                    answer.await.ok()
                };
                let asked = tokio::time::timeout(SNAPSHOT_MAX, asked).await;
                // It may have ended between the two looks.
                let after = || self.state().calls.get(id).map(|e| e.last.clone());
                asked.ok().flatten().or_else(after).unwrap_or(last)
            }
        };
        value["id"] = json!(id);
        value["transport"] = json!(transport);
        Some(value)
    }

    /// Ends every call and forgets everything.
    pub(crate) async fn reset(&self) {
        for id in self.ids(true) {
            if let Some(commands) = self.commands(&id) {
                let _ = commands.send(Command::End("reset".to_owned())).await;
            }
        }
        let mut state = self.state();
        let going: Vec<_> = state
            .calls
            .iter()
            .filter(|(_, e)| e.commands.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        state.calls.retain(|id, _| going.contains(id));
        state.ended.clear();
        state.refusals.clear();
        state.refused = 0;
        state.defaults = Defaults::default();
    }
}
