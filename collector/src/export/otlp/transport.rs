//! The connection to the endpoint, which all exporters share.

use std::{collections::HashMap, error::Error, fs, io, path::PathBuf};

use opentelemetry_otlp::{
    Compression as OtlpCompression, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use tonic::{
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::{
    http::HttpClient,
    settings::{Compression, Protocol, Settings, TlsFiles},
};

/// A mistake in the configuration that shows when a connection is prepared.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{path}: cannot be read: {source}; give a PEM file", path = path.display())]
    Certificate { path: PathBuf, source: io::Error },
    #[error("{endpoint} cannot be used for export: {reason}")]
    Endpoint { endpoint: String, reason: String },
}

#[derive(Debug)]
pub struct Transport {
    settings: Settings,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Grpc {
        channel: Channel,
        metadata: MetadataMap,
    },
    Http(HttpClient),
}

impl Transport {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, ExportError> {
        let connection = match settings.protocol {
            Protocol::Grpc => Connection::Grpc {
                channel: channel(settings)?,
                metadata: metadata(settings)?,
            },
            Protocol::HttpProtobuf => Connection::Http(HttpClient::new(settings)?),
        };
        Ok(Self {
            settings: settings.clone(),
            connection,
        })
    }

    /// An exporter that tries once: repeating is left to the worker, which knows what waits behind a batch.
    pub fn span_exporter(&self) -> Result<SpanExporter, ExportError> {
        match &self.connection {
            Connection::Grpc { channel, metadata } => {
                self.grpc_exporter(channel.clone(), metadata.clone())
            }
            Connection::Http(client) => self.http_exporter(client.clone()),
        }
        .map_err(|error| unusable(&self.settings, error))
    }

    fn grpc_exporter(
        &self,
        channel: Channel,
        metadata: MetadataMap,
    ) -> Result<SpanExporter, opentelemetry_otlp::ExporterBuildError> {
        let builder = SpanExporter::builder()
            .with_tonic()
            .with_channel(channel)
            .with_timeout(self.settings.timeout)
            .with_retry_policy(RetryPolicy::disabled())
            // The crate adds headers from OTEL_EXPORTER_OTLP_HEADERS, whatever slowmap was configured to send.
            .with_interceptor(move |mut request: tonic::Request<()>| {
                request.metadata_mut().clone_from(&metadata);
                Ok(request)
            });
        match compression(self.settings.compression) {
            Some(compression) => builder.with_compression(compression).build(),
            None => builder.build(),
        }
    }

    fn http_exporter(
        &self,
        client: HttpClient,
    ) -> Result<SpanExporter, opentelemetry_otlp::ExporterBuildError> {
        let builder = SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_http_client(client)
            .with_endpoint(self.settings.endpoint.as_str())
            .with_headers(HashMap::new())
            .with_timeout(self.settings.timeout)
            .with_retry_policy(RetryPolicy::disabled());
        match compression(self.settings.compression) {
            Some(compression) => builder.with_compression(compression).build(),
            None => builder.build(),
        }
    }
}

fn channel(settings: &Settings) -> Result<Channel, ExportError> {
    let build = || -> Result<Endpoint, tonic::transport::Error> {
        Endpoint::from_shared(settings.endpoint.to_string())?
            .user_agent(concat!("slowmap/", env!("CARGO_PKG_VERSION")))
            .map(|endpoint| {
                endpoint
                    .timeout(settings.timeout)
                    .connect_timeout(settings.timeout)
            })
    };
    let mut endpoint = build().map_err(|error| unusable(settings, error))?;
    if settings.endpoint.scheme() == "https" {
        endpoint = endpoint
            .tls_config(tls(&settings.tls)?)
            .map_err(|error| unusable(settings, error))?;
    }
    Ok(endpoint.connect_lazy())
}

fn tls(files: &TlsFiles) -> Result<ClientTlsConfig, ExportError> {
    let config = match &files.certificate {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    Ok(match (&files.client_certificate, &files.client_key) {
        (Some(certificate), Some(key)) => {
            config.identity(Identity::from_pem(read(certificate)?, read(key)?))
        }
        _ => config,
    })
}

fn metadata(settings: &Settings) -> Result<MetadataMap, ExportError> {
    Ok(MetadataMap::from_headers(super::http::headers(settings)?))
}

fn compression(compression: Compression) -> Option<OtlpCompression> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(OtlpCompression::Gzip),
        Compression::Zstd => Some(OtlpCompression::Zstd),
    }
}

pub fn read(path: &PathBuf) -> Result<Vec<u8>, ExportError> {
    fs::read(path).map_err(|source| ExportError::Certificate {
        path: path.clone(),
        source,
    })
}

/// With the causes of the error, which libraries like to keep to themselves.
pub fn unusable(settings: &Settings, error: impl Error) -> ExportError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    ExportError::Endpoint {
        endpoint: settings.shown_endpoint(),
        reason,
    }
}
