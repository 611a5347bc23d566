//! What a Collector has taken, from the files that its file exporter wrote: messages, each behind its length as a
//! big-endian number of 32 bits.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::{
    logs::v1::LogsData, metrics::v1::MetricsData, profiles::v1development::ProfilesData,
    trace::v1::TracesData,
};
use prost::Message;

use crate::trace::{
    otlp,
    profile::{self, Sample},
    span::{LogEvent, MetricPoint, Span},
};

#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub spans: Vec<Span>,
    pub logs: Vec<LogEvent>,
    /// In order of arrival.
    pub metrics: Vec<MetricPoint>,
    pub samples: Vec<Sample>,
}

impl Taken {
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let traces = messages::<TracesData>(&directory.join("traces"))?;
        let logs = messages::<LogsData>(&directory.join("logs"))?;
        let metrics = messages::<MetricsData>(&directory.join("metrics"))?;
        let profiles = messages::<ProfilesData>(&directory.join("profiles"))?;
        let spans = traces
            .into_iter()
            .flat_map(|data| otlp::spans(data.resource_spans));
        let logs = logs
            .into_iter()
            .flat_map(|data| otlp::logs(data.resource_logs));
        let metrics = metrics
            .into_iter()
            .flat_map(|data| otlp::metrics(data.resource_metrics));
        Ok(Self {
            spans: spans.collect(),
            logs: logs.collect(),
            metrics: metrics.collect(),
            samples: profiles.into_iter().flat_map(profile::samples).collect(),
        })
    }
}

fn messages<M: Message + Default>(path: &Path) -> Result<Vec<M>> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        ensure!(length <= after.len(), "{} breaks off", path.display());
        let (message, next) = after.split_at(length);
        messages.push(M::decode(message)?);
        rest = next;
    }
    ensure!(rest.is_empty(), "{} breaks off", path.display());
    Ok(messages)
}

/// Of the spans in a file, as far as it goes.
pub(super) fn span_ids(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let (mut rest, mut ids) = (bytes.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((message, next)) = after.split_at_checked(length) else {
            break;
        };
        let scopes = TracesData::decode(message)?.resource_spans.into_iter();
        let spans = scopes.flat_map(|resource| resource.scope_spans);
        let spans = spans.flat_map(|scope| scope.spans);
        ids.extend(spans.map(|span| span.span_id));
        rest = next;
    }
    Ok(ids)
}
