//! The exporter tap: SRTP master keys out of a DTLS handshake that does not give them away.
//!
//! `rtc` derives the keys of RFC 5764, 4.2 inside its DTLS handler and shows them to nobody. What it lets us supply is
//! the crypto provider, so ours wraps the default one and watches for the one HMAC whose input begins with the exporter's
//! label: the first step of P_hash (RFC 5246, 5). From the MAC that it was about to use, the whole output follows.
//! **Law:** a peer with a tap never sends or receives media itself: the same keys used twice would repeat GCM nonces.
//! Goes when `rtc` exports keying material (docs/webrtc-rs.md); `media/src/leg/tests.rs` notices if the label moves.

use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto, RTCCryptoProvider,
    RTCRandom, SignatureScheme, SigningKey, StreamCipher, StreamCipherAlgorithm,
};
use std::sync::{Arc, Mutex, PoisonError};

const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";

/// Two master keys of 16 bytes and two salts of 14, the most that any profile of ours needs.
const MATERIAL_LEN: usize = 60;

/// Where the tapped keys wait for their leg. The lock is taken at a handshake, never for a packet.
#[derive(Clone, Default)]
pub(crate) struct Tapped(Arc<Mutex<Option<Vec<u8>>>>);

impl Tapped {
    /// Client key, server key, client salt, server salt, one after the other; once for each handshake.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, material: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(material);
    }
}

/// The provider that a leg's peer is given.
pub(crate) struct KeyTap {
    inner: Arc<dyn RTCCryptoProvider>,
    tapped: Tapped,
}

impl KeyTap {
    pub(crate) fn new(inner: Arc<dyn RTCCryptoProvider>) -> (Self, Tapped) {
        let tapped = Tapped::default();
        (
            Self {
                inner,
                tapped: tapped.clone(),
            },
            tapped,
        )
    }
}

impl RTCCryptoProvider for KeyTap {
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

struct TapMac {
    inner: Box<dyn Mac>,
    tapped: Tapped,
}

impl TapMac {
    /// P_hash of RFC 5246, 5: A(0) = seed, A(i) = HMAC(A(i-1)), output HMAC(A(1) + seed), HMAC(A(2) + seed) and so on.
    fn expand(&mut self, seed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let len = self.inner.output_len();
        let (mut a, mut block, mut out) = (vec![0; len], vec![0; len], Vec::with_capacity(MATERIAL_LEN + len));
        self.inner.sign(&[seed], &mut a)?;
        while out.len() < MATERIAL_LEN {
            self.inner.sign(&[&a, seed], &mut block)?;
            out.extend_from_slice(&block);
            let last = a.clone();
            self.inner.sign(&[&last], &mut a)?;
        }
        out.truncate(MATERIAL_LEN);
        Ok(out)
    }
}

impl Mac for TapMac {
    fn output_len(&self) -> usize {
        self.inner.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        if let [seed] = input
            && seed.starts_with(LABEL)
        {
            let material = self.expand(seed)?;
            self.tapped.put(material);
        }
        self.inner.sign(input, output)
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify(input, expected)
    }
}

impl RTCCrypto for KeyTap {
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
        Ok(Box::new(TapMac {
            inner,
            tapped: self.tapped.clone(),
        }))
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

#[cfg(test)]
mod tests;
