//! SRTP and SRTCP beside the peer: one leg's contexts, in and out.
//!
//! Is: RFC 3711 and RFC 7714 over `rtc-srtp`, with its loose ends tied: state for an SSRC is made only once a packet of
//! it has proved authentic (upstream makes it before), and SRTCP that says of itself that it is not encrypted is refused
//! (upstream takes it unauthenticated under AES-CM). Isn't: media; packets go in and out whole.

use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::srtp::context::Context;
use rtc::srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc::srtp::protection_profile::ProtectionProfile;
use std::sync::Arc;

/// What a DTLS handshake settles on. Offered in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    AeadAes128Gcm,
    Aes128CmHmacSha1_80,
}

impl Profile {
    /// By the name that `rtc`'s statistics give it.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "SRTP_AEAD_AES_128_GCM" => Some(Self::AeadAes128Gcm),
            "SRTP_AES128_CM_HMAC_SHA1_80" => Some(Self::Aes128CmHmacSha1_80),
            _ => None,
        }
    }

    fn upstream(self) -> ProtectionProfile {
        match self {
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        }
    }

    /// Bytes behind the word that holds SRTCP's E bit and index: the tag comes after it in CM, before it in GCM.
    fn after_index(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 0,
            Self::Aes128CmHmacSha1_80 => 10,
        }
    }
}

/// Far ends have one SSRC, two or three in a long life; no more are kept.
const SSRCS_MAX: usize = 32;

/// Unproven SSRCs that a context may hold before it is made anew.
const PROBES_MAX: u32 = 64;

/// Packets that may come late or twice and still be told apart.
const REPLAY_WINDOW: usize = 128;

struct Keys {
    key: Vec<u8>,
    salt: Vec<u8>,
    profile: Profile,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Keys {
    fn context(&self, replay: bool) -> Option<Context> {
        let (rtp, rtcp) = if replay {
            (
                Some(srtp_replay_protection(REPLAY_WINDOW)),
                Some(srtcp_replay_protection(REPLAY_WINDOW)),
            )
        } else {
            (None, None)
        };
        Context::new(
            &self.key,
            &self.salt,
            self.profile.upstream(),
            rtp,
            rtcp,
            self.crypto.crypto(),
        )
        .ok()
    }
}

/// One direction in, with its proven SSRCs.
struct Inbound {
    keys: Keys,
    context: Context,
    /// Takes the packets of unproven SSRCs, and is thrown away.
    probe: Context,
    probes: u32,
    rtp: Vec<u32>,
    rtcp: Vec<u32>,
}

/// One leg's SRTP.
pub(crate) struct Srtp {
    inbound: Inbound,
    outbound: Context,
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Srtp").finish_non_exhaustive()
    }
}

impl Srtp {
    /// Out of the exporter's material (`leg/keys.rs`). `None` if it is too short or the provider fails.
    pub(crate) fn new(
        material: &[u8],
        profile: Profile,
        is_client: bool,
        crypto: &Arc<dyn RTCCryptoProvider>,
    ) -> Option<Self> {
        let (key_len, salt_len) = (profile.upstream().key_len(), profile.upstream().salt_len());
        let (client_key, rest) = material.split_at_checked(key_len)?;
        let (server_key, rest) = rest.split_at_checked(key_len)?;
        let (client_salt, rest) = rest.split_at_checked(salt_len)?;
        let (server_salt, _) = rest.split_at_checked(salt_len)?;
        let keys = |key: &[u8], salt: &[u8]| Keys {
            key: key.to_vec(),
            salt: salt.to_vec(),
            profile,
            crypto: crypto.clone(),
        };
        let (client, server) = (keys(client_key, client_salt), keys(server_key, server_salt));
        let (theirs, ours) = if is_client { (server, client) } else { (client, server) };
        Some(Self {
            outbound: ours.context(false)?,
            inbound: Inbound {
                context: theirs.context(true)?,
                probe: theirs.context(true)?,
                keys: theirs,
                probes: 0,
                rtp: Vec::new(),
                rtcp: Vec::new(),
            },
        })
    }

