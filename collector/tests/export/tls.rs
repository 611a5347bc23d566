//! Export over TLS, with certificates of an authority of the test's own on both sides.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use slowmap::export::otlp::{Protocol, Settings, TlsFiles};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};

use crate::{
    sample,
    sink::Sink,
    traces::{finish, settings, start},
};

/// PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

pub struct Authority {
    pub certificate: String,
    pub server: Identity,
    client: Identity,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = parameters.signed_by(&key, &issuer).unwrap();
            Identity {
                certificate: certificate.pem(),
                key: key.serialize_pem(),
            }
        };
        Self {
            certificate: issuer.pem(),
            server: issue("localhost"),
            client: issue("slowmap"),
        }
    }

    /// A server that wants a client certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.certificate)).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![der(&self.server.certificate)],
                PrivateKeyDer::from_pem_slice(self.server.key.as_bytes()).unwrap(),
            );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }

    fn write_client_files(&self, directory: &TempDir) -> TlsFiles {
        let write = |name: &str, pem: &str| -> Option<PathBuf> {
            let path = directory.path().join(name);
            fs::write(&path, pem).unwrap();
            Some(path)
        };
        TlsFiles {
            certificate: write("ca.pem", &self.certificate),
            client_certificate: write("client.pem", &self.client.certificate),
            client_key: write("client.key", &self.client.key),
        }
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

pub struct TlsListener {
    pub listener: TcpListener,
    pub acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn tls_settings(sink: &Sink, protocol: Protocol, tls: TlsFiles) -> Settings {
    let path = if protocol == Protocol::HttpProtobuf {
        "/v1/traces"
    } else {
        ""
    };
    let endpoint = format!("https://localhost:{}{path}", sink.address.port());
    Settings {
        protocol,
        tls,
        ..settings(&endpoint)
    }
}

#[tokio::test]
async fn spans_arrive_over_tls_with_a_client_certificate() {
    let authority = Authority::new();
    let directory = TempDir::new().unwrap();
    let tls = authority.write_client_files(&directory);
    for (protocol, sink) in [
        (Protocol::Grpc, Sink::grpc_tls(&authority)),
        (Protocol::HttpProtobuf, Sink::http_tls(&authority)),
    ] {
        let (mut sender, task) = start(tls_settings(&sink, protocol, tls.clone()));
        sender.offer(sample::write(&sample::process(1, "shop")));
        let counts = finish(sender, task).await;
        assert_eq!((counts.exported, counts.failures), (1, 0), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_server_that_the_authority_did_not_certify_gets_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let directory = TempDir::new().unwrap();
    let tls = authority.write_client_files(&directory);
    for (protocol, sink) in [
        (Protocol::Grpc, Sink::grpc_tls(&stranger)),
        (Protocol::HttpProtobuf, Sink::http_tls(&stranger)),
    ] {
        let settings = tls_settings(&sink, protocol, tls.clone());
        let grace = std::time::Duration::from_millis(300);
        let (mut sender, task) = start(Settings { grace, ..settings });
        sender.offer(sample::write(&sample::process(1, "shop")));
        let counts = finish(sender, task).await;
        assert_eq!(counts.exported, 0, "{protocol:?}");
        assert!(
            counts.failures > 0 && sink.received.spans().is_empty(),
            "{counts:?}"
        );
    }
}
