//! Joins the stages: discover -> examine (inspect, plan) -> attach -> receive -> assemble -> attribute ->
//! symbolize -> correlate -> export. Nothing else knows their order, and nothing else imports them.
//!
//! All stages up to the exporters run on one thread and keep up by batches: the ring buffer is the queue in front
//! of them, bounded and with its losses counted by the kernel side; the exporter's queue is the one behind.

mod absences;
mod alerting;
mod clock;
mod collisions;
mod command;
mod correlate;
mod discovery;
mod follow;
mod governing;
mod history;
mod looks;
mod memory;
mod naming;
mod rate;
mod record;
mod report;
mod run;
mod selector;
mod session;
mod signals;
mod target;
mod top;

pub use self::{correlate::correlate, record::record, report::report, run::run, top::top};
