//! Work that outlives a request and a process: put by a handler, done beside everything else, tried again until it is done.
//!
//! Is: what a job is, how it is put, who does it and when. Isn't: the queue itself (`store/jobs.rs`), nor the doing of any one
//! (`vendors/`). **Law:** a job is done at least once, so each kind must bear to be done twice; it is given up after
//! [`ATTEMPTS_MAX`] tries, with a line in the log and a count. What it carries is sealed: the database alone cannot tell it.

mod pause;

use crate::auth::{Purpose, Sealer};
use crate::config;
use crate::ids::{JobId, TenantId};
use crate::letters::Letter;
use crate::metrics::Metrics;
use crate::store::{self, JobEnd, Store, TakenJob};
use crate::vendors::mail::{self, Mail};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use pause::{ATTEMPTS_MAX, pause};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Whoever takes a job has it for so long; then it is due again. Longer than [`WORK_MAX`].
const HOLD: Duration = Duration::from_secs(90);
/// One try may take so long.
const WORK_MAX: Duration = Duration::from_secs(60);
/// Between two looks at the queue, on average, where nobody has put anything here.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Jobs at once, and asked for at a time.
const AT_ONCE: u32 = 4;

/// A piece of work.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A letter to be sent.
    Mail(Letter),
}

/// What became of one try.
enum Tried {
    Done,
    Again(String),
    Never(String),
}

/// The queue, as handlers and the worker have it. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Arc<dyn Store>,
    sealer: Arc<Sealer>,
    mail: Option<Arc<Mail>>,
    metrics: Metrics,
    put: Arc<Notify>,
}

impl Job {
    /// As it is stored, and counted.
    fn kind(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
        }
    }
}

impl Jobs {
    /// `mail`: None where no mail is sent.
    pub fn new(store: Arc<dyn Store>, auth: &config::Auth, mail: Option<Mail>, metrics: Metrics) -> Self {
        Self {
            sealer: Arc::new(Sealer::new(auth, Purpose::Jobs)),
            put: Arc::new(Notify::new()),
            store,
            mail: mail.map(Arc::new),
            metrics,
        }
    }

    /// Whether letters are sent at all.
    pub fn sends_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// Puts a job. The same id again: nothing. Once it answers, the work will be done.
    pub async fn put(&self, tenant: TenantId, id: JobId, job: &Job) -> store::Result<()> {
        let unsealed = || store::Error::Corrupt("a job cannot be sealed".into());
        let clear = serde_json::to_vec(job).map_err(|_| unsealed())?;
        let sealed = self.sealer.seal(id.0.as_bytes(), &clear).map_err(|_| unsealed())?;
        self.store
            .job_put(tenant, id, job.kind(), &sealed, Duration::ZERO)
            .await?;
        self.put.notify_one();
        Ok(())
    }

    /// Does what is due, for as long as it is polled.
    pub async fn run(self) {
        loop {
            while self.do_what_is_due().await {}
            // What this process puts it does at once; what another left behind, or failed, at a look.
            let look = LOOK_EVERY.mul_f64(rand::random_range(0.75..1.25));
            _ = tokio::time::timeout(look, self.put.notified()).await;
        }
    }

    /// False: nothing was due, or the database is away.
    async fn do_what_is_due(&self) -> bool {
        let due = match self.store.jobs_due(AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "what is to be done cannot be read");
                return false;
            }
        };
        let doing: FuturesUnordered<_> = due.iter().map(|(tenant, id)| self.one(*tenant, *id)).collect();
        doing.any(|taken| async move { taken }).await
    }

    /// False: another has it, or the database is away.
    async fn one(&self, tenant: TenantId, id: JobId) -> bool {
        let Ok(Some(taken)) = self.store.job_take(tenant, id, HOLD).await else {
            return false;
        };
        let tried = match tokio::time::timeout(WORK_MAX, self.work(id, &taken)).await {
            Ok(tried) => tried,
            Err(_) => Tried::Again("it took too long".into()),
        };
        let kind = taken.kind.as_str();
        let end = match tried {
            Tried::Done => JobEnd::Done,
            Tried::Again(why) if taken.attempts < ATTEMPTS_MAX => {
                tracing::info!(%tenant, job = %id, kind, attempts = taken.attempts, why, "a job is tried again later");
                JobEnd::Again(pause(taken.attempts, rand::random()), why)
            }
            Tried::Again(why) | Tried::Never(why) => {
                tracing::error!(%tenant, job = %id, kind, attempts = taken.attempts, why, "a job is given up");
                JobEnd::Failed(why)
            }
        };
        if let Err(error) = self.store.job_end(tenant, id, &end).await {
            // It is done again once its hold is over: at least once is the law.
            tracing::warn!(%tenant, job = %id, %error, "what became of a job cannot be stored");
        }
        self.metrics.job_tried(kind_of(kind), &end);
        true
    }

    async fn work(&self, id: JobId, taken: &TakenJob) -> Tried {
        let Ok(clear) = self.sealer.open(id.0.as_bytes(), &taken.payload) else {
            return Tried::Never("its secret was dropped".into());
        };
        match serde_json::from_slice(&clear) {
            Ok(Job::Mail(letter)) => self.send(id, &letter).await,
            // A newer version's, which runs beside this one during a deploy.
            Err(_) => Tried::Again("this version does not know it".into()),
        }
    }

    async fn send(&self, id: JobId, letter: &Letter) -> Tried {
        let Some(mail) = &self.mail else {
            return Tried::Again("SMTP_URL is not set".into());
        };
        match mail.send(id, letter).await {
            Ok(()) => Tried::Done,
            Err(error @ mail::Error::Refused(_)) => Tried::Never(error.to_string()),
            Err(error) => Tried::Again(error.to_string()),
        }
    }
}

/// As a label has it: a closed list, whatever a newer version has stored.
fn kind_of(kind: &str) -> &'static str {
    match kind {
        "mail" => "mail",
        _ => "unknown",
    }
}
