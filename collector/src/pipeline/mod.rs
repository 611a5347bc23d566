//! Joins the stages: discover -> examine (inspect, plan) -> attach -> receive -> assemble -> attribute ->
//! symbolize -> correlate -> export. Nothing else knows their order, and nothing else imports them.
//!
//! All stages up to the exporters run on one thread and keep up by batches: the ring buffer is the queue in front
//! of them, bounded and with its losses counted by the kernel side; the exporter's queue is the one behind.

mod clock;
mod record;
mod run;
mod session;
mod signals;
mod target;

use std::time::Duration;

pub use self::{record::record, run::run};

/// How often events are fetched. The programs never wake the reader: a wakeup per event would cost the target's
/// CPU more than the event. At 4 MiB the ring buffer holds 100,000 events/s for this long.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// How often it is looked for processes that have started or ended.
const DISCOVERY_INTERVAL: Duration = Duration::from_millis(250);
