//! Which certificates of servers are trusted: the system's, or those of AWS_CA_BUNDLE in their place, as
//! the AWS CLI has it.

use std::fs;
use std::sync::Arc;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::setting_error::SettingError;
use crate::model::SharedError;

/// The certificates that are trusted, or what is wrong with the file that names them.
#[derive(Clone, Debug)]
pub(super) struct TrustedCertificates(Result<Option<Vec<Certificate>>, SettingError>);

/// One that can be used, as PEM and as it is.
#[derive(Clone, Debug)]
struct Certificate {
    pem: String,
    der: CertificateDer<'static>,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl TrustedCertificates {
    /// The system's.
    pub fn of_system() -> Self {
        Self(Ok(None))
    }

    /// Those of a file, in PEM. One that cannot be read is left out, if there are others.
    pub fn of_file(path: &str) -> Self {
        let path = path.to_owned();
        let bundle = match fs::read(&path) {
            Ok(bundle) => bundle,
            Err(error) => {
                let error = SharedError::new(error);
                return Self(Err(SettingError::UnreadableBundle { path, error }));
            }
        };
        let bundle = String::from_utf8_lossy(&bundle);
        let certificates = bundle.split_inclusive(END).filter_map(certificate);
        let certificates: Vec<Certificate> = certificates.collect();
        Self(if certificates.is_empty() {
            Err(SettingError::EmptyBundle { path })
        } else {
            Ok(Some(certificates))
        })
    }

    fn of_their_file(&self) -> Option<&[Certificate]> {
        self.0.as_ref().ok()?.as_deref()
    }

    /// What TLS connections are made with.
    pub fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let certificates = match self.of_their_file() {
            Some(trusted) => trusted.iter().map(|trusted| trusted.der.clone()).collect(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        roots.add_parsable_certificates(certificates);
        // It fails if one was chosen before, which is as good.
        let _ = ring::default_provider().install_default();
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }

    /// The same for a connection by a proxy.
    pub fn context(&self) -> TlsContext {
        let store = self.of_their_file().map(|trusted| {
            let certificates = trusted.iter().map(|trusted| trusted.pem.as_str());
            certificates.fold(TrustStore::empty(), TrustStore::with_pem_certificate)
        });
        let store = store.unwrap_or_default();
        let context = TlsContext::builder().with_trust_store(store).build();
        context.unwrap_or_default()
    }

    /// The problem of the file.
    pub fn problem(&self) -> Option<&SettingError> {
        self.0.as_ref().err()
    }
}

/// The certificate at the end of a text, if it is one: the client would panic at another.
fn certificate(text: &str) -> Option<Certificate> {
    let pem = text[text.find(BEGIN)?..].to_owned();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    RootCertStore::empty().add(der.clone()).ok()?;
    Some(Certificate { pem, der })
}
