//! How long slow writes took, in buckets with bounds that do not change, each with the latest span that fell into it.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use prometheus_client::metrics::{
    exemplar::HistogramWithExemplars,
    family::{Family, MetricConstructor},
};

use crate::{
    export::otlp::LinkedWrite,
    model::{trace::SpanContext, write::CorrelatedWrite},
};

/// Upper bounds in seconds, as in a recording's `metrics.prom`.
const BOUNDS: [f64; 16] = [
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0,
    10.0,
];
/// Pairs of service and cause. What is beyond is not told apart.
const MAX_SERIES: usize = 1_000;

type Labels = Vec<(&'static str, String)>;
type Histogram = HistogramWithExemplars<Labels>;

/// By service and cause.
#[derive(Debug)]
pub struct Durations {
    pub(super) family: Family<Labels, Histogram, Bounds>,
    known: HashSet<Labels>,
}

#[derive(Debug, Clone, Copy)]
pub struct Bounds;

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BOUNDS.into_iter())
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            family: Family::new_with_constructor(Bounds),
            known: HashSet::new(),
        }
    }
}

impl Durations {
    pub fn add(&mut self, LinkedWrite { write, link }: &LinkedWrite) {
        let labels = self.bounded(labels(write));
        let seconds = write.observed().duration_nano as f64 / 1e9;
        // What is not recorded leads nowhere.
        let span = link.filter(SpanContext::is_sampled).map(exemplar);
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(write.end().0);
        let time = span.is_some().then_some(time);
        self.family
            .get_or_create(&labels)
            .observe(seconds, span, time);
    }

    fn bounded(&mut self, labels: Labels) -> Labels {
        if self.known.contains(&labels) {
            return labels;
        }
        if self.known.len() >= MAX_SERIES {
            return vec![("otel_metric_overflow", "true".into())];
        }
        self.known.insert(labels.clone());
        labels
    }
}

fn labels(write: &CorrelatedWrite) -> Labels {
    let service = write.observed().process.service_name_or_default();
    vec![
        ("service_name", service),
        ("cause", write.cause().name().into()),
    ]
}

fn exemplar(span: SpanContext) -> Labels {
    vec![
        ("trace_id", span.trace_id_text()),
        ("span_id", span.span_id_text()),
    ]
}
