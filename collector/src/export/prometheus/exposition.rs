//! The text that is scraped (https://prometheus.io/docs/specs/om/open_metrics_spec/).

use std::fmt::Error;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, text},
    metrics::{MetricType, exemplar::Exemplar},
    registry::{Registry, Unit},
};

use super::Durations;
use crate::export::otlp::{AgentUse, Counter, ExportCounts, counters};

/// No counter of slowmap has exemplars.
const NONE: Option<&Exemplar<Vec<(&str, String)>, u64>> = None;

/// All there is, as of now. `events`: slow writes that were found.
pub fn exposition(
    durations: &Durations,
    events: u64,
    agent: &AgentUse,
    exports: &[(&'static str, ExportCounts)],
) -> String {
    let mut registry = Registry::default();
    registry.register_with_unit(
        "slowmap_map_assign_duration",
        "How long slow map writes took",
        Unit::Seconds,
        durations.family.clone(),
    );
    registry.register_collector(Box::new(Own {
        counters: counters(events, agent, exports).collect(),
    }));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut text, &registry);
    text
}

/// What slowmap says of itself.
#[derive(Debug)]
struct Own {
    counters: Vec<Counter>,
}

impl Collector for Own {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut all = self.counters.iter();
        all.try_for_each(|counter| encode(counter, &mut encoder))
    }
}

fn encode(counter: &Counter, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let unit = counter.in_seconds().then_some(Unit::Seconds);
    let (name, kind) = (underscored(counter.name), kind(counter));
    let mut encoder = encoder.encode_descriptor(&name, counter.description, unit.as_ref(), kind)?;
    for (labels, value) in &counter.points {
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| (underscored(key), value.clone()))
            .collect();
        match labels.is_empty() {
            true => point(counter, *value, &mut encoder)?,
            false => point(counter, *value, &mut encoder.encode_family(&labels)?)?,
        }
    }
    Ok(())
}

fn kind(counter: &Counter) -> MetricType {
    match counter.is_monotonic {
        true => MetricType::Counter,
        false => MetricType::Gauge,
    }
}

fn point(counter: &Counter, value: u64, encoder: &mut MetricEncoder<'_>) -> Result<(), Error> {
    match (counter.is_monotonic, counter.in_seconds()) {
        (true, true) => encoder.encode_counter(&(value as f64 / 1e9), NONE),
        (true, false) => encoder.encode_counter(&value, NONE),
        (false, _) => encoder.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX)),
    }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}
