//! Metrics: durations of slow writes and what slowmap says of itself, aggregated here and sent as collections. Adding a
//! write takes a look-up; the number of streams is bounded.

mod agent;
mod durations;
mod exemplars;
mod exponential;
mod temporality;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics, metric::Data},
    resource::v1::Resource,
};

pub(in crate::export) use self::agent::{Counter, counters};
pub use self::{agent::AgentUse, temporality::Temporality};
use self::{agent::Sums, durations::Durations};
use super::{
    counts::ExportCounts,
    linked::LinkedWrite,
    resource::{of_slowmap, scope},
    settings::MetricSettings,
    signal::{Signal, rejected},
};
use crate::model::time::UnixNanos;

/// Items are collections.
#[derive(Debug)]
pub enum Metrics {}

impl Signal for Metrics {
    const NAME: &'static str = "metrics";
    const METHOD: &'static str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    type Item = Vec<ResourceMetrics>;
    type Request = ExportMetricsServiceRequest;
    type Response = ExportMetricsServiceResponse;

    fn request(items: &[Self::Item]) -> Self::Request {
        ExportMetricsServiceRequest {
            resource_metrics: items.concat(),
        }
    }

    fn size(item: &Self::Item) -> usize {
        let scopes = item.iter().flat_map(|resource| &resource.scope_metrics);
        let metrics = scopes.flat_map(|scope| &scope.metrics);
        metrics.map(data_points).sum()
    }

    fn rejected(response: Self::Response) -> Option<(i64, String)> {
        rejected!(response, rejected_data_points)
    }
}

fn data_points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        _ => 0,
    }
}

/// What is between two collections.
#[derive(Debug)]
pub struct Aggregation {
    slowmap: Resource,
    durations: Durations,
    sums: Sums,
}

impl Aggregation {
    /// `now`: counting begins.
    pub fn new(settings: &MetricSettings, now: UnixNanos) -> Self {
        Self {
            slowmap: of_slowmap(&settings.resource),
            durations: Durations::new(settings.temporality, now),
            sums: Sums::new(settings.temporality, now),
        }
    }

    pub fn add(&mut self, write: &LinkedWrite) {
        self.durations.add(write);
    }

    /// All there is, as of now. `events`: slow writes that were found.
    pub fn collect(
        &mut self,
        events: u64,
        agent: &AgentUse,
        exports: &[(&'static str, ExportCounts)],
        now: UnixNanos,
    ) -> Vec<ResourceMetrics> {
        let own = self.sums.collect(events, agent, exports, now);
        let mut collection = self.durations.collect(now);
        collection.push(of_resource(self.slowmap.clone(), own));
        collection
    }
}

fn of_resource(resource: Resource, metrics: Vec<Metric>) -> ResourceMetrics {
    ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(scope()),
            metrics,
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    }
}