    /// The RTP packet in the clear; `None` if it is not authentic, or came before.
    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let ssrc = word(packet, 8)?;
        let inbound = &mut self.inbound;
        if !inbound.rtp.contains(&ssrc) {
            inbound.make_room()?;
            if inbound.rtp.len() >= SSRCS_MAX || inbound.probe.decrypt_rtp(packet).is_err() {
                return None;
            }
            inbound.rtp.push(ssrc);
        }
        inbound.context.decrypt_rtp(packet).ok()
    }

    /// The compound RTCP packet in the clear; `None` if it is not authentic, or came before.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let inbound = &mut self.inbound;
        let index_at = packet.len().checked_sub(inbound.keys.profile.after_index() + 4)?;
        let (ssrc, index) = (word(packet, 4)?, word(packet, index_at)?);
        if index >> 31 == 0 {
            return None;
        }
        if !inbound.rtcp.contains(&ssrc) {
            inbound.make_room()?;
            if inbound.rtcp.len() >= SSRCS_MAX || inbound.probe.decrypt_rtcp(packet).is_err() {
                return None;
            }
            inbound.rtcp.push(ssrc);
        }
        inbound.context.decrypt_rtcp(packet).ok()
    }

    /// Protects an RTP packet.
    pub(crate) fn protect_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtp(packet).ok()
    }

    /// Protects a compound RTCP packet.
    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.outbound.encrypt_rtcp(packet).ok()
    }
}

impl Inbound {
    fn make_room(&mut self) -> Option<()> {
        self.probes += 1;
        if self.probes > PROBES_MAX {
            self.probe = self.keys.context(true)?;
            self.probes = 0;
        }
        Some(())
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pair(profile: Profile) -> (Srtp, Srtp) {
        let material: Vec<u8> = (0..60).collect();
        let crypto = rtc::crypto::default_provider().unwrap();
        (
            Srtp::new(&material, profile, true, &crypto).unwrap(),
            Srtp::new(&material, profile, false, &crypto).unwrap(),
        )
    }

    fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 111];
        packet.extend(seq.to_be_bytes());
        packet.extend(0_u32.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(b"opus");
        packet
    }

    const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];

    #[test]
    fn each_profile_carries_both_ways_refuses_repeats_and_changed_bytes() {
        for profile in PROFILES {
            let (mut client, mut server) = pair(profile);
            let sealed = client.protect_rtp(&rtp(1, 10)).unwrap();
            for at in 0..sealed.len() {
                let mut changed = sealed.to_vec();
                changed[at] ^= 1;
                assert!(
                    server.unprotect_rtp(&changed).is_none(),
                    "{profile:?}: byte {at} changed"
                );
                assert!(
                    server.unprotect_rtp(&sealed[..at]).is_none(),
                    "{profile:?}: cut at {at}"
                );
            }
            assert_eq!(server.unprotect_rtp(&sealed).unwrap(), rtp(1, 10));
            assert!(server.unprotect_rtp(&sealed).is_none(), "{profile:?}: a repeat");
            let back = server.protect_rtp(&rtp(2, 65_535)).unwrap();
            assert_eq!(client.unprotect_rtp(&back).unwrap(), rtp(2, 65_535));
        }
    }

    #[test]
    fn rtcp_that_says_it_is_not_encrypted_is_refused() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
        for profile in PROFILES {
            let (mut client, mut server) = pair(profile);
            let sealed = client.protect_rtcp(&report).unwrap();
            // The attack on upstream's AES-CM: plaintext with E = 0 and any tag.
            let mut forged = report.to_vec();
            forged.extend([0, 0, 0, 1]);
            forged.extend([0; 16]);
            assert!(server.unprotect_rtcp(&forged).is_none());
            assert!(server.unprotect_rtcp(&forged[..forged.len() - 6]).is_none());
            for at in 0..sealed.len() {
                assert!(
                    server.unprotect_rtcp(&sealed[..at]).is_none(),
                    "{profile:?}: cut at {at}"
                );
            }
            assert_eq!(&server.unprotect_rtcp(&sealed).unwrap()[..], &report);
            assert!(server.unprotect_rtcp(&sealed).is_none());
        }
    }

    #[test]
    fn a_flood_of_made_up_ssrcs_leaves_no_state_and_harms_no_stream() {
        let (mut client, mut server) = pair(Profile::AeadAes128Gcm);
        let first = client.protect_rtp(&rtp(1, 10)).unwrap();
        server.unprotect_rtp(&first).unwrap();
        for ssrc in 100..20_100_u32 {
            let mut junk = rtp(ssrc, 1);
            junk.extend([0; 16]);
            assert!(server.unprotect_rtp(&junk).is_none());
        }
        assert_eq!(
            (server.inbound.rtp.len(), server.inbound.probes <= PROBES_MAX),
            (1, true)
        );
        let next = client.protect_rtp(&rtp(1, 11)).unwrap();
        assert!(server.unprotect_rtp(&next).is_some());
    }
}
