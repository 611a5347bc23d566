//! `slowmap correlate`: a recording, held against what Prometheus or a file has of the service.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde::Serialize;
use tracing::warn;

use super::{clock, rate::Rate};
use crate::{
    config::{CorrelateOptions, SeriesSource, value::SeriesInterval},
    explain::{Asked, Clock, Explanation, Gap, Known, Point, SlowWrites, Unexplainable, explain},
    failure::Failure,
    model::{
        series::Series,
        summary::{Summary, Target},
        text::printable,
        time::UnixNanos,
        units::Nanos,
    },
    query::{self, Prometheus, QueryError, ServerUrl, Span, lookback},
    report::{self, Recording},
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

/// A series, and what is known of how it came about.
#[derive(Debug)]
struct Sampled {
    series: Series,
    rate: Option<Rate>,
    asked: Asked,
    clock: Option<Clock>,
    step: Duration,
    lookback: Duration,
    /// How often the service is scraped, if anybody says so.
    scrape_interval: Option<Duration>,
    /// If not.
    assumed_interval: Duration,
}

/// Says what the recording explains of the spikes of a series.
///
/// # Errors
/// There is no recording, no Prometheus, no file or no series, or they do not fit together.
pub async fn correlate(options: &CorrelateOptions) -> Result<Explanation, Failure> {
    let recorded = Recorded::read(&options.directory)?;
    let sampled = match &options.series {
        SeriesSource::Prometheus {
            server,
            query,
            rate_query,
            step,
        } => ask(server, query, rate_query.as_deref(), *step, &recorded).await?,
        SeriesSource::Csv(file) => read(file, &recorded)?,
    };
    let series = sampled.series;
    let service = recorded.service(options.service.as_deref(), &series)?;
    let given = options.scrape_interval.map(|interval| interval.get());
    let interval = given.or(sampled.scrape_interval);
    let known = Known {
        asked: sampled.asked,
        unit: options.unit,
        recorded: recorded.span,
        threshold_nano: recorded.threshold_nano,
        lost: recorded.lost,
        not_always_watched: recorded.gaps(&service),
        service,
        clock: sampled.clock,
        step: sampled.step,
        lookback: sampled.lookback,
        scrape_interval: interval.unwrap_or(sampled.assumed_interval),
        scrape_interval_known: interval.is_some(),
        tolerance: options.window.get(),
        above: options.above.map(|above| above.get()),
    };
    let told = explain(&series, recorded.writes, known)?;
    let points = &told.points;
    // What is asked for is the answer; a recording on a medium that cannot be written to has no page to renew either.
    if let Err(error) = report::keep_spikes(
        &options.directory,
        &Kept {
            told: &told,
            points,
            rate: sampled.rate.as_ref(),
        },
    ) {
        warn!("report.html will not have the spikes: {error}");
    }
    Ok(told)
}

/// What the page gets.
#[derive(Debug, Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    told: &'a Explanation,
    points: &'a [Point],
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<&'a Rate>,
}

/// Has Prometheus say what a query amounts to over the recording's time.
async fn ask(
    server: &ServerUrl,
    query: &str,
    rate_query: Option<&str>,
    step: Option<SeriesInterval>,
    recorded: &Recorded,
) -> Result<Sampled, Failure> {
    let prometheus = Prometheus::new(server.clone())?;
    let skew = prometheus.clock_skew(clock::wall).await?;
    let (from, until) = recorded.span;
    let ahead = |time: i64| unix_nanos(time.saturating_add(skew.ahead_nano));
    let step = step.map_or_else(|| shortest_step(recorded.length()), SeriesInterval::get);
    let span = Span {
        from: ahead(from),
        until: ahead(until),
        step,
    };
    let series = one("--query", prometheus.range(query, span).await?, span)?;
    let rate = match rate_query {
        Some(query) => {
            let series = prometheus.range(query, span).await;
            let series =
                series.map_err(|error| Failure::Other(anyhow::anyhow!("--rate-query: {error}")))?;
            let series = one("--rate-query", series, span)?;
            Some(Rate::new(query, &series, skew.ahead_nano))
        }
        None => None,
    };
    Ok(Sampled {
        scrape_interval: prometheus.scrape_interval(&series).await,
        assumed_interval: ASSUMED_INTERVAL,
        series,
        rate,
        asked: Asked::Query(query.to_owned()),
        clock: Some(Clock {
            ahead_nano: skew.ahead_nano,
            uncertainty_nano: skew.uncertainty_nano,
        }),
        step,
        lookback: lookback(query),
    })
}

