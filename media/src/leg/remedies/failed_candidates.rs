//! Remedy: candidates wiped at `Failed`.
//!
//! Defect (rtc-ice 0.21.1): `Failed`, which comes 30 s after the last STUN, deletes the agent's local candidates. From
//! then on it hears nothing, even when the network is back, and its answer to an ICE restart leads nowhere. Remedy: the
//! agent has no timeouts, so that it never fails by itself (life is judged in `leg/liveness.rs`); and its own candidates are
//! given to it again before each answer.

use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit};
use std::net::SocketAddr;
use std::time::Duration;

/// Disconnected and failed timeouts for the agent: off.
pub(crate) const TIMEOUTS_OFF: (Option<Duration>, Option<Duration>) = (Some(Duration::ZERO), Some(Duration::ZERO));

/// The agent's host candidate for an address of ours. `None` if `rtc` cannot express it.
pub(crate) fn host_candidate(address: SocketAddr) -> Option<RTCIceCandidateInit> {
    let candidate = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".into(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..Default::default()
        },
        ..Default::default()
    }
    .new_candidate_host()
    .ok()?;
    RTCIceCandidate::from(&candidate).to_json().ok()
}
