//! What slowmap says of itself. Each counter is of what was counted; where nothing was measured there is no point.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, Sum, metric::Data, number_data_point::Value,
};

use super::{exponential::seconds, temporality::Temporality};
use crate::{
    export::otlp::{
        attributes::{attribute, integer},
        counts::ExportCounts,
    },
    model::{summary::ProbeUse, time::UnixNanos},
};

/// What the pipeline has counted since its start.
#[derive(Debug, Clone, Default)]
pub struct AgentUse {
    /// Processes that probes are attached to now.
    pub attached: u64,
    /// Processes that were left alone, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Events that were lost on the way to the exporters, by reason.
    pub lost: BTreeMap<String, u64>,
    pub probes: Vec<ProbeUse>,
    /// Nanoseconds of the targets' time that probes are estimated to have cost, by service; of what was measured.
    pub cost_nano: BTreeMap<String, u64>,
}

/// Counters, which were added up elsewhere.
#[derive(Debug)]
pub struct Sums {
    temporality: AggregationTemporality,
    began: UnixNanos,
    /// When counting began, or the last collection.
    since: UnixNanos,
    /// Where deltas begin.
    before: BTreeMap<(&'static str, Labels), u64>,
}

type Labels = Vec<(&'static str, String)>;

/// A metric of counted things, and its points.
#[derive(Debug)]
pub struct Counter {
    pub name: &'static str,
    pub description: &'static str,
    unit: &'static str,
    /// It only goes up; else it is what there is now.
    pub is_monotonic: bool,
    pub points: Vec<(Labels, u64)>,
}

impl Counter {
    /// The points are nanoseconds, to be told in seconds.
    pub fn in_seconds(&self) -> bool {
        self.unit == SECONDS
    }
}

/// All of them, as of now. `events`: slow writes that were found.
pub fn counters(
    events: u64,
    agent: &AgentUse,
    exports: &[(&'static str, ExportCounts)],
) -> impl Iterator<Item = Counter> {
    of_events(events, agent)
        .into_iter()
        .chain(of_targets(agent))
        .chain(of_exports(exports))
        .chain(levels(agent, exports))
}

const REASON: &str = "slowmap.reason";
const SIGNAL: &str = "slowmap.signal";
/// The unit of what is given in nanoseconds.
const SECONDS: &str = "s";

impl Sums {
    pub fn new(temporality: Temporality, now: UnixNanos) -> Self {
        Self {
            temporality: temporality.of_counters(),
            began: now,
            since: now,
            before: BTreeMap::new(),
        }
    }

    pub fn collect(
        &mut self,
        events: u64,
        agent: &AgentUse,
        exports: &[(&'static str, ExportCounts)],
        now: UnixNanos,
    ) -> Vec<Metric> {
        let counters = counters(events, agent, exports);
        let metrics = counters.map(|counter| match counter.is_monotonic {
            true => self.counter(counter, now),
            false => level(counter, self.began, now),
        });
        let metrics = metrics.collect();
        if self.temporality == AggregationTemporality::Delta {
            self.since = now;
        }
        metrics
    }

    fn counter(&mut self, counter: Counter, now: UnixNanos) -> Metric {
        let Counter {
            name,
            description,
            unit,
            points,
            is_monotonic,
        } = counter;
        let points = points.into_iter().map(|(labels, total)| {
            let value = self.since_then(name, &labels, total);
            let value = match unit {
                SECONDS => Value::AsDouble(seconds(value)),
                _ => Value::AsInt(integer(value)),
            };
            point(labels, value, self.since, now)
        });
        let points = points.collect();
        let sum = Sum {
            data_points: points,
            aggregation_temporality: self.temporality.into(),
            is_monotonic,
        };
        metric(name, description, unit, sum)
    }

    fn since_then(&mut self, name: &'static str, labels: &Labels, total: u64) -> u64 {
        if self.temporality != AggregationTemporality::Delta {
            return total;
        }
        let before = self.before.insert((name, labels.clone()), total);
        total.saturating_sub(before.unwrap_or(0))
    }
}

fn of_events(events: u64, agent: &AgentUse) -> [Counter; 2] {
    let by_reason = |(reason, count): (&String, &u64)| (labels(REASON, reason), *count);
    [
        Counter {
            name: "slowmap.events",
            description: "Slow map writes that were found.",
            unit: "{event}",
            is_monotonic: true,
            points: vec![(Labels::new(), events)],
        },
        Counter {
            name: "slowmap.events.lost",
            description: "Events that were lost before they could be explained.",
            unit: "{event}",
            is_monotonic: true,
            points: agent.lost.iter().map(by_reason).collect(),
        },
    ]
}

fn of_targets(agent: &AgentUse) -> [Counter; 3] {
    let hits = |probe: &ProbeUse| {
        let role = serde_json::to_value(probe.role).ok();
        let role = role
            .as_ref()
            .and_then(|role| role.as_str())
            .unwrap_or_default();
        let labels = vec![
            ("slowmap.probe.function", probe.function.clone()),
            ("slowmap.probe.role", role.to_owned()),
        ];
        (labels, probe.hits)
    };
    let by_reason = |(reason, count): (&&'static str, &u64)| (labels(REASON, reason), *count);
    let by_service = |(service, nanos): (&String, &u64)| {
        (labels("slowmap.target.service.name", service), *nanos)
    };
    [
        Counter {
            name: "slowmap.processes.skipped",
            description: "Processes that were left alone.",
            unit: "{process}",
            is_monotonic: true,
            points: agent.skipped.iter().map(by_reason).collect(),
        },
        Counter {
            name: "slowmap.probe.hits",
            description: "How often probes were hit.",
            unit: "{hit}",
            is_monotonic: true,
            points: agent.probes.iter().map(hits).collect(),
        },
        Counter {
            name: "slowmap.target.cost",
            description: "CPU time of the targets that probes are estimated to have cost.",
            unit: SECONDS,
            is_monotonic: true,
            points: agent.cost_nano.iter().map(by_service).collect(),
        },
    ]
}

fn of_exports(exports: &[(&'static str, ExportCounts)]) -> [Counter; 4] {
    let by_signal = |count: fn(&ExportCounts) -> u64| {
        let point = |(signal, counts): &(&'static str, ExportCounts)| {
            (labels(SIGNAL, signal), count(counts))
        };
        exports.iter().map(point).collect()
    };
    let dropped = exports.iter().flat_map(|(signal, counts)| {
        let by_reason = |(reason, count): (&&'static str, &u64)| {
            let labels = [labels(SIGNAL, signal), labels(REASON, reason)].concat();
            (labels, *count)
        };
        counts.dropped.iter().map(by_reason)
    });
    [
        Counter {
            name: "slowmap.export.delivered",
            description: "What the endpoint took.",
            unit: "{item}",
            is_monotonic: true,
            points: by_signal(|counts| counts.exported),
        },
        Counter {
            name: "slowmap.export.dropped",
            description: "What was not exported.",
            unit: "{item}",
            is_monotonic: true,
            points: dropped.collect(),
        },
        Counter {
            name: "slowmap.export.recovered",
            description: "What an earlier run had left in the queue directory.",
            unit: "{item}",
            is_monotonic: true,
            points: by_signal(|counts| counts.recovered),
        },
        Counter {
            name: "slowmap.export.failures",
            description: "Attempts to export that failed.",
            unit: "{attempt}",
            is_monotonic: true,
            points: by_signal(|counts| counts.failures),
        },
    ]
}

fn labels(key: &'static str, value: &str) -> Labels {
    vec![(key, value.to_owned())]
}

/// What goes up and down.
fn levels(agent: &AgentUse, exports: &[(&'static str, ExportCounts)]) -> [Counter; 2] {
    let on_disk =
        |(signal, counts): &(&'static str, ExportCounts)| (labels(SIGNAL, signal), counts.on_disk);
    [
        Counter {
            name: "slowmap.processes.attached",
            description: "Processes that probes are attached to.",
            unit: "{process}",
            is_monotonic: false,
            points: vec![(Labels::new(), agent.attached)],
        },
        Counter {
            name: "slowmap.export.on_disk",
            description: "What waits in the queue directory for the endpoint.",
            unit: "{item}",
            is_monotonic: false,
            points: exports.iter().map(on_disk).collect(),
        },
    ]
}

/// Never a delta.
fn level(level: Counter, since: UnixNanos, now: UnixNanos) -> Metric {
    let points = level.points.into_iter();
    let points =
        points.map(|(labels, value)| point(labels, Value::AsInt(integer(value)), since, now));
    let sum = Sum {
        data_points: points.collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: false,
    };
    metric(level.name, level.description, level.unit, sum)
}

fn point(labels: Labels, value: Value, since: UnixNanos, now: UnixNanos) -> NumberDataPoint {
    let attributes = labels.into_iter().map(|(key, value)| attribute(key, value));
    NumberDataPoint {
        attributes: attributes.collect(),
        start_time_unix_nano: since.0,
        time_unix_nano: now.0,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn metric(name: &str, description: &str, unit: &str, sum: Sum) -> Metric {
    Metric {
        name: name.into(),
        description: description.into(),
        unit: unit.into(),
        data: Some(Data::Sum(sum)),
        ..Metric::default()
    }
}
