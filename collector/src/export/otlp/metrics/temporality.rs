//! What a value is the value of (https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/).

use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporality {
    /// All since the beginning.
    #[default]
    Cumulative,
    /// What came since the last collection.
    Delta,
    /// Whichever takes less memory: delta for histograms, cumulative for what is counted elsewhere anyway.
    LowMemory,
}

impl Temporality {
    pub fn of_histograms(self) -> AggregationTemporality {
        match self {
            Self::Cumulative => AggregationTemporality::Cumulative,
            Self::Delta | Self::LowMemory => AggregationTemporality::Delta,
        }
    }

    pub fn of_counters(self) -> AggregationTemporality {
        match self {
            Self::Cumulative | Self::LowMemory => AggregationTemporality::Cumulative,
            Self::Delta => AggregationTemporality::Delta,
        }
    }
}
