//! `slowmap correlate`: a recording, held against what Prometheus has of the service.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::clock;
use crate::{
    config::CorrelateOptions,
    explain::{Explanation, Gap, Known, SlowWrites, Unexplainable, explain},
    failure::Failure,
    model::{series::Series, summary::Target, text::printable, time::UnixNanos},
    query::{ClockSkew, Prometheus, QueryError, Span, lookback},
    report::Recording,
};

/// Prometheus gives at most 11,000 samples of a series.
const SAMPLES: u32 = 10_000;
const SHORTEST_STEP: Duration = Duration::from_millis(100);
/// Prometheus' own default, for servers that do not say.
const ASSUMED_INTERVAL: Duration = Duration::from_secs(60);
/// Series and services that an error lists.
const LISTED: usize = 3;
/// Labels that name a service, as Prometheus, OpenTelemetry and Kubernetes have them.
const NAMING: [&str; 5] = ["service_name", "service", "job", "app", "container"];

/// Says what the recording explains of the spikes of a series.
///
/// # Errors
/// There is no recording, no Prometheus or no series, or they do not fit together.
pub async fn correlate(options: &CorrelateOptions) -> Result<Explanation, Failure> {
    let recorded = Recorded::read(&options.directory)?;
    let prometheus = Prometheus::new(options.prometheus.clone())?;
    let skew = prometheus.clock_skew(clock::wall).await?;
    let (from, until) = recorded.span;
    let ahead = |time: i64| UnixNanos(time.saturating_add(skew.ahead_nano).max(0).unsigned_abs());
    let step = options
        .step
        .map_or_else(|| step(recorded.length()), |step| step.get());
    let span = Span {
        from: ahead(from),
        until: ahead(until),
        step,
    };
    let series = one(prometheus.range(&options.query, span).await?, span)?;
    let service = recorded.service(options.service.as_deref(), &series)?;
    let known = known(options, &recorded, service, skew, step);
    let known = match prometheus.scrape_interval(&series).await {
        Some(interval) if options.scrape_interval.is_none() => Known {
            scrape_interval: interval,
            scrape_interval_known: true,
            ..known
        },
        _ => known,
    };
    Ok(explain(&series, recorded.writes, known)?)
}

fn known(
    options: &CorrelateOptions,
    recorded: &Recorded,
    service: String,
    skew: ClockSkew,
    step: Duration,
) -> Known {
    let interval = options.scrape_interval.map(|interval| interval.get());
    Known {
        query: options.query.clone(),
        unit: options.unit,
        recorded: recorded.span,
        threshold_nano: recorded.threshold_nano,
        lost: recorded.lost,
        not_always_watched: recorded.gaps(&service),
        service,
        ahead_nano: skew.ahead_nano,
        uncertainty_nano: skew.uncertainty_nano,
        step,
        lookback: lookback(&options.query),
        scrape_interval: interval.unwrap_or(ASSUMED_INTERVAL),
        scrape_interval_known: interval.is_some(),
        tolerance: options.window.get(),
        above: options.above.map(|above| above.get()),
    }
}

/// Fine enough for any scrape interval, as far as Prometheus lets.
fn step(length: Duration) -> Duration {
    let millis = (length / SAMPLES).as_millis() + 1;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).max(SHORTEST_STEP)
}

/// What is asked for is one service's quantile: several series would be explained by the same writes again and again.
fn one(series: Vec<Series>, span: Span) -> Result<Series, Failure> {
    let mut series = series.into_iter();
    let Some(first) = series.next() else {
        return Err(Failure::Other(anyhow::anyhow!(
            "Prometheus has no such series in the recording's time ({} to {}); look at the query in its own page, and at \
             whether the service was scraped then",
            shown(span.from),
            shown(span.until)
        )));
    };
    let more: Vec<Series> = series.collect();
    if more.is_empty() {
        return Ok(first);
    }
    let listed = std::iter::once(&first).chain(&more).take(LISTED);
    let listed: Vec<String> = listed.map(Series::to_string).collect();
    Err(Failure::Usage(format!(
        "--query has {} series ({}, …), allowed: one; choose by labels, or join them, e.g. by max()",
        more.len() + 1,
        listed.join(", ")
    )))
}

