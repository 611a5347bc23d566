//! Certificates of an authority of the test's own: one that is good, and one that was.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

pub struct Servers {
    pub good: TlsAcceptor,
    pub expired: TlsAcceptor,
}

/// Writes the authority's certificate, PEM, to `authority`. `protocol` is what the servers speak, by its name in ALPN.
pub fn issue(authority: &Path, protocol: &str) -> Result<Servers> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
    std::fs::write(authority, issuer.pem())?;
    let server = |expired: bool| -> Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        if expired {
            parameters.not_after = date_time_ymd(2020, 1, 1);
        }
        let certificate = parameters.signed_by(&key, &issuer)?.pem();
        acceptor(&certificate, &key.serialize_pem(), protocol)
    };
    Ok(Servers {
        good: server(false)?,
        expired: server(true)?,
    })
}

fn acceptor(certificate: &str, key: &str, protocol: &str) -> Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
            PrivateKeyDer::from_pem_slice(key.as_bytes())?,
        )?;
    config.alpn_protocols = vec![protocol.into()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
