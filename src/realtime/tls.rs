//! TLS towards the AI service, the same for both transports.
//!
//! Roots are compiled in (Mozilla's), so that a bare container needs no certificate files; the provider is named here, so
//! that nothing depends on a process-wide default.

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;

/// A client's configuration.
pub(super) fn client() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
