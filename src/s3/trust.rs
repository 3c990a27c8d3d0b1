//! Which certificates of servers are trusted: the system's, or those of AWS_CA_BUNDLE in their place, as
//! the AWS CLI has it.

use std::fs;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::setting_error::SettingError;
use crate::model::SharedError;

/// The certificates that are trusted, or what is wrong with the file that names them.
#[derive(Clone, Debug)]
pub(super) struct TrustedCertificates(Result<Option<Vec<CertificateDer<'static>>>, SettingError>);

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
        let certificates: Vec<CertificateDer<'static>> = certificates.collect();
        Self(if certificates.is_empty() {
            Err(SettingError::EmptyBundle { path })
        } else {
            Ok(Some(certificates))
        })
    }

    /// What TLS connections are made with.
    pub fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let certificates = match &self.0 {
            Ok(Some(certificates)) => certificates.clone(),
            Ok(None) | Err(_) => rustls_native_certs::load_native_certs().certs,
        };
        roots.add_parsable_certificates(certificates);
        // It fails if one was chosen before, which is as good.
        let _ = ring::default_provider().install_default();
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }

    /// The problem of the file.
    pub fn problem(&self) -> Option<&SettingError> {
        self.0.as_ref().err()
    }
}

/// The certificate at the end of a text, if it is one that can be trusted.
fn certificate(text: &str) -> Option<CertificateDer<'static>> {
    let pem = &text[text.find(BEGIN)?..];
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    RootCertStore::empty().add(certificate.clone()).ok()?;
    Some(certificate)
}
