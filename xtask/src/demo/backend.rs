//! Where the traces of shop and slowmap go.

use std::{fmt, str::FromStr, time::Duration};

use anyhow::{Result, bail};
use integration::{
    jaeger::{JAEGER, Jaeger},
    sink::Sink,
    trace::{slow::SPAN_NAME, span::Span},
};

use super::scene::SERVICE;
use crate::machine;

/// Traces that Jaeger is asked for.
const TRACES: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    Embedded,
    Jaeger,
    Url(String),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "jaeger" => Ok(Self::Jaeger),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Self::Url(url.to_owned()))
            }
            _ => Err(
                "neither embedded, nor jaeger, nor a URL that begins with http:// or https://"
                    .into(),
            ),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Embedded => "embedded",
            Self::Jaeger => "jaeger",
            Self::Url(url) => url,
        })
    }
}

#[derive(Debug)]
pub enum Backend {
    Embedded(Sink),
    Jaeger(Jaeger),
    Remote { url: String },
}

impl Backend {
    pub fn start(choice: &Choice) -> Result<Self> {
        Ok(match choice {
            Choice::Embedded => Self::Embedded(Sink::start()?),
            Choice::Jaeger => {
                if !JAEGER.is_built()? {
                    if !machine::has_program("go") {
                        bail!("Jaeger is built by Go, which is not in PATH");
                    }
                    println!("building Jaeger, once; this takes some minutes and 2 GB of memory");
                }
                Self::Jaeger(Jaeger::start()?)
            }
            Choice::Url(url) => Self::Remote { url: url.clone() },
        })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Embedded(sink) => sink.endpoint(),
            Self::Jaeger(jaeger) => jaeger.endpoint(),
            Self::Remote { url } => url.clone(),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Embedded(_) => "the embedded receiver",
            Self::Jaeger(_) => "Jaeger",
            Self::Remote { url } => url,
        }
    }

    /// All spans of the traces that have slow writes in them. `None`: it cannot be asked.
    pub fn spans(&self) -> Result<Option<Vec<Span>>> {
        Ok(match self {
            Self::Embedded(sink) => Some(sink.received().spans),
            Self::Jaeger(jaeger) => Some(jaeger.latest_with(SERVICE, SPAN_NAME, TRACES)?),
            Self::Remote { .. } => None,
        })
    }

    /// By how much two instants that it tells may differ from what was sent.
    pub fn precision(&self) -> Duration {
        match self {
            // It keeps microseconds: of the start, and of the duration.
            Self::Jaeger(_) => Duration::from_micros(2),
            Self::Embedded(_) | Self::Remote { .. } => Duration::ZERO,
        }
    }

    /// Where the trace can be had, while it runs.
    pub fn trace_url(&self, trace: &str) -> Option<String> {
        match self {
            Self::Jaeger(jaeger) => Some(format!("{}/api/traces/{trace}", jaeger.query_url())),
            Self::Embedded(_) | Self::Remote { .. } => None,
        }
    }
}
