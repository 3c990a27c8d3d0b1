//! A certificate for the loopback address, of an authority that nobody knows.

use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What a server shows, and what a client has to trust.
pub(crate) struct Certificate {
    pub acceptor: TlsAcceptor,
    pub authority: String,
}

/// Makes one, signed by itself, for these hosts.
pub(crate) fn certificate(hosts: &[String]) -> Certificate {
    let made = rcgen::generate_simple_self_signed(hosts);
    let made = made.expect("a certificate can be made");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS are known")
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            key.expect("the key can be read"),
        );
    let config = config.expect("the certificate fits its key");
    Certificate {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        authority: made.cert.pem(),
    }
}
