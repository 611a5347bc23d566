//! `slowmap run`: the sidecar.

use tokio::time::{MissedTickBehavior, interval};

use super::{DISCOVERY_INTERVAL, DRAIN_INTERVAL, session::Session, signals::Signals};
use crate::{
    config::{Config, Targets},
    discover::{Selector, Watcher},
    export::otlp::TraceExporter,
    failure::Failure,
    model::process::Pid,
};

/// Finds Go processes, attaches, exports until SIGTERM or SIGINT; then sends what is left and detaches.
///
/// # Errors
/// What `Failure` names.
pub async fn run(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut session = Session::load(config.detection.threshold.get())?;
    let mut watcher = Watcher::new(selector(&config.targets));
    let (sender, exporter) = TraceExporter::start(config.trace_settings())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    // What the exporter does not take it counts itself.
    let offer = |write| {
        let _ = sender.offer(write);
    };
    session.apply(watcher.changes().map_err(anyhow::Error::from)?);
    tracing::info!(processes = session.attached(), "running");

    let mut discovery = interval(DISCOVERY_INTERVAL);
    let mut drain = interval(DRAIN_INTERVAL);
    discovery.set_missed_tick_behavior(MissedTickBehavior::Delay);
    drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let signal = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            _ = discovery.tick() => match watcher.changes() {
                Ok(changes) => {
                    // What the ended ones left behind can be explained only as long as they are known.
                    session.drain(offer);
                    session.apply(changes);
                }
                Err(error) => tracing::warn!(%error, "cannot look for processes"),
            },
            _ = drain.tick() => session.drain(offer),
        }
    };
    tracing::info!(signal, "ending");
    session.detach_all();
    session.drain(offer);
    drop(sender);
    let counts = exporter.await.map_err(anyhow::Error::from)?;
    let dropped: u64 = counts.dropped.values().sum();
    let losses = session.losses();
    tracing::info!(
        offered = counts.offered,
        exported = counts.exported,
        dropped,
        by_reason = ?counts.dropped,
        export_failures = counts.failures,
        lost = losses.total,
        lost_by_reason = ?losses.by_reason,
        "ended"
    );
    Ok(())
}

fn selector(targets: &Targets) -> Selector {
    Selector {
        pids: targets.pids.iter().copied().map(Pid).collect(),
        executables: targets
            .executables
            .iter()
            .map(|glob| glob.0.clone())
            .collect(),
        all: targets.is_all(),
    }
}
