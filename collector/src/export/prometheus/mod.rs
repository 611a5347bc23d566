//! What Prometheus scrapes, for those who ask for it: `/metrics` as OpenMetrics, under the names that Prometheus itself
//! would give to the OTLP metrics, and `/healthz` and `/readyz` beside it.
//! A scrape is answered by the pipeline with what it has counted until then; nothing is aggregated for a scrape that does
//! not come, and one that is slow or hostile holds up nobody: connections and requests in waiting are few and bounded.

mod durations;
mod exposition;
mod server;

pub use self::{
    durations::Durations,
    exposition::exposition,
    server::{Endpoint, Listen, Scrape},
};