/// What a file has of the recording's time. Nothing tells how far back a sample of it looks: to the one before it at least.
fn read(file: &Path, recorded: &Recorded) -> Result<Sampled, Failure> {
    let mut series = query::read(file)?;
    let shown_file = printable(&file.display().to_string()).into_owned();
    let whole = series.span();
    let (from, until) = (unix_nanos(recorded.span.0), unix_nanos(recorded.span.1));
    series
        .samples
        .retain(|sample| (from..=until).contains(&sample.time));
    if series.samples.is_empty() {
        let its = whole.map(|(first, last)| format!("{} to {}", shown(first), shown(last)));
        return Err(Failure::Other(anyhow::anyhow!(
            "{shown_file} has no sample in the recording's time ({} to {}); its own are from {}; look whether it is of that \
             time, and whether its times are in UTC",
            shown(from),
            shown(until),
            its.as_deref().unwrap_or("no time at all")
        )));
    }
    let interval = series.interval().unwrap_or_default();
    Ok(Sampled {
        series,
        rate: None,
        asked: Asked::Csv(file.display().to_string()),
        clock: None,
        step: interval,
        lookback: Duration::ZERO,
        scrape_interval: None,
        assumed_interval: interval,
    })
}

fn unix_nanos(time: i64) -> UnixNanos {
    UnixNanos(time.max(0).unsigned_abs())
}

/// Fine enough for any scrape interval, as far as Prometheus lets.
fn shortest_step(length: Duration) -> Duration {
    let millis = (length / SAMPLES).as_millis() + 1;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).max(SHORTEST_STEP)
}

/// What is asked for is one service's quantile: several series would be explained by the same writes again and again.
fn one(flag: &str, series: Vec<Series>, span: Span) -> Result<Series, Failure> {
    let mut series = series.into_iter();
    let Some(first) = series.next() else {
        return Err(Failure::Other(anyhow::anyhow!(
            "Prometheus has no such series as {flag} is of in the recording's time ({} to {}); look at it in its own page, and at \
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
        "{flag} has {} series ({}, …), allowed: one; choose by labels, or join them, e.g. by max()",
        more.len() + 1,
        listed.join(", ")
    )))
}

fn shown(time: UnixNanos) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(Duration::from_nanos(time.0));
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string())
        .unwrap_or_default()
}

/// From when until when was recorded.
///
/// # Errors
/// There is time between in which nothing was.
fn gapless(summary: &Summary, directory: &Path) -> Result<(i64, i64), Failure> {
    let spans = summary.spans();
    let gaps = spans.windows(2).map(|pair| pair[1].0.abs_diff(pair[0].1));
    if let Some(longest) = gaps.max() {
        return Err(Failure::Other(anyhow::anyhow!(
            "{} was merged of recordings with up to {} between them, of which nothing can be said, nor what chance would give; \
             correlate each by itself",
            directory.display(),
            Nanos(longest)
        )));
    }
    let (from, until) = spans.first().copied().unwrap_or_default();
    Ok((from.cast_signed(), until.cast_signed()))
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
        let whole = summary
            .map(|summary| gapless(summary, directory))
            .transpose()?;
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
            let unnamed = match series.labels.is_empty() {
                true => String::new(),
                false => format!(", and none of them is named by the series {series}"),
            };
            Failure::Usage(format!(
                "the recording has several services{unnamed}; set --service, allowed: {}",
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
