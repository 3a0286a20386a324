//! A certificate authority of a test's own, and a hub's certificate by it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::error::HarnessError;
use crate::loopback;

/// The files that TLS between the programs needs.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The authority's certificate: what daemons trust.
    pub ca_file: PathBuf,
    /// The hub's certificate.
    pub cert_file: PathBuf,
    /// The hub's private key.
    pub key_file: PathBuf,
}

impl Authority {
    /// Makes an authority and a hub's certificate below `folder`.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Certificate`], or a file that cannot be written.
    pub fn make(folder: &Path) -> Result<Self, HarnessError> {
        Self::make_for(folder, loopback::ADDRESS)
    }

    /// Makes an authority and the certificate of a hub that is dialled by `name`.
    ///
    /// # Errors
    ///
    /// As for [`Authority::make`].
    pub fn make_for(folder: &Path, name: &str) -> Result<Self, HarnessError> {
        Self::make_until(folder, name, None)
    }

    /// The same with a certificate of the hub that ends at a time.
    ///
    /// # Errors
    ///
    /// As for [`Authority::make`].
    pub fn make_until(
        folder: &Path,
        name: &str,
        end: Option<SystemTime>,
    ) -> Result<Self, HarnessError> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Atome test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let ca = params.self_signed(&ca_key)?;
        let issuer = Issuer::new(params, ca_key);

        let mut hub_params = CertificateParams::new(vec![name.to_owned()])?;
        if let Some(since) = end.and_then(|end| end.duration_since(UNIX_EPOCH).ok()) {
            hub_params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since;
        }
        let hub_key = KeyPair::generate()?;
        let hub = hub_params.signed_by(&hub_key, &issuer)?;

        let authority = Self {
            ca_file: folder.join("ca.pem"),
            cert_file: folder.join("hub.pem"),
            key_file: folder.join("hub.key"),
        };
        let write = |path: &Path, text: String| {
            fs::write(path, text).map_err(HarnessError::io(format!("write {}", path.display())))
        };
        write(&authority.ca_file, ca.pem())?;
        write(&authority.cert_file, hub.pem())?;
        write(&authority.key_file, hub_key.serialize_pem())?;
        restrict(&authority.key_file)?;
        Ok(authority)
    }
}

/// A private key is its owner's only.
fn restrict(path: &Path) -> Result<(), HarnessError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(HarnessError::io(format!("restrict {}", path.display())))
}
