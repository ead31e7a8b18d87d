//! What a session needs to know before it lives: read from the store once, after its lease was taken.
//!
//! **Law:** what this process's journal holds of it is in the store before it is read, so that the history is whole. What
//! another process's journal holds cannot be seen from here: it is milliseconds' worth while the database is in reach, and
//! places in the conversation's order are left for it ([`LEFT_FOR_FORMER`]).

use super::super::{Deps, Error, fate, lease::LEFT_FOR_FORMER, restore, tools::Tools};
use crate::{
    config,
    realtime::{dialect::Dialect, instructions::first_name, session::Brief},
    store::{self, Entry, Fence, Former, Position, Session},
};
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;

/// How long the journal may take to bring to the store what a former run of this process left. A hello waits for 10 s.
const REPLAY_MAX: Duration = Duration::from_secs(5);

/// See the module.
pub(in super::super) struct Begin {
    pub(in super::super) session: Session,
    pub(in super::super) position: Position,
    /// As the interviewer is told it.
    pub(in super::super) candidate_name: String,
    /// What was said before this process had the session.
    pub(in super::super) history: Vec<Entry>,
    /// Under which the session is held.
    pub(in super::super) fence: Fence,
    /// The interviewer has greeted, whether or not a word of it was stored.
    pub(in super::super) greeted: bool,
    /// The last of the history, where it was cut off by its process's death: to be stored so.
    pub(in super::super) cut: Option<Entry>,
    /// What the AI has called.
    pub(in super::super) tools: Tools,
    /// Places in the order behind the history that are left free.
    pub(in super::super) left_for_former: i32,
    /// How far each of the candidate's streams was the AI's for good, oldest first: SSRC and RTP timestamp.
    pub(in super::super) heard_before: Vec<(u32, u32)>,
    /// Turns of the candidate's whose words a process before this one awaited: place in the record, item, when.
    pub(in super::super) awaited: Vec<(i32, String, time::OffsetDateTime)>,
    /// How far the clock of whoever drove it last was ahead of the record's.
    pub(in super::super) clock_ahead: time::Duration,
}

impl Begin {
    /// `former`: whoever died with the session. `heard_until`: when its page last had sound.
    ///
    /// # Errors
    /// `Ended` where it is over, or was said to be over by a process that died before the store knew (it knows then);
    /// `NotFound`, `Unavailable`.
    pub(in super::super) async fn load(
        deps: &Deps,
        session: &Session,
        fence: Fence,
        former: Option<Former>,
        heard_until: Option<OffsetDateTime>,
    ) -> Result<Self, Error> {
        let (tenant, id, store) = (session.tenant, session.id, &deps.store);
        let away = |error: store::Error| {
            tracing::error!(session.id = %id, %error, "a session could not be read");
            Error::Unavailable("the database is away")
        };
        deps.journal.flush(REPLAY_MAX).await.map_err(|left| {
            tracing::error!(session.id = %id, %left, "the journal is not in the database yet");
            Error::Unavailable("the database is away")
        })?;
        let session = store.session(tenant, id).await.map_err(away)?.ok_or(Error::NotFound)?;
        if session.ended_at.is_some() {
            return Err(Error::Ended);
        }
        let events = store.session_events(tenant, id).await.map_err(away)?;
        if let Some(end) = fate::end_told(&events) {
            tracing::info!(session.id = %id, "an interview was over when its process died: its end is stored");
            store.session_step(tenant, id, &end).await.map_err(away)?;
            return Err(Error::Ended);
        }
        let position = store
            .position(tenant, session.position)
            .await
            .map_err(away)?
            .ok_or(Error::NotFound)?;
        let candidate = store
            .candidate(tenant, session.candidate)
            .await
            .map_err(away)?
            .ok_or(Error::NotFound)?;
        let mut history = store.transcript(tenant, id, false).await.map_err(away)?;
        let ahead = fate::clock_ahead(&events);
        let heard_until = heard_until.map(|heard| heard - ahead);
        let cut = restore::cut_off(
            &mut history,
            former.map(|former| former.alive_until - ahead),
            heard_until,
        );
        let greeted = events
            .iter()
            .any(|event| event.leg == "session" && event.what == fate::GREETED);
        Ok(Self {
            session,
            position,
            candidate_name: candidate.name,
            awaited: fate::awaited(&events, &history),
            greeted: greeted || !history.is_empty(),
            history,
            fence,
            cut,
            clock_ahead: ahead,
            heard_before: fate::heard_up_to(&events),
            tools: Tools::of(&events),
            left_for_former: match former {
                Some(former) if !former.has_ended => LEFT_FOR_FORMER,
                Some(_) | None => 0,
            },
        })
    }

    /// The session that the AI is asked for: the same for each of its legs.
    pub(in super::super) fn ai_session(&self, ai: &config::Ai, dialect: &dyn Dialect) -> Value {
        let first_name = first_name(&self.candidate_name);
        dialect.session(&Brief {
            position: &self.position,
            first_name: first_name.as_deref(),
            model: &ai.model,
            transcription_model: &ai.transcription_model,
        })
    }

    /// How long the interview may take, within what one AI session allows.
    pub(in super::super) fn max(&self, cap_minutes: u16) -> Duration {
        Duration::from_secs(60 * u64::from(self.position.max_minutes.clamp(1, cap_minutes.max(1))))
    }
}
