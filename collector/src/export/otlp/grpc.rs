//! OTLP over gRPC. A signal is a method and two messages; so one client does for all.

use std::marker::PhantomData;

use prost::{Message, bytes::Bytes};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, CompressionEncoding, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_prost::ProstDecoder;

use super::{
    failure::Failure,
    http::headers,
    settings::{Compression, Settings, TlsFiles},
    signal::Signal,
    transport::{ExportError, Pem, read, unusable},
};

#[derive(Debug)]
pub struct GrpcClient {
    client: Grpc<Channel>,
    metadata: MetadataMap,
}

impl GrpcClient {
    pub fn new(settings: &Settings) -> Result<Self, ExportError> {
        let client = Grpc::new(channel(settings)?);
        let client = match settings.compression {
            Compression::None => client,
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
            Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
        };
        Ok(Self {
            client: client
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd),
            metadata: MetadataMap::from_headers(headers(settings)?),
        })
    }

    pub async fn send<S: Signal>(&self, request: Bytes) -> Result<S::Response, Failure> {
        let mut client = self.client.clone();
        let ready = client.ready().await;
        ready.map_err(|error| Failure::unanswered(&error))?;
        let mut request = Request::new(request);
        request.metadata_mut().clone_from(&self.metadata);
        let method = PathAndQuery::from_static(S::METHOD);
        let answer = client.unary(request, method, Encoded(PhantomData)).await;
        let answer = answer.map_err(|status| Failure::of_status(&status))?;
        Ok(answer.into_inner())
    }
}

/// Requests come encoded: once, however often they are tried.
#[derive(Debug, Clone, Copy)]
struct Encoded<R>(PhantomData<R>);

impl<R: Message + Default + 'static> Codec for Encoded<R> {
    type Encode = Bytes;
    type Decode = R;
    type Encoder = Verbatim;
    type Decoder = ProstDecoder<R>;

    fn encoder(&mut self) -> Verbatim {
        Verbatim
    }

    fn decoder(&mut self) -> ProstDecoder<R> {
        ProstDecoder::new(BufferSettings::default())
    }
}

#[derive(Debug)]
struct Verbatim;

impl Encoder for Verbatim {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, request: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put(buffer, request);
        Ok(())
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
        Some(path) => ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(path, Pem::Authorities)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    Ok(match (&files.client_certificate, &files.client_key) {
        (Some(certificate), Some(key)) => config.identity(Identity::from_pem(
            read(certificate, Pem::Certificate)?,
            read(key, Pem::Key)?,
        )),
        _ => config,
    })
}
