//! Exporters against real receivers and real files.

mod logs;
mod metrics;
mod profiles;
mod recording;
mod sample;
mod scrape;
mod sink;
mod spans;
mod spill;
mod tls;
mod traces;
