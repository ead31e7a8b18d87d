//! Work that outlives a request and a process.
//!
//! **Law:** a job is done at least once: it is there until somebody says that it is done, or that it never will be. Whoever takes
//! one holds it for a while, and no longer: should that process die, another takes it. Times are the database's own.

use super::Result;
use crate::ids::{JobId, TenantId};
use async_trait::async_trait;
use std::time::Duration;

/// A job that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenJob {
    /// What is to be done, as whoever put it names it.
    pub kind: String,
    /// With what: sealed by whoever put it.
    pub payload: Vec<u8>,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// What became of a job that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// It is done, and forgotten.
    Done,
    /// Not yet; another time, after that long at least. Why, in words of ours.
    Again(Duration, String),
    /// It never will be. Why, in words of ours; it is kept for an operator to see.
    Failed(String),
}

/// The queue. Part of [`super::Store`], under its law.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Puts a job, not to be done before that long has passed. The same id again: nothing.
    async fn job_put(&self, tenant: TenantId, id: JobId, kind: &str, payload: &[u8], wait: Duration) -> Result<()>;
    /// What is due, of all tenants, the longest due first.
    async fn jobs_due(&self, most: u32) -> Result<Vec<(TenantId, JobId)>>;
    /// Takes one that is due for so long. None: another has it, or it is done.
    async fn job_take(&self, tenant: TenantId, id: JobId, hold: Duration) -> Result<Option<TakenJob>>;
    /// Says what became of one that was taken.
    async fn job_end(&self, tenant: TenantId, id: JobId, end: &JobEnd) -> Result<()>;
}
