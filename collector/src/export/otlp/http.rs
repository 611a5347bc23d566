//! OTLP over HTTP: protobuf, POSTed to the path of the signal.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use prost::{Message, bytes::Bytes};
use reqwest::{
    Certificate, Identity, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use url::Url;

use super::{
    failure::Failure,
    settings::{Compression, Settings, TlsFiles},
    signal::Signal,
    transport::{ExportError, Pem, read, unusable},
};

/// Of an answer no more is read: it says little, and comes from elsewhere.
const ANSWER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    endpoint: Url,
    headers: HeaderMap,
    compression: Compression,
}

impl HttpClient {
    pub fn new(settings: &Settings) -> Result<Self, ExportError> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("slowmap/", env!("CARGO_PKG_VERSION")))
            .timeout(settings.timeout)
            // A redirected POST would arrive as a GET.
            .redirect(redirect::Policy::none());
        let client = with_tls(builder, settings)?
            .build()
            .map_err(|error| unusable(settings, error))?;
        let mut headers = headers(settings)?;
        let kind = HeaderValue::from_static("application/x-protobuf");
        headers.insert(CONTENT_TYPE, kind);
        if let Some(encoding) = encoding(settings.compression) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(Self {
            client,
            endpoint: settings.endpoint.clone(),
            headers,
            compression: settings.compression,
        })
    }

    pub async fn send<S: Signal>(&self, request: Bytes) -> Result<S::Response, Failure> {
        let body = compressed(request, self.compression);
        let body = body.map_err(|error| Failure::unanswered(&error))?;
        let request = self.client.post(self.endpoint.clone());
        let request = request.headers(self.headers.clone()).body(body);
        let answer = request.send().await;
        let mut answer = answer.map_err(|error| Failure::unanswered(&error.without_url()))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let said = beginning(&mut answer).await;
        if !status.is_success() {
            return Err(Failure::of_response(status, &headers, &said));
        }
        // What was taken was taken, whatever else is said.
        Ok(S::Response::decode(said.as_slice()).unwrap_or_default())
    }
}

/// An answer that breaks off is as good as its beginning.
async fn beginning(answer: &mut Response) -> Vec<u8> {
    let mut said = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        said.extend_from_slice(&part);
        if said.len() >= ANSWER_BYTES {
            break;
        }
    }
    said
}

fn encoding(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
    }
}

fn compressed(body: Bytes, compression: Compression) -> io::Result<Bytes> {
    Ok(match compression {
        Compression::None => body,
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&body)?;
            encoder.finish()?.into()
        }
        Compression::Zstd => zstd::bulk::compress(&body, 0)?.into(),
    })
}

/// The configured headers, checked once more.
pub fn headers(settings: &Settings) -> Result<HeaderMap, ExportError> {
    let pairs = settings.headers.0.iter();
    pairs
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).map_err(|error| unusable(settings, error))?;
            let mut value =
                HeaderValue::try_from(value).map_err(|error| unusable(settings, error))?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

fn with_tls(
    mut builder: reqwest::ClientBuilder,
    settings: &Settings,
) -> Result<reqwest::ClientBuilder, ExportError> {
    let TlsFiles {
        certificate,
        client_certificate,
        client_key,
    } = &settings.tls;
    if let Some(path) = certificate {
        let bundle = Certificate::from_pem_bundle(&read(path, Pem::Authorities)?)
            .map_err(|error| unusable(settings, error))?;
        builder = builder.tls_certs_only(bundle);
    }
    if let (Some(certificate), Some(key)) = (client_certificate, client_key) {
        let pem = [read(certificate, Pem::Certificate)?, read(key, Pem::Key)?].concat();
        builder =
            builder.identity(Identity::from_pem(&pem).map_err(|error| unusable(settings, error))?);
    }
    Ok(builder)
}
