//! Which certificates of servers are trusted: the system's, or those of AWS_CA_BUNDLE in their place, as
//! the AWS CLI has it.

use std::fs;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::setting_error::SettingError;
use crate::model::SharedError;

/// The certificates that are trusted, or what is wrong with the file that names them.
#[derive(Clone, Debug)]
pub(super) struct TrustedCertificates(Result<Option<TrustStore>, SettingError>);

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
        let mut store = TrustStore::empty();
        let mut any = false;
        for certificate in bundle.split_inclusive(END).filter_map(certificate) {
            store.add_pem_certificate(certificate);
            any = true;
        }
        Self(if any {
            Ok(Some(store))
        } else {
            Err(SettingError::EmptyBundle { path })
        })
    }

    /// What TLS connections are made with.
    pub fn context(&self) -> TlsContext {
        let store = self.0.clone().ok().flatten().unwrap_or_default();
        let context = TlsContext::builder().with_trust_store(store).build();
        context.unwrap_or_default()
    }

    /// The problem of the file.
    pub fn problem(&self) -> Option<&SettingError> {
        self.0.as_ref().err()
    }
}

/// The certificate at the end of a text, if it is one: the client would panic at another.
fn certificate(text: &str) -> Option<&str> {
    let pem = &text[text.find(BEGIN)?..];
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    RootCertStore::empty().add(certificate).ok()?;
    Some(pem)
}
