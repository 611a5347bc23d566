//! What the slow writes explain of a series' spikes.

use std::time::Duration;

use serde::Serialize;

use super::{
    chance::{Chance, Placed, chance},
    spikes::{FEWEST, Limit, Point, Run, Unit, limit, points, runs},
    writes::{ByGoroutine, Chain, SlowWrites, longest_chain, reached, touching},
};
use crate::model::{cause::Cause, series::Series, text::printable};

/// The part of a spike's height above the usual that writes have to make up to explain it: the larger one.
const MAJORITY: f64 = 0.5;
/// From when on a number of explained spikes is taken for chance.
const LEVEL: f64 = 0.05;
/// Trace ids that are told of a spike.
const TRACES: usize = 5;

/// What the series was asked for by: a PromQL expression, or a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    Query(String),
    Csv(String),
}

/// How the clock of who wrote the series stands to the recording's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Negative: it is behind.
    pub ahead_nano: i64,
    pub uncertainty_nano: i64,
}

/// What is known besides the series and the writes. Times on the recording's clock.
#[derive(Debug, Clone)]
pub struct Known {
    pub asked: Asked,
    pub service: String,
    pub unit: Unit,
    /// When the recording began and ended, in nanoseconds since the Unix epoch.
    pub recorded: (i64, i64),
    pub threshold_nano: Option<u64>,
    pub lost: u64,
    pub not_always_watched: Vec<Gap>,
    /// `None`: nobody could ask it; it is taken for the recording's.
    pub clock: Option<Clock>,
    pub step: Duration,
    pub lookback: Duration,
    /// How often the service is scraped; a guess if it is not `scrape_interval_known`.
    pub scrape_interval: Duration,
    pub scrape_interval_known: bool,
    /// By how much times may be off, to both sides.
    pub tolerance: Duration,
    /// Where spikes begin, if the user says so.
    pub above: Option<Duration>,
}

/// A pair of probes that was not in the service all of the time: what it would have seen is missing.
#[derive(Debug, Clone, Serialize)]
pub struct Gap {
    pub pid: u32,
    pub pair: &'static str,
    /// Part of the time in which it was there.
    pub covered: f64,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum Unexplainable {
    #[error(
        "the series has {found} samples in the recording's time, and {FEWEST} are needed to know what is usual; choose a \
         shorter --step, sample more often, or record for longer"
    )]
    TooFew { found: usize },
    #[error(
        "a sample of this series tells of the {reach} before it, and the recording is no longer than {recorded}; record for \
         longer, or query a shorter range"
    )]
    TooShort { reach: String, recorded: String },
}

#[derive(Debug, Serialize)]
pub struct Explanation {
    #[serde(flatten)]
    pub asked: Asked,
    pub service: String,
    pub series: String,
    pub samples: usize,
    /// The samples, on the recording's clock.
    #[serde(skip)]
    pub points: Vec<Point>,
    pub recorded_from_unix_nano: i64,
    pub recorded_until_unix_nano: i64,
    pub slow_writes: usize,
    pub threshold_nano: Option<u64>,
    pub lost: u64,
    pub not_always_watched: Vec<Gap>,
    pub clock_ahead_nano: Option<i64>,
    pub clock_uncertainty_nano: Option<i64>,
    pub step_nano: i64,
    pub lookback_nano: i64,
    pub scrape_interval_nano: i64,
    pub scrape_interval_known: bool,
    pub tolerance_nano: i64,
    #[serde(flatten)]
    pub limit: Limit,
    pub spikes: Vec<Spike>,
    /// Spikes whose time is not wholly in the recording, of which nothing is said.
    pub spikes_not_recorded: usize,
    pub spikes_explained: usize,
    /// `None`: there was no spike.
    pub chance: Option<Chance>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    NoSpikes,
    /// More spikes are explained than chance would.
    Explained,
    /// More than chance would on average, but not so many that it is ruled out.
    Undecided,
    NotExplained,
}

#[derive(Debug, Serialize)]
pub struct Spike {
    /// Of its first and highest sample.
    pub time_unix_nano: i64,
    pub value_nano: u64,
    /// What its highest sample tells of, with the tolerance.
    pub window_from_unix_nano: i64,
    pub window_until_unix_nano: i64,
    /// Slow writes of the service in the window.
    pub slow_writes: usize,
    pub explained: bool,
    /// The part of its height above the usual that the writes of one goroutine make up, 0 to 1.
    pub share: f64,
    /// In what part of the recording a spike of this height would be explained as well.
    pub chance: f64,
    /// Who that is; `None`: nobody wrote slowly.
    pub by: Option<Writer>,
}

/// A goroutine, and what it wrote.
#[derive(Debug, Serialize)]
pub struct Writer {
    pub pid: u32,
    pub goid: Option<u64>,
    pub writes: usize,
    /// Time in the map's own work, of all these writes.
    pub own_nano: u64,
    pub longest_nano: u64,
    /// These and what follows, of the one with the most of its own work.
    pub cause: Cause,
    pub map_type: Option<String>,
    pub caller: Option<String>,
    pub caller_file: Option<String>,
    pub caller_line: Option<u32>,
    pub trace_ids: Vec<String>,
}

