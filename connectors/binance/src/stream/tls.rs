//! TLS of streams with its cryptography named.
//!
//! The WebSocket library would ask for the process's default, and there is none where two libraries bring one each: it
//! panics then.

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;
use tokio_tungstenite::Connector;

/// A connector that trusts the roots that browsers trust.
pub(super) fn connector() -> Result<Connector, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::Rustls(Arc::new(config)))
}
