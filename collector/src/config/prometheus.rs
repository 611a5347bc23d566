//! Where metrics can be scraped.

use std::{fmt, str::FromStr};

use super::{otlp::Exporter, value::Refused};
use crate::export::prometheus::Listen;

/// What metrics tell belongs to nobody else on the network.
const HOST: &str = "localhost";
/// The standard's default.
const PORT: u16 = 9464;

/// `none`, or `[HOST:]PORT`; without a host it is this machine only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrapeAddress(pub Option<Listen>);

impl ScrapeAddress {
    /// As `OTEL_EXPORTER_PROMETHEUS_HOST` and `…_PORT` have it.
    pub fn standard(host: Option<&str>, port: Option<u16>) -> Self {
        Self(Some(Listen {
            host: unbracketed(host.unwrap_or(HOST)).into(),
            port: port.unwrap_or(PORT),
        }))
    }
}

impl FromStr for ScrapeAddress {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((HOST, text));
        // An IPv6 address without brackets is all host.
        let is_host = !host.is_empty() && (!host.contains(':') || host.starts_with('['));
        match port.parse() {
            Ok(port) if is_host => Ok(Self::standard(Some(host), Some(port))),
            _ => Err(Refused(
                "PORT, HOST:PORT, [IPv6 address]:PORT, or none".into(),
            )),
        }
    }
}

fn unbracketed(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host)
}

impl fmt::Display for ScrapeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(listen) => listen.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// `OTEL_METRICS_EXPORTER`, which is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsExporters {
    pub otlp: Exporter,
    pub prometheus: bool,
}

impl FromStr for MetricsExporters {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let known = |word: &&str| ["otlp", "prometheus", "none"].contains(word);
        let alone = !words.contains(&"none") || words.len() == 1;
        if !words.iter().all(known) || !alone {
            return Err(Refused("otlp, prometheus, otlp,prometheus, none".into()));
        }
        Ok(Self {
            otlp: match words.contains(&"otlp") {
                true => Exporter::Otlp,
                false => Exporter::None,
            },
            prometheus: words.contains(&"prometheus"),
        })
    }
}
