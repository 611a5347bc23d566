//! Where to export to, by the rules of the OTLP exporter specification
//! (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

use super::{
    ConfigError,
    layer::{Over, layer},
    value::{Refused, Timeout, words},
};
use crate::export::otlp::{Compression, Headers, Protocol, Temporality};

words!(Protocol { Grpc = "grpc", HttpProtobuf = "http/protobuf" });
words!(Temporality { Cumulative = "cumulative", Delta = "delta", LowMemory = "lowmemory" });
words!(Compression { None = "none", Gzip = "gzip", Zstd = "zstd" });

/// The port registered for OTLP over HTTP.
const HTTP_PORT: u16 = 4318;

/// Whether a signal is exported, in the words of `OTEL_TRACES_EXPORTER` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exporter {
    Otlp,
    None,
}
words!(Exporter { Otlp = "otlp", None = "none" });

/// The paths of the signals over HTTP.
pub const TRACES_PATH: &str = "v1/traces";
pub const LOGS_PATH: &str = "v1/logs";
pub const METRICS_PATH: &str = "v1/metrics";
pub const PROFILES_PATH: &str = "v1development/profiles";

/// Where a signal goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: Url,
    /// It was given for all signals: over HTTP each appends its path.
    pub shared: bool,
}

impl FromStr for Endpoint {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .map(|url| Self { url, shared: false })
            .ok_or_else(|| Refused("http://HOST:PORT, or https://HOST:PORT for TLS".into()))
    }
}

impl fmt::Display for Endpoint {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        if url.password().is_some() && url.set_password(Some("masked")).is_err() {
            return Err(fmt::Error);
        }
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

impl FromStr for Headers {
    type Err = Refused;

    /// `name=value,…`, with percent-encoded values.
    fn from_str(text: &str) -> Result<Self, Refused> {
        let pairs = pairs(text)?;
        for (name, value) in &pairs {
            check_header(name, value).map_err(Refused)?;
        }
        Ok(Self(pairs))
    }
}

/// Keeps to what both HTTP/1 and gRPC metadata can carry.
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(letter) {
        return Err("names of ASCII letters, digits, - _ and .".into());
    }
    if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Ok(());
    }
    Err(format!("for the value of {name}: printable ASCII"))
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = BTreeMap::<String, String>::deserialize(deserializer)?;
        for (name, value) in &pairs {
            check_header(name, value)
                .map_err(|allowed| D::Error::custom(format!("allowed: {allowed}")))?;
        }
        Ok(Self(pairs))
    }
}

impl Serialize for Headers {
    /// Without the values: they are secrets.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (name, "***")))
    }
}

/// `key=value,…` with percent-encoded values, as `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES`
/// have it.
pub fn pairs(text: &str) -> Result<BTreeMap<String, String>, Refused> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.into_owned()))
    };
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            pair(part).ok_or_else(|| Refused("key=value pairs, separated by commas".into()))
        })
        .collect()
}

layer! {
    /// What can be said of an export, for all signals or for one.
    pub struct OtlpLayer {
        pub endpoint: Option<Endpoint>,
        pub protocol: Option<Protocol>,
        pub headers: Option<Headers>,
        pub compression: Option<Compression>,
        pub timeout: Option<Timeout>,
        pub certificate: Option<PathBuf>,
        pub client_certificate: Option<PathBuf>,
        pub client_key: Option<PathBuf>,
    }
}

impl OtlpLayer {
    /// A signal's own settings, completed by those for all signals of the same source.
    pub fn completed_by(self, shared: &OtlpLayer) -> OtlpLayer {
        let mut shared = shared.clone();
        if let Some(endpoint) = &mut shared.endpoint {
            endpoint.shared = true;
        }
        self.over(shared)
    }
}

/// How a signal is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    pub exporter: Exporter,
    /// With the signal's path where the protocol has one.
    pub endpoint: Url,
    pub protocol: Protocol,
    pub headers: Headers,
    pub compression: Compression,
    pub timeout: Timeout,
    pub certificate: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

impl Otlp {
    /// `path`: of the signal, over HTTP.
    ///
    /// # Errors
    /// A client certificate without its key, or a key without its certificate.
    pub fn new(exporter: Exporter, layer: OtlpLayer, path: &str) -> Result<Self, ConfigError> {
        if layer.client_certificate.is_some() != layer.client_key.is_some() {
            return Err(ConfigError::Contradiction(
                "client_certificate (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE) and client_key (OTEL_EXPORTER_OTLP_CLIENT_KEY) belong together; give both or neither".into(),
            ));
        }
        let protocol = layer
            .protocol
            .unwrap_or_else(|| likely_protocol(layer.endpoint.as_ref()));
        Ok(Self {
            exporter,
            endpoint: signal_endpoint(layer.endpoint, protocol, path),
            protocol,
            headers: layer.headers.unwrap_or_default(),
            compression: layer.compression.unwrap_or(Compression::None),
            timeout: layer
                .timeout
                .unwrap_or(const { Timeout::from_micros(10_000_000) }),
            certificate: layer.certificate,
            client_certificate: layer.client_certificate,
            client_key: layer.client_key,
        })
    }
}

/// gRPC, unless the endpoint can only be meant for HTTP.
fn likely_protocol(endpoint: Option<&Endpoint>) -> Protocol {
    match endpoint {
        Some(Endpoint { url, .. }) if url.port() == Some(HTTP_PORT) || url.path() != "/" => {
            Protocol::HttpProtobuf
        }
        _ => Protocol::Grpc,
    }
}

fn signal_endpoint(endpoint: Option<Endpoint>, protocol: Protocol, path: &str) -> Url {
    let default = match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::HttpProtobuf => "http://localhost:4318",
    };
    let endpoint = endpoint.unwrap_or_else(|| Endpoint {
        url: Url::parse(default).expect("a constant URL"),
        shared: true,
    });
    let mut url = endpoint.url;
    if endpoint.shared && protocol == Protocol::HttpProtobuf {
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
    }
    url
}
