//! The tap's output against the published PRF vector, and against what a real peer makes of the same handshake.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::large_futures)]

use super::{KeyTap, LABEL, MATERIAL_LEN};
use crate::shard::tests::loopback;
use crate::testing::{Far, eventually};
use crate::{Call, CallConfig, Shard};
use rtc::crypto::{HmacAlgorithm, RTCCryptoProvider as _};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
use rtc::peer_connection::transport::RTCDtlsRole;
use std::time::Duration;
use webrtc::peer_connection::SettingEngineBuilder;

const BOUND: Duration = Duration::from_secs(8);
const PACKETS: u16 = 20;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|char| !char.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs.map(|pair| u8::from_str_radix(&pair, 16).unwrap()).collect()
}

#[test]
fn the_prf_is_that_of_tls_1_2() {
    // The vector of TLS 1.2's PRF with SHA-256 (IETF TLS list, 2008: "TLS 1.2 PRF test vectors"), as far as we need it.
    let secret = bytes("9bbe436ba940f017b17652849a71db35");
    let mut seed = b"test label".to_vec();
    seed.extend(bytes("a0ba9f936cda311827a6f796ffd5198c"));
    let expected = bytes(
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
         6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797",
    );
    let (tap, tapped) = KeyTap::new(rtc::crypto::default_provider().unwrap());
    let mut mac = tap.crypto().new_hmac(HmacAlgorithm::Sha256, &secret).unwrap();
    let mut first = vec![0; mac.output_len()];
    mac.sign(&[&seed], &mut first).unwrap();
    assert!(tapped.take().is_none(), "what is not the exporter's is let pass");

    // Under the exporter's label the same computation comes out at the tap: A(1) is what went on to the handshake.
    let labelled: Vec<u8> = [LABEL, &seed].concat();
    mac.sign(&[&labelled], &mut first).unwrap();
    let material = tapped.take().expect("it is tapped");
    assert_eq!(material.len(), MATERIAL_LEN);
    assert!(tapped.take().is_none(), "once for each handshake");
    let mut plain = rtc::crypto::default_provider()
        .unwrap()
        .crypto()
        .new_hmac(HmacAlgorithm::Sha256, &secret)
        .unwrap();
    let mut block = vec![0; plain.output_len()];
    plain.sign(&[&first, &labelled], &mut block).unwrap();
    assert_eq!(material[..block.len()], block);

    let mut tap = super::TapMac {
        inner: plain,
        tapped: tapped.clone(),
    };
    assert_eq!(tap.expand(&seed).unwrap(), expected);
}

/// Whether a browser of these profiles alone comes up, and whether both ends read each other's media.
async fn judged(profiles: Vec<Profile>) -> (bool, bool) {
    let shard = Shard::start(loopback()).unwrap();
    let (call, _events) = shard.open(CallConfig::default()).await.unwrap();
    let settings = SettingEngineBuilder::new().with_srtp_protection_profiles(profiles);
    let (browser, offer) = Far::browser_with(settings, 111).await;
    browser.accept(&call.candidate_offer(offer).await.unwrap()).await;
    let (openai, answer) = Far::openai(&call.ai_offer().await.unwrap(), RTCDtlsRole::Client).await;
    call.ai_answer(answer).await.unwrap();
    let ai_is_up = eventually(BOUND, async || {
        call.stats().await.unwrap().ai.up && openai.is_connected()
    })
    .await;
    assert!(ai_is_up);
    let bound = if browser_can(&call, &browser).await {
        BOUND
    } else {
        return (false, false);
    };
    for seq in 0..PACKETS {
        browser.speak(111, seq, &[0x78, 1, 2, 3]).await;
        openai.speak(111, seq, &[0x78, 4, 5, 6]).await;
    }
    let all = usize::from(PACKETS);
    let heard = eventually(bound, async || browser.heard() >= all && openai.heard() >= all).await;
    let is_intact = |far: &Far, sent: &[u8]| {
        let packets = far.seen.packets.lock().unwrap();
        packets.iter().all(|packet| packet.payload[..] == *sent)
    };
    let intact = is_intact(&openai, &[0x78, 1, 2, 3]) && is_intact(&browser, &[0x78, 4, 5, 6]);
    (true, heard && intact && shard.counters().dropped_srtp.get() == 0)
}

async fn browser_can(call: &Call, browser: &Far) -> bool {
    eventually(BOUND, async || {
        call.stats().await.unwrap().candidate.up && browser.is_connected()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_peer_reads_what_the_tapped_keys_protect_in_each_profile_and_no_other_comes_up() {
    let table = [
        (Profile::Srtp_Aead_Aes_128_Gcm, true),
        (Profile::Srtp_Aes128_Cm_Hmac_Sha1_80, true),
        (Profile::Srtp_Aead_Aes_256_Gcm, false),
        (Profile::Srtp_Aes128_Cm_Hmac_Sha1_32, false),
    ];
    let [a, b, c, d] = table.map(|(profile, _)| judged(vec![profile]));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    for ((profile, agrees), is) in table.into_iter().zip([a, b, c, d]) {
        assert_eq!(is, (agrees, agrees), "{profile:?}");
    }
}