fn shown(time: UnixNanos) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(Duration::from_nanos(time.0));
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string())
        .unwrap_or_default()
}

/// What is needed of a recording.
#[derive(Debug)]
struct Recorded {
    span: (i64, i64),
    services: BTreeSet<String>,
    threshold_nano: Option<u64>,
    lost: u64,
    targets: Vec<Target>,
    writes: SlowWrites,
}

impl Recorded {
    fn read(directory: &Path) -> Result<Self, Failure> {
        let recording = Recording::open(directory)?;
        let mut writes = SlowWrites::default();
        recording.read(|write| {
            writes.add(write);
            Ok(())
        })?;
        let summary = recording.summary.as_ref();
        let whole = summary.map(|summary| {
            let from = summary.started_unix_nano.cast_signed();
            (from, from.saturating_add_unsigned(summary.duration_nano))
        });
        let span = whole.or_else(|| writes.span()).ok_or_else(|| {
            anyhow::anyhow!(
                "{} was cut off before its first slow write, so its time is not known; record again",
                directory.display()
            )
        })?;
        let targets = summary.map(|summary| summary.targets.clone());
        let targets = targets.unwrap_or_default();
        let named = targets
            .iter()
            .filter_map(|target| target.service_name.clone());
        let services = named.chain(writes.services().map(str::to_owned)).collect();
        Ok(Self {
            span,
            services,
            threshold_nano: summary.map(|summary| summary.threshold_nano),
            lost: summary.map_or(0, |summary| summary.losses.total),
            targets,
            writes,
        })
    }

    /// What the governor took out of a service for some of the time.
    fn gaps(&self, service: &str) -> Vec<Gap> {
        let its = |target: &&Target| target.service_name.as_deref() == Some(service);
        let pairs = self.targets.iter().filter(its).flat_map(|target| {
            let pairs = target.usage.probe_pairs.iter();
            pairs.map(|pair| (target.pid, pair))
        });
        let gaps = pairs.filter(|(_, pair)| pair.covered < 1.0);
        gaps.map(|(pid, pair)| Gap {
            pid,
            pair: pair.pair.name(),
            covered: pair.covered,
        })
        .collect()
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(self.span.1.abs_diff(self.span.0))
    }

    /// The service that a series is of.
    fn service(&self, asked: Option<&str>, series: &Series) -> Result<String, Failure> {
        if let Some(asked) = asked {
            return match self.services.get(asked) {
                Some(service) => Ok(service.clone()),
                None => Err(Failure::Usage(format!(
                    "--service {asked:?}, allowed: {}",
                    self.listed()
                ))),
            };
        }
        let mut services = self.services.iter();
        if let (only, None) = (services.next(), services.next()) {
            return Ok(only.cloned().unwrap_or_default());
        }
        let names = NAMING.iter().filter_map(|&label| series.labels.get(label));
        // A job is `namespace/service` where it comes by OTLP.
        let mut named = names.filter_map(|name| {
            let last = name.rsplit('/').next().unwrap_or_default();
            self.services.get(name).or_else(|| self.services.get(last))
        });
        named.next().cloned().ok_or_else(|| {
            Failure::Usage(format!(
                "the recording has several services, and none of them is named by the series {series}; set --service, \
                 allowed: {}",
                self.listed()
            ))
        })
    }

    fn listed(&self) -> String {
        let names: Vec<_> = self.services.iter().map(|name| printable(name)).collect();
        names.join(", ")
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Failure::Other(error.into())
    }
}

impl From<Unexplainable> for Failure {
    fn from(error: Unexplainable) -> Self {
        Failure::Other(error.into())
    }
}
