//! What webrtc-rs 0.21.1 gets wrong on the wire, and what we do about it, a file each (docs/webrtc-rs.md).
//!
//! Each goes when upstream has it. Each can be switched off in tests alone, so that its test can be seen red.

pub(crate) mod client_hello;
pub(crate) mod dtls_flight;
pub(crate) mod failed_candidates;
pub(crate) mod keepalive;
pub(crate) mod pair_follow;
pub(crate) mod use_candidate;

/// Which remedies are at work. All, outside tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remedies {
    pub(crate) client_hello: bool,
    pub(crate) dtls_flight: bool,
    pub(crate) failed_candidates: bool,
    pub(crate) keepalive: bool,
    pub(crate) pair_follow: bool,
    pub(crate) use_candidate: bool,
}

impl Default for Remedies {
    fn default() -> Self {
        Self {
            client_hello: true,
            dtls_flight: true,
            failed_candidates: true,
            keepalive: true,
            pair_follow: true,
            use_candidate: true,
        }
    }
}

#[cfg(test)]
mod tests;
