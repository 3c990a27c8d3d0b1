//! Which certificates of servers are trusted: the system's, or those of AWS_CA_BUNDLE in their place, as
//! the AWS CLI has it.

use std::fs;
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::setting_error::SettingError;
use crate::model::SharedError;

/// The certificates that are trusted by all connections of a process. Its clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust(Arc<Settings>);

#[derive(Debug, Default)]
struct Settings {
    /// Known once the profile has been read. Without a setting, the system's.
    bundle: OnceLock<Bundle>,
    /// Made for the first TLS connection: it reads all certificates, and those to S3 come after the profile.
    tls: OnceLock<Arc<ClientConfig>>,
}

/// What a file holds, or why it cannot be used.
type Bundle = Result<Vec<CertificateDer<'static>>, SettingError>;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl Trust {
    /// Trusts the certificates of a file in PEM, and no others. One that cannot be read is left out, if there are others.
    pub fn bundle(&self, path: &str) {
        self.0.bundle.get_or_init(|| bundle(path));
    }

    /// The problem of the file.
    pub fn problem(&self) -> Option<&SettingError> {
        self.0.bundle.get()?.as_ref().err()
    }

    /// What TLS connections are made with.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(self.0.tls.get_or_init(|| Arc::new(self.config())))
    }

    fn config(&self) -> ClientConfig {
        let certificates = match self.0.bundle.get() {
            Some(Ok(certificates)) => certificates.clone(),
            Some(Err(_)) | None => of_system(),
        };
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates);
        if usable == 0 {
            tracing::warn!(
                "no certificate is trusted: name them in AWS_CA_BUNDLE or SSL_CERT_FILE"
            );
        }
        // It fails if one was chosen before, which is as good.
        let _ = ring::default_provider().install_default();
        let config = ClientConfig::builder().with_root_certificates(roots);
        config.with_no_client_auth()
    }
}

fn of_system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!("certificates of the system cannot be read: {error}");
    }
    found.certs
}

fn bundle(path: &str) -> Bundle {
    let path = path.to_owned();
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) => {
            let error = SharedError::new(error);
            return Err(SettingError::UnreadableBundle { path, error });
        }
    };
    let text = String::from_utf8_lossy(&text);
    let certificates = text.split_inclusive(END).filter_map(certificate);
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        Err(SettingError::EmptyBundle { path })
    } else {
        Ok(certificates)
    }
}

/// The certificate at the end of a text, if it is one that can be trusted.
fn certificate(text: &str) -> Option<CertificateDer<'static>> {
    let pem = &text[text.find(BEGIN)?..];
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    RootCertStore::empty().add(certificate.clone()).ok()?;
    Some(certificate)
}
