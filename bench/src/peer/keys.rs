//! SRTP contexts of a far end: its keys out of the DTLS exporter, by a crypto provider that looks on.
//!
//! Is: the few lines that a far end needs beside `rtc`, which shows its keys to nobody. Isn't: shared with the relay, whose own
//! way of getting at them is part of what is under test.

use std::sync::{Arc, Mutex, PoisonError};

use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto, RTCCryptoProvider,
    RTCRandom, SignatureScheme, SigningKey, StreamCipher, StreamCipherAlgorithm, default_provider,
};
use rtc::srtp::{context::Context, option, protection_profile::ProtectionProfile};

/// RFC 5764, 4.2.
const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// AES-128-GCM: two keys of 16 bytes, two salts of 12.
const MATERIAL: usize = 56;

/// A provider that keeps the exporter's output of each handshake.
pub(super) struct LookingOn {
    inner: Arc<dyn RTCCryptoProvider>,
    seen: Seen,
}

/// Where it keeps it.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Option<Vec<u8>>>>);

impl Seen {
    /// Contexts to read and to write with, under AES-128-GCM (the only profile that a far end offers); `None` before the
    /// handshake is over.
    pub(super) fn contexts(&self, is_client: bool) -> Option<(Context, Context)> {
        let material = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (keys, salts) = material.split_at_checked(32)?;
        let ((client_key, server_key), (client_salt, server_salt)) = (keys.split_at(16), salts.split_at_checked(12)?);
        let crypto = default_provider().ok()?;
        let context = |key, salt, reads: bool| {
            let profile = ProtectionProfile::AeadAes128Gcm;
            let rtp = reads.then(|| option::srtp_replay_protection(64));
            let rtcp = reads.then(|| option::srtcp_replay_protection(64));
            Context::new(key, salt, profile, rtp, rtcp, crypto.crypto()).ok()
        };
        let (theirs, ours) = if is_client {
            ((server_key, server_salt), (client_key, client_salt))
        } else {
            ((client_key, client_salt), (server_key, server_salt))
        };
        Some((context(theirs.0, theirs.1, true)?, context(ours.0, ours.1, false)?))
    }
}

impl LookingOn {
    pub(super) fn new(inner: Arc<dyn RTCCryptoProvider>) -> (Self, Seen) {
        let seen = Seen::default();
        (
            Self {
                inner,
                seen: seen.clone(),
            },
            seen,
        )
    }
}

struct LookingMac(Box<dyn Mac>, Seen);

impl Mac for LookingMac {
    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        if let [seed] = input
            && seed.starts_with(LABEL)
        {
            // P_hash (RFC 5246, 5): A(i) = HMAC(A(i-1)), A(0) the seed; the output is HMAC(A(i) + seed), one after the other.
            let len = self.0.output_len();
            let (mut a, mut next, mut block) = (vec![0; len], vec![0; len], vec![0; len]);
            let mut material = vec![];
            self.0.sign(&[seed], &mut a)?;
            while material.len() < MATERIAL {
                self.0.sign(&[&a, seed], &mut block)?;
                material.extend_from_slice(&block);
                self.0.sign(&[&a], &mut next)?;
                std::mem::swap(&mut a, &mut next);
            }
            material.truncate(MATERIAL);
            *self.1.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(material);
        }
        self.0.sign(input, output)
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.0.verify(input, expected)
    }
}

impl RTCCryptoProvider for LookingOn {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

impl RTCCrypto for LookingOn {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner.crypto().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.crypto().hash(algorithm, data)
    }

    fn block_encrypt(&self, algorithm: BlockCipherAlgorithm, key: &[u8], block: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.crypto().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let inner = self.inner.crypto().new_hmac(algorithm, key)?;
        Ok(Box::new(LookingMac(inner, self.seen.clone())))
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.inner.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        self.inner.crypto().new_aead(algorithm, key)
    }

    fn new_cbc(&self, algorithm: CbcAlgorithm, key: &[u8]) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner.crypto().new_cbc(algorithm, key)
    }

    fn start_key_exchange(&self, algorithm: KeyExchangeAlgorithm) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner.crypto().start_key_exchange(algorithm)
    }

    fn generate_signing_key(&self, scheme: SignatureScheme) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().generate_signing_key(scheme)
    }

    fn import_signing_key(&self, scheme: SignatureScheme, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().import_signing_key(scheme, pkcs8)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner
            .crypto()
            .verify_signature(scheme, public_key, message, signature)
    }
}
