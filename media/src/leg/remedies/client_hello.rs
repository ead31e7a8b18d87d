//! Remedy: the ClientHello that comes late.
//!
//! Defect (rtc 0.21.1): as DTLS client the peer makes its ClientHello when ICE connects, but only `handle_timeout` sends
//! it; left alone, that is at the next ICE check, up to 200 ms later. Remedy: one `handle_timeout` at once.

use rtc::peer_connection::state::RTCIceConnectionState;

/// Whether this change of state wants `handle_timeout` called at once.
pub(crate) fn wants_flush(state: RTCIceConnectionState) -> bool {
    state == RTCIceConnectionState::Connected
}