/// Looks for the series' spikes, and for writes that explain them.
///
/// # Errors
/// The series has too few samples, or the recording is too short for one of its samples.
pub fn explain(
    series: &Series,
    writes: SlowWrites,
    known: Known,
) -> Result<Explanation, Unexplainable> {
    let service = known.service.clone();
    let goroutines = writes.of(&service);
    let window = Window::of(&known)?;
    let ahead = known.clock.map_or(0, |clock| clock.ahead_nano);
    let points = points(&series.samples, known.unit, ahead);
    let above = known.above.map(|above| nanos(above).unsigned_abs());
    let limit = limit(&points, above).ok_or(Unexplainable::TooFew {
        found: points.len(),
    })?;
    let apart = match known.scrape_interval_known {
        true => known.step.max(known.scrape_interval),
        false => known.step,
    };
    let found = runs(&points, limit, nanos(apart));
    let ends = window.ends;
    let (inside, outside): (Vec<Run>, Vec<Run>) = found
        .into_iter()
        .partition(|run| (ends.0..=ends.1).contains(&run.peak.time));
    let (spikes, placed): (Vec<Spike>, Vec<Placed>) = inside
        .iter()
        .map(|run| spike(run.peak, limit, &goroutines, &window))
        .unzip();
    let explained = spikes.iter().filter(|spike| spike.explained).count();
    let chance = (!spikes.is_empty()).then(|| chance(&placed, ends, window.length()));
    Ok(Explanation {
        series: series.to_string(),
        samples: points.len(),
        recorded_from_unix_nano: known.recorded.0,
        recorded_until_unix_nano: known.recorded.1,
        slow_writes: goroutines.values().map(Vec::len).sum(),
        threshold_nano: known.threshold_nano,
        lost: known.lost,
        not_always_watched: known.not_always_watched,
        clock_ahead_nano: known.clock.map(|clock| clock.ahead_nano),
        clock_uncertainty_nano: known.clock.map(|clock| clock.uncertainty_nano),
        step_nano: nanos(known.step),
        lookback_nano: nanos(known.lookback),
        scrape_interval_nano: nanos(known.scrape_interval),
        scrape_interval_known: known.scrape_interval_known,
        tolerance_nano: nanos(known.tolerance),
        limit,
        spikes_not_recorded: outside.len(),
        spikes_explained: explained,
        verdict: verdict(explained, chance),
        chance,
        spikes,
        asked: known.asked,
        service,
        points,
    })
}

fn verdict(explained: usize, chance: Option<Chance>) -> Verdict {
    match chance {
        None => Verdict::NoSpikes,
        Some(chance) if explained > 0 && chance.p_value <= LEVEL => Verdict::Explained,
        Some(chance) if explained as f64 > chance.expected => Verdict::Undecided,
        Some(_) => Verdict::NotExplained,
    }
}

/// What a sample tells of.
#[derive(Debug)]
struct Window {
    /// Back from the sample: the query's own range, and the scrape interval, since the last scrape may be that old.
    reach: i64,
    tolerance: i64,
    /// When samples are whose window is wholly in the recording.
    ends: (i64, i64),
}

impl Window {
    fn of(known: &Known) -> Result<Self, Unexplainable> {
        let reach = known.lookback.saturating_add(known.scrape_interval);
        let (from, until) = known.recorded;
        let ends = (from.saturating_add(nanos(reach)), until);
        if ends.0 >= ends.1 {
            let recorded = Duration::from_nanos(until.abs_diff(from));
            return Err(Unexplainable::TooShort {
                reach: humantime::format_duration(reach).to_string(),
                recorded: humantime::format_duration(rounded(recorded)).to_string(),
            });
        }
        Ok(Self {
            reach: nanos(reach),
            tolerance: nanos(known.tolerance),
            ends,
        })
    }

    fn length(&self) -> i64 {
        self.reach + 2 * self.tolerance
    }

    fn before(&self, peak: Point) -> (i64, i64) {
        let from = peak.time.saturating_sub(self.reach + self.tolerance);
        (from, peak.time.saturating_add(self.tolerance))
    }
}

fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn spike(peak: Point, limit: Limit, goroutines: &ByGoroutine, window: &Window) -> (Spike, Placed) {
    let height = peak.value.saturating_sub(limit.median_nano).max(1);
    let needed = ((height as f64 * MAJORITY) as u64).max(1);
    let within = window.before(peak);
    let chain = longest_chain(goroutines, within, peak.value);
    let own = chain.map_or(0, |chain| chain.own_nano);
    let (reach, tolerance) = (window.reach, window.tolerance);
    let placed = Placed {
        at: peak.time,
        explained_at: reached(goroutines, needed, peak.value, reach, tolerance),
    };
    let spike = Spike {
        time_unix_nano: peak.time,
        value_nano: peak.value,
        window_from_unix_nano: within.0,
        window_until_unix_nano: within.1,
        slow_writes: touching(goroutines, within),
        explained: own >= needed,
        share: (own as f64 / height as f64).min(1.0),
        chance: placed.share(window.ends),
        by: chain.and_then(writer),
    };
    (spike, placed)
}

fn writer(chain: Chain<'_>) -> Option<Writer> {
    let most = chain.writes.iter().max_by_key(|write| write.own_nano)?;
    let duration = |write: &super::writes::Write| write.end.abs_diff(write.start);
    let caller = most.stack.caller();
    let shown = |text: &str| printable(text).into_owned();
    let mut trace_ids: Vec<String> = Vec::new();
    for context in chain.writes.iter().filter_map(|write| write.context) {
        let id = context.trace_id_text();
        if trace_ids.len() < TRACES && !trace_ids.contains(&id) {
            trace_ids.push(id);
        }
    }
    Some(Writer {
        pid: chain.goroutine.pid,
        goid: chain.goroutine.goid,
        writes: chain.writes.len(),
        own_nano: chain.own_nano,
        longest_nano: chain.writes.iter().map(duration).max().unwrap_or_default(),
        cause: most.cause,
        map_type: most.map_type.as_deref().map(shown),
        caller: caller.and_then(|frame| frame.function.as_deref().map(shown)),
        caller_file: caller.and_then(|frame| frame.file.as_deref().map(shown)),
        caller_line: caller.and_then(|frame| frame.line),
        trace_ids,
    })
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
pub mod tests;
