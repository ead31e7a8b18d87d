//! Drives one interview: carries what happens into the pure machines, and what they ask for out.
//!
//! Is: one task a session, one loop: command, media, AI link, dial, disk, deadline. Isn't: a decision; those are `machine`'s,
//! `realtime::transcript`'s and `vivavoce_signaling`'s. Every wait of the loop is one of its sources; nothing is
//! awaited inside a turn but the media shard's answer to an offer (bounded).

mod ai;
mod begin;
mod candidate;

mod end;
mod leave;
mod rotation;
mod showing;
mod wall_clock;

pub(super) use begin::Begin;

use super::{
    Deps, Error,
    browser::Browser,
    fate,
    late::Late,
    live::{Command, LetGo, Live, QUEUE, Snapshot},
    machine::{Action, Event, Limits, Machine},
    meaning::Reader,
    record::Record,
    tools::Tools,
    turns::Turns,
};
use crate::{
    clock,
    realtime::{
        link::Link,
        mirror::Mirror,
        transcript::{self, Legacy, Transcript},
    },
    store::{self, SessionStep, Source},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;
use vivavoce_media::{Call, CallConfig};
use vivavoce_signaling::ServerMessage;

struct Supervisor {
    deps: Deps,
    begin: Arc<Begin>,
    machine: Machine,
    transcript: Transcript,
    reader: Reader,
    turns: Turns,
    tools: Tools,
    /// Speech of the candidate's that is not in the record goes to the next AI leg.
    is_open: bool,
    /// For how long a leg that is being given up had not been heard.
    ai_silent: Duration,
    candidate_silent: Duration,
    /// While the candidate cannot hear: until when they have heard.
    deaf_since: Option<time::OffsetDateTime>,
    record: Record,
    browser: Browser,
    late: Late,
    mirror: Mirror,
    call: Call,
    media: mpsc::Receiver<vivavoce_media::Event>,
    commands: mpsc::Receiver<Command>,
    snapshot: watch::Sender<Snapshot>,
    link: Option<Link>,
    dialling: JoinSet<Result<Link, crate::realtime::dial::Error>>,
    /// The conversation that is to take over, and its dial.
    next: Option<Link>,
    staging: JoinSet<Result<Link, crate::realtime::dial::Error>>,
    /// Its channel opened before the dial's own answer was read.
    next_open: bool,
    /// Take-overs that the media side was asked for and has not told of yet.
    switching: u32,
    /// The channel opened before the dial's own answer was read.
    ready_early: bool,
    /// When the candidate last ceased to speak: turn latency counts from here.
    ceased: Option<Instant>,
    /// What time it is, for this interview.
    wall: clock::Steady,
    /// How far the machine's clock was ahead of it when that was last noted.
    clock_ahead: time::Duration,
    recording_url: Option<String>,
    /// The WHIP resource whose offer the candidate's leg was last answered to.
    whip: Option<Uuid>,
    /// Items that the candidate typed.
    typed: BTreeSet<String>,
    /// The browser is to go to another process.
    moving: Option<leave::Moving>,
    /// Whether what is said reaches the disk.
    disk: watch::Receiver<bool>,
    /// The session leaves this process, unfinished.
    left: Option<LetGo>,
    /// How it ended.
    /// An end that is to be told once it is kept.
    ending: Option<(Option<oneshot::Receiver<()>>, crate::store::EndReason, Option<String>)>,
    ended: Option<end::Ended>,
    /// Who asked for the end, and is told once the record is whole.
    awaiting_end: Vec<oneshot::Sender<()>>,
    /// What the candidate was saying at the end is to become a turn, and has not yet.
    committing: bool,
}

/// The session's handle, and its task to be spawned by the registry.
pub(super) async fn new(
    deps: Deps,
    mut begin: Begin,
    stop: CancellationToken,
) -> Result<(Live, impl Future<Output = ()> + Send + 'static), Error> {
    let (id, tenant) = (begin.session.id, begin.session.tenant);
    let config = CallConfig {
        name: id.to_string().into(),
        heard_before: begin.heard_before.clone(),
        ..CallConfig::default()
    };
    let shard = deps.shard_for(id).ok_or(Error::Unavailable("no media shard"))?;
    let (call, media) = shard.open(config).await.map_err(|error| {
        tracing::error!(session.id = %id, %error, "no call on the media shard");
        Error::Unavailable("media is not available")
    })?;
    let (now, steady) = (clock::monotonic(), clock::Steady::begin());
    let wall = steady.at(now);
    let limits = Limits {
        max: begin.max(deps.limits.max_minutes),
        warn_before: deps.limits.warn_before_end,
        resume_window: deps.limits.resume_window,
        transport: deps.ai.transport,
        ..Limits::default()
    };
    let started = begin.session.started_at.map(|at| {
        now.checked_sub((wall - at).try_into().unwrap_or_default())
            .unwrap_or(now)
    });
    let (commands_in, commands) = mpsc::channel(QUEUE);
    let (snapshot_in, snapshot) = watch::channel(Snapshot::default());
    let (fence, invitation) = (begin.fence, begin.session.invitation);
    let last = begin.history.iter().map(|entry| entry.sequence).max().unwrap_or(0);
    let mut record = Record::new(tenant, id, fence, deps.journal.clone(), begin.history.clone());
    if let Some(cut) = begin.cut.clone() {
        record.put(vec![cut]);
    }
    let mut machine = Machine::new(limits, rand::random(), begin.greeted, started);
    if begin.tools.asked_to_end() {
        machine.end_was_asked(now);
    }
    let supervisor = Supervisor {
        machine,
        transcript: Transcript::take_up(
            id,
            Legacy::restored(id, last + begin.left_for_former, begin.awaited.clone()),
        ),
        reader: Reader::default(),
        turns: Turns::default(),
        tools: std::mem::take(&mut begin.tools),
        is_open: false,
        ai_silent: Duration::ZERO,
        candidate_silent: Duration::ZERO,
        deaf_since: None,
        record,
        browser: Browser::new(
            id.to_string(),
            deps.resume_keys.clone(),
            deps.ice_servers.clone(),
            wall_ms(wall),
        ),
        late: Late::new(now),
        mirror: Mirror::default(),
        call,
        media,
        commands,
        snapshot: snapshot_in,
        link: None,
        dialling: JoinSet::new(),
        next: None,
        staging: JoinSet::new(),
        next_open: false,
        switching: 0,
        ready_early: false,
        ceased: None,
        wall: steady,
        clock_ahead: begin.clock_ahead,
        recording_url: None,
        whip: None,
        typed: begin
            .history
            .iter()
            .filter(|entry| entry.source == Source::Typed)
            .map(|entry| entry.item_id.clone())
            .collect(),
        moving: None,
        disk: deps.journal.disk(),
        left: None,
        ending: None,
        ended: None,
        awaiting_end: Vec::new(),
        committing: false,
        begin: Arc::new(begin),
        deps,
    };
    let live = Live {
        tenant,
        id,
        invitation,
        fence,
        commands: commands_in,
        snapshot,
    };
    let span = tracing::info_span!("session", session.id = %id, tenant.id = %tenant);
    Ok((live, supervisor.run(stop).instrument(span)))
}

fn wall_ms(at: time::OffsetDateTime) -> u64 {
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

enum Turn {
    Command(Option<Command>),
    Media(Option<vivavoce_media::Event>),
    Link(crate::realtime::link::LinkEvent),
    Next(crate::realtime::link::LinkEvent),
    Dialled(Result<Result<Link, crate::realtime::dial::Error>, tokio::task::JoinError>),
    Staged(Result<Result<Link, crate::realtime::dial::Error>, tokio::task::JoinError>),
    Due,
    Disk(bool),
    Stop,
}

impl Supervisor {
    async fn run(mut self, stop: CancellationToken) {
        tracing::info!("a session lives here");
        if !*self.disk.borrow() {
            self.notice("store_away");
        }
        loop {
            self.watch_clock();
            self.carry_out();
            self.end_once_it_is_kept().await;
            self.move_on();
            self.keep_end_when_whole();
            if self.is_finished() || self.left.is_some() {
                break;
            }
            let due = self.due();
            let turn = tokio::select! {
                biased;
                () = stop.cancelled() => Turn::Stop,
                event = self.media.recv() => Turn::Media(event),
                event = next(&mut self.link) => Turn::Link(event),
                event = next(&mut self.next) => Turn::Next(event),
                Some(dialled) = self.dialling.join_next() => Turn::Dialled(dialled),
                Some(staged) = self.staging.join_next() => Turn::Staged(staged),
                command = self.commands.recv() => Turn::Command(command),
                is_ok = changed(&mut self.disk) => Turn::Disk(is_ok),
                () = sleep_until(due) => Turn::Due,
            };
            match turn {
                Turn::Command(Some(command)) => self.command(command).await,
                Turn::Command(None) | Turn::Stop => self.left = Some(LetGo::Given),
                Turn::Media(event) => self.media_event(event),
                Turn::Link(event) => self.link_event(event),
                Turn::Next(event) => self.next_link_event(event),
                Turn::Dialled(result) => self.dialled(result),
                Turn::Disk(is_ok) => self.notice(if is_ok { "store_back" } else { "store_away" }),
                Turn::Staged(result) => self.staged(result),
                Turn::Due => {
                    let now = clock::monotonic();
                    self.transcript.handle_timeout(now, self.wall.at(now));
                    self.machine.handle(now, Event::Due);
                }
            }
        }
        self.leave().await;
        self.finish().await;
    }

    fn tell(&mut self, event: Event) {
        self.machine.handle(clock::monotonic(), event);
        self.carry_out();
    }

    /// Carries out what the machines ask for, until they ask for nothing.
    fn carry_out(&mut self) {
        loop {
            if let Some(action) = self.machine.poll_action() {
                self.act(action);
            } else if let Some(action) = self.transcript.poll_action() {
                self.record_or_show(action);
            } else {
                return;
            }
        }
    }

    fn record_or_show(&mut self, action: transcript::Action) {
        match action {
            transcript::Action::Put(entries) => {
                for entry in entries.iter().filter(|entry| entry.revision == 1) {
                    self.deps.metrics.entry(entry.speaker, entry.source, None);
                }
                let is_written =
                    |entry: &store::Entry| entry.speaker == store::Speaker::Candidate && entry.source == Source::Tap;
                if entries.iter().any(is_written) {
                    self.late.turn_written();
                }
                self.record.put(entries);
            }
            transcript::Action::Caption(caption) => self.caption(caption),
            transcript::Action::Awaits { sequence, item_id } => {
                let told = fate::awaited_told(sequence, &item_id);
                self.record.note(self.wall.now(), "session", fate::AWAITED, told);
            }
        }
    }

    fn act(&mut self, action: Action) {
        let wall = self.wall.now();
        match action {
            Action::DialAi(transport) => self.dial(transport),
            Action::HangUpAi => self.lose_ai(),
            Action::Greet => {
                self.record.note(wall, "session", fate::GREETED, String::new());
                self.send_ai(vec![self.deps.dialect.respond()]);
            }
            Action::Respond => self.send_ai(vec![self.deps.dialect.respond()]),
            Action::StopAnswering => self.send_ai(vec![self.deps.dialect.stop_answering()]),
            Action::CommitSpeech => self.commit_speech(),
            Action::Silence { making } => self.send_ai(self.deps.dialect.silence(making)),
            Action::TakeUpAgain => self.take_up_again(),
            Action::DialNext(transport) => self.dial_next(transport),
            Action::DropNext => self.drop_next(),
            Action::SwitchAi => self.switch_ai(),
            Action::CutAtHeard => self.cut_at_heard(),
            Action::GoOn => self.go_on(),
            Action::AnswerEndTool { call_id } => {
                self.answer_tool(&call_id, &serde_json::json!({ "ok": true }));
            }
            Action::AskGoodbye(reason) => self.send_ai_unspoken(self.deps.dialect.goodbye(reason)),
            Action::WarnTimeLeft(left) => {
                self.send_ai_unspoken(self.deps.dialect.time_left(left.as_secs().div_ceil(60)));
                self.notice("time_left");
            }
            Action::Renegotiate { ice_restart, reason } => {
                self.say(ServerMessage::Renegotiate {
                    ice_restart,
                    reason: reason.to_owned(),
                });
            }
            Action::Notice(code) => self.notice(code),
            Action::Tell => self.show(),
            Action::Connected => self.record.step(SessionStep::Connected { at: wall }),
            Action::Disconnected => self.record.step(SessionStep::Disconnected { at: wall }),
            Action::Note { leg, what, cause } => {
                tracing::info!(leg, what, cause, "transition");
                // The end is noted with its reason, below.
                if (leg, what) != ("session", fate::ENDED) {
                    self.record.note(wall, leg, what, cause);
                }
            }
            Action::End { reason, failure } => {
                let told = fate::told(reason, failure.as_deref());
                let durable = self.record.note_watched(wall, "session", fate::ENDED, told);
                self.ending = Some((durable, reason, failure));
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let machine = self.machine.poll_timeout().map(|(at, _)| at);
        [
            machine,
            self.transcript.poll_timeout(),
            self.linger(),
            self.moving_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

async fn next(link: &mut Option<Link>) -> crate::realtime::link::LinkEvent {
    match link {
        Some(link) => link.recv().await,
        None => std::future::pending().await,
    }
}

async fn changed(disk: &mut watch::Receiver<bool>) -> bool {
    // The journal outlives its sessions; if it did not, there is nothing more to tell.
    match disk.changed().await {
        Ok(()) => *disk.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
