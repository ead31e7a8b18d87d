//! What a session needs to know before it lives: read from the store once.

use super::super::{Deps, Error};
use crate::store::{self, Entry, Position, Session};
use std::time::Duration;

/// See the module.
pub(in super::super) struct Begin {
    pub(in super::super) session: Session,
    pub(in super::super) position: Position,
    /// As the interviewer is told it.
    pub(in super::super) candidate_name: String,
    /// What was said before this process had the session.
    pub(in super::super) history: Vec<Entry>,
}

impl Begin {
    pub(in super::super) async fn load(deps: &Deps, session: &Session) -> Result<Self, Error> {
        let (tenant, store) = (session.tenant, &deps.store);
        let away = |error: store::Error| {
            tracing::error!(session.id = %session.id, %error, "a session could not be read");
            Error::Unavailable("the database is away")
        };
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
        let history = store.transcript(tenant, session.id, false).await.map_err(away)?;
        Ok(Self {
            session: session.clone(),
            position,
            candidate_name: candidate.name,
            history,
        })
    }

    /// How long the interview may take, within what one AI session allows.
    pub(in super::super) fn max(&self, cap_minutes: u16) -> Duration {
        Duration::from_secs(60 * u64::from(self.position.max_minutes.clamp(1, cap_minutes.max(1))))
    }
}
