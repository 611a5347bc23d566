//! How long slow writes took: a stream for each process, cause and function.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, ExponentialHistogram as Message, ExponentialHistogramDataPoint,
        Metric, ResourceMetrics, metric::Data,
    },
};

use super::{
    exemplars::Exemplars, exponential::ExponentialHistogram, of_resource, temporality::Temporality,
};
use crate::{
    export::otlp::{attributes::attribute, linked::LinkedWrite, resource::resource},
    model::{cause::Cause, process::GoProcess, time::UnixNanos, write::CorrelatedWrite},
};

const NAME: &str = "go.map.assign.slow.duration";
/// Of all processes. What is beyond goes into one more stream for each process, marked as the specification has it.
const MAX_STREAMS: usize = 1_000;

#[derive(Debug)]
pub struct Durations {
    temporality: AggregationTemporality,
    /// When counting began, or the last collection.
    since: UnixNanos,
    processes: Vec<OfProcess>,
}

#[derive(Debug)]
struct OfProcess {
    process: Arc<GoProcess>,
    streams: BTreeMap<Key, Stream>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Of {
        cause: Cause,
        /// The runtime's entry.
        function: Option<String>,
        /// The function that writes.
        caller: Option<String>,
    },
    Overflow,
}

#[derive(Debug)]
struct Stream {
    histogram: ExponentialHistogram,
    exemplars: Exemplars,
}

impl Durations {
    pub fn new(temporality: Temporality, now: UnixNanos) -> Self {
        Self {
            temporality: temporality.of_histograms(),
            since: now,
            processes: Vec::new(),
        }
    }

    pub fn add(&mut self, LinkedWrite { write, link }: &LinkedWrite) {
        let process = &write.observed().process;
        let streams = self.processes.iter().map(|its| its.streams.len());
        let is_full = streams.sum::<usize>() >= MAX_STREAMS;
        let known = |its: &OfProcess| Arc::ptr_eq(&its.process, process);
        let at = self.processes.iter().position(known).unwrap_or_else(|| {
            self.processes.push(OfProcess {
                process: Arc::clone(process),
                streams: BTreeMap::new(),
            });
            self.processes.len() - 1
        });
        let streams = &mut self.processes[at].streams;
        let mut key = Key::of(write);
        if is_full && !streams.contains_key(&key) {
            key = Key::Overflow;
        }
        let stream = streams.entry(key).or_insert_with(|| Stream {
            histogram: ExponentialHistogram::new(),
            exemplars: Exemplars::default(),
        });
        let nanos = write.observed().duration_nano;
        stream.histogram.add(nanos);
        if let Some(span) = link.filter(|span| span.is_sampled()) {
            stream.exemplars.add(nanos, write.end(), span);
        }
    }

    pub fn collect(&mut self, now: UnixNanos) -> Vec<ResourceMetrics> {
        let (since, temporality) = (self.since, self.temporality);
        let collect = |its: &mut OfProcess| {
            let streams = its.streams.iter_mut();
            let points = streams.map(|(key, stream)| stream.point(key, since, now));
            let metric = metric(temporality, points.collect());
            of_resource(resource(&its.process), vec![metric])
        };
        let collection = self.processes.iter_mut().map(collect).collect();
        if temporality == AggregationTemporality::Delta {
            self.processes.clear();
            self.since = now;
        } else {
            // Of a process that has ended, and whose writes have gone out, nobody else knows any more.
            self.processes
                .retain(|its| Arc::strong_count(&its.process) > 1);
        }
        collection
    }
}

impl Key {
    fn of(write: &CorrelatedWrite) -> Self {
        Self::Of {
            cause: write.cause(),
            function: write.symbolized.function.clone(),
            caller: write.caller().and_then(|caller| caller.function.clone()),
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        match self {
            Self::Of {
                cause,
                function,
                caller,
            } => {
                let known =
                    |key, value: &Option<String>| value.clone().map(|value| attribute(key, value));
                let of_code = [
                    known("go.map.function", function),
                    known("code.function.name", caller),
                ];
                let cause = attribute("go.map.cause", cause.name());
                [Some(cause)].into_iter().chain(of_code).flatten().collect()
            }
            Self::Overflow => vec![attribute("otel.metric.overflow", true)],
        }
    }
}

impl Stream {
    fn point(
        &mut self,
        key: &Key,
        since: UnixNanos,
        now: UnixNanos,
    ) -> ExponentialHistogramDataPoint {
        let histogram = &self.histogram;
        ExponentialHistogramDataPoint {
            attributes: key.attributes(),
            start_time_unix_nano: since.0,
            time_unix_nano: now.0,
            count: histogram.count,
            sum: Some(histogram.sum()),
            scale: histogram.scale,
            zero_count: histogram.zeros,
            positive: Some(histogram.buckets()),
            exemplars: self.exemplars.take(),
            min: histogram.min(),
            max: histogram.max(),
            ..ExponentialHistogramDataPoint::default()
        }
    }
}

fn metric(
    temporality: AggregationTemporality,
    points: Vec<ExponentialHistogramDataPoint>,
) -> Metric {
    Metric {
        name: NAME.into(),
        description: "How long slow map writes took.".into(),
        unit: "s".into(),
        data: Some(Data::ExponentialHistogram(Message {
            data_points: points,
            aggregation_temporality: temporality.into(),
        })),
        ..Metric::default()
    }
}
