//! The connection to the endpoint of a signal.

use std::{error::Error, fs, path::PathBuf};

use prost::bytes::Bytes;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{
    failure::{Failure, with_causes},
    grpc::GrpcClient,
    http::HttpClient,
    settings::{Protocol, Settings},
    signal::Signal,
    spill::DirectoryError,
};

/// A mistake in the configuration that shows when a connection is prepared.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{variable} or its like: {path}: {reason}; give a PEM file", path = path.display())]
    Pem {
        /// The one for all signals; a file and single signals have their own.
        variable: &'static str,
        path: PathBuf,
        reason: String,
    },
    #[error("{0}")]
    Queue(#[from] DirectoryError),
    #[error("{endpoint} cannot be used for export: {reason}")]
    Endpoint { endpoint: String, reason: String },
}

#[derive(Debug)]
pub enum Transport {
    Grpc(GrpcClient),
    Http(HttpClient),
}

impl Transport {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, ExportError> {
        Ok(match settings.protocol {
            Protocol::Grpc => Self::Grpc(GrpcClient::new(settings)?),
            Protocol::HttpProtobuf => Self::Http(HttpClient::new(settings)?),
        })
    }

    /// Tries once to send an encoded request: repeating is left to the worker, which knows what waits behind it.
    pub async fn send<S: Signal>(&self, request: Bytes) -> Result<S::Response, Failure> {
        match self {
            Self::Grpc(client) => client.send::<S>(request).await,
            Self::Http(client) => client.send::<S>(request).await,
        }
    }
}

/// What a file has to have in it.
#[derive(Debug, Clone, Copy)]
pub enum Pem {
    Authorities,
    Certificate,
    Key,
}

/// The content of a PEM file. That there is something in it is seen here: a client without authorities or with half
/// an identity fails at each connection only.
pub fn read(path: &PathBuf, pem: Pem) -> Result<Vec<u8>, ExportError> {
    let variable = match pem {
        Pem::Authorities => "OTEL_EXPORTER_OTLP_CERTIFICATE",
        Pem::Certificate => "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        Pem::Key => "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    };
    let unusable = |reason| ExportError::Pem {
        variable,
        path: path.clone(),
        reason,
    };
    let content = fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let found = match pem {
        Pem::Key => PrivateKeyDer::from_pem_slice(&content).map(drop),
        Pem::Authorities | Pem::Certificate => CertificateDer::from_pem_slice(&content).map(drop),
    };
    found.map_err(|error| unusable(format!("has not what is asked for: {error}")))?;
    Ok(content)
}

pub fn unusable(settings: &Settings, error: impl Error) -> ExportError {
    ExportError::Endpoint {
        endpoint: settings.shown_endpoint(),
        reason: with_causes(&error),
    }
}
