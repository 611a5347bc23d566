//! `slowmap run`: the sidecar.

use tokio::time::{MissedTickBehavior, interval};

use super::{
    alerting::Alerting, clock, discovery::Discovery, history::Keep, naming::Naming, selector,
    session::Session, signals::Signals,
};
use crate::{
    config::{Config, prometheus::ScrapeAddress},
    discover::Watcher,
    export::{
        otlp::{ExportCounts, ExportTasks, Exporters},
        prometheus::{Endpoint, Scrape},
    },
    failure::Failure,
};

/// Finds Go processes, attaches, exports until SIGTERM or SIGINT; then sends what is left and detaches.
///
/// # Errors
/// What `Failure` names.
pub async fn run(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut endpoint = scraped_at(&config.prometheus).await?;
    let (mut exporters, tasks) = Exporters::start(config.export_settings(), clock::wall())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let mut alerting = Alerting::start(config.alerts.clone())?;
    let mut session = Session::load(&config.detection, Keep::Sums)?;
    let watcher = Watcher::new(selector::of(&config.targets));
    let mut discovery = Discovery::new(watcher, session.watch_lives());
    let mut naming = Naming::start(&config).await?;
    let changes = discovery.changes().map_err(anyhow::Error::from)?;
    session.apply(naming.settle(changes));
    tracing::info!(processes = session.attached(), "running");
    if let Some(endpoint) = &endpoint {
        endpoint.is_ready();
    }

    let mut looks = session.looks();
    let mut metrics = interval(config.metrics.interval.get());
    metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
    metrics.reset(); // The first is due at the end of an interval.
    let signal = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            () = discovery.due() => match discovery.changes() {
                Ok(changes) => {
                    // What the ended ones left behind can be explained only as long as they are known.
                    take(&mut session, &mut exporters, &mut alerting);
                    session.apply(naming.settle(changes));
                }
                Err(error) => tracing::warn!(%error, "cannot look for processes"),
            },
            () = naming.due() => {
                // What was written until now was of services without these names.
                take(&mut session, &mut exporters, &mut alerting);
                session.name(naming.known());
            }
            () = looks.next() => take(&mut session, &mut exporters, &mut alerting),
            () = alerting.due() => alerting.look(),
            _ = metrics.tick() => exporters.push_metrics(&session.agent_use(), clock::wall()),
            scrape = next_scrape(&mut endpoint) => {
                scrape.answer(exporters.exposition(&session.agent_use()));
            }
            () = session.next_look() => session.govern(),
            () = session.next_step() => session.follow_on(),
        }
    };
    tracing::info!(signal, "ending");
    drop(endpoint);
    finish(session, exporters, tasks, alerting).await;
    Ok(())
}

/// Detaches, and sends what is left.
async fn finish(
    mut session: Session,
    mut exporters: Exporters,
    tasks: ExportTasks,
    mut alerting: Alerting,
) {
    session.detach_all();
    take(&mut session, &mut exporters, &mut alerting);
    exporters.push_metrics(&session.agent_use(), clock::wall());
    drop(exporters);
    alerting.finish().await;
    for (signal, counts) in tasks.finish().await {
        report(signal, &counts);
    }
    let losses = session.losses();
    tracing::info!(
        lost = losses.total,
        lost_by_reason = ?losses.by_reason,
        "ended"
    );
}

fn take(session: &mut Session, exporters: &mut Exporters, alerting: &mut Alerting) {
    session.drain(|write| {
        alerting.add(&write);
        exporters.offer(write);
    });
}

async fn scraped_at(chosen: &ScrapeAddress) -> Result<Option<Endpoint>, Failure> {
    let Some(listen) = &chosen.0 else {
        return Ok(None);
    };
    let endpoint = Endpoint::start(listen).await.map_err(|error| {
        Failure::Usage(format!(
            "prometheus.listen (SLOWMAP_PROMETHEUS_LISTEN): cannot listen on {listen}: {error}; give another [HOST:]PORT, or none"
        ))
    })?;
    tracing::info!(address = %endpoint.address(), "metrics can be scraped");
    Ok(Some(endpoint))
}

async fn next_scrape(endpoint: &mut Option<Endpoint>) -> Scrape {
    match endpoint {
        Some(endpoint) => endpoint.next().await,
        None => std::future::pending().await,
    }
}

fn report(signal: &str, counts: &ExportCounts) {
    let dropped: u64 = counts.dropped.values().sum();
    tracing::info!(
        signal,
        offered = counts.offered,
        exported = counts.exported,
        dropped,
        recovered = counts.recovered,
        on_disk = counts.on_disk,
        by_reason = ?counts.dropped,
        export_failures = counts.failures,
        "export ended"
    );
}
