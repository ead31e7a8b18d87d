//! What a shard's thread is started with: its certificate, its addresses, its clock's beginning.

use super::driver::now;
use super::{Error, ShardConfig, socket};
use crate::call::NtpClock;
use crate::leg::Setup;
use crate::leg::remedies::Remedies;
use crate::{Counters, rtcp};
use rtc::crypto::SignatureScheme;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What the thread is started with.
pub(super) struct Seed {
    pub(super) setup: Setup,
    pub(super) advertise: Vec<SocketAddr>,
    pub(super) ai_bind: IpAddr,
    pub(super) clock: NtpClock,
}

impl Seed {
    pub(super) fn new(
        config: &ShardConfig,
        bound: SocketAddr,
        counters: Arc<Counters>,
        remedies: Remedies,
    ) -> Result<Self, Error> {
        let advertise = socket::advertised(&config.advertise, bound)?;
        let certificate = |error: &dyn std::fmt::Display| Error::Certificate(error.to_string());
        let crypto = rtc::crypto::default_provider().map_err(|error| certificate(&error))?;
        // One for all legs: a browser learns no more by it than by the address that it talks to.
        let generated = RTCCertificate::generate(
            crypto.crypto(),
            SignatureScheme::EcdsaP256Sha256,
            CertificateParams::default(),
        )
        .map_err(|error| certificate(&error))?;
        // The agent takes one address of each family for its own; which of them a datagram came to does not matter to it.
        let mut locals: Vec<SocketAddr> = Vec::new();
        for address in &advertise {
            if !locals.iter().any(|local| local.is_ipv4() == address.is_ipv4()) {
                locals.push(*address);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "driver")]
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let setup = Setup {
            locals,
            certificate: generated,
            crypto,
            ssrc: 0,
            remedies,
            counters,
        };
        Ok(Self {
            setup,
            advertise,
            ai_bind: config.ai_bind,
            clock: NtpClock {
                at: now(),
                ntp: rtcp::ntp(wall),
            },
        })
    }
}
