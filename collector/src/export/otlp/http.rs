//! OTLP over HTTP: the client that opentelemetry-otlp sends with.

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpError, Request, Response};
use reqwest::{
    Certificate, Identity,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use tracing::debug;

use super::{
    settings::{Settings, TlsFiles},
    transport::{ExportError, read, unusable},
};

#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    headers: HeaderMap,
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
        Ok(Self {
            client,
            headers: headers(settings)?,
        })
    }
}

#[async_trait]
impl opentelemetry_http::HttpClient for HttpClient {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // opentelemetry-otlp adds headers from OTEL_EXPORTER_OTLP_HEADERS, whatever slowmap was configured to
        // send: only those that describe the body are kept.
        let mut headers = self.headers.clone();
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = request.headers_mut().remove(&name) {
                headers.insert(name, value);
            }
        }
        *request.headers_mut() = headers;
        let answer = opentelemetry_http::HttpClient::send_bytes(&self.client, request).await;
        answer.inspect_err(|error| debug!(error = format!("{error:?}"), "sending failed"))
    }
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
        let bundle = Certificate::from_pem_bundle(&read(path)?)
            .map_err(|error| unusable(settings, error))?;
        builder = builder.tls_certs_only(bundle);
    }
    if let (Some(certificate), Some(key)) = (client_certificate, client_key) {
        let pem = [read(certificate)?, read(key)?].concat();
        builder =
            builder.identity(Identity::from_pem(&pem).map_err(|error| unusable(settings, error))?);
    }
    Ok(builder)
}
