//! What has been seen so far, in sums: for each service and for each line that writes.

use std::collections::{BTreeMap, VecDeque};

use super::callers::{Caller, CallerId, Callers};
use crate::model::{cause::Cause, latency::Durations, text::printable, write::CorrelatedWrite};

/// Seconds that a rate is of.
pub const RATE_SECONDS: u64 = 10;
/// Services that are told apart; others are one.
const SERVICES: usize = 200;
const OTHERS: &str = "(others)";

/// What is known besides the writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    pub processes: usize,
    pub lost: u64,
    pub threshold_nano: u64,
    pub mode: String,
    /// Where it is recorded besides.
    pub output: Option<String>,
}

/// Sums of any set of writes.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    pub count: u64,
    pub nano: u64,
    pub durations: Durations,
    pub by_cause: BTreeMap<Cause, u64>,
    recent: Recent,
}

/// Writes in each of the last seconds.
#[derive(Debug, Clone, Default)]
struct Recent(VecDeque<(u64, u64)>);

#[derive(Debug, Default)]
pub struct Statistics {
    services: BTreeMap<String, Sums>,
    callers: Callers,
}

/// A picture of them: what is drawn, and stays as it is while the view is paused.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub session: Session,
    pub services: Vec<(String, Row)>,
    pub callers: Vec<Caller>,
}

/// Of a set of writes, as it is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    pub count: u64,
    pub per_second: f64,
    pub nano: u64,
    pub p99_nano: u64,
    pub max_nano: u64,
    /// Nanoseconds by cause.
    pub by_cause: BTreeMap<Cause, u64>,
}

impl Statistics {
    /// `second`: now, on any clock that counts them.
    pub fn add(&mut self, write: &CorrelatedWrite, second: u64) {
        let service = write.observed().process.service_name_or_default();
        let service = printable(&service).into_owned();
        let known = self.services.len() < SERVICES || self.services.contains_key(&service);
        let service = if known { service } else { OTHERS.to_owned() };
        self.callers.add(&service, write, second);
        self.services.entry(service).or_default().add(write, second);
    }

    /// Forgets all that was seen.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn snapshot(&self, session: Session, second: u64) -> Snapshot {
        let service = |(name, sums): (&String, &Sums)| (name.clone(), sums.row(second));
        Snapshot {
            session,
            services: self.services.iter().map(service).collect(),
            callers: self.callers.all(second),
        }
    }
}

impl Sums {
    pub fn add(&mut self, write: &CorrelatedWrite, second: u64) {
        let nanos = write.observed().duration_nano;
        self.count += 1;
        self.nano = self.nano.saturating_add(nanos);
        self.durations.add(nanos);
        for (cause, part) in write.breakdown().iter() {
            let sum = self.by_cause.entry(cause).or_default();
            *sum = sum.saturating_add(part);
        }
        let rest = nanos.saturating_sub(write.breakdown().total());
        if rest > 0 {
            let sum = self.by_cause.entry(Cause::Unknown).or_default();
            *sum = sum.saturating_add(rest);
        }
        self.recent.add(second);
    }

    pub fn row(&self, second: u64) -> Row {
        let latency = self.durations.latency();
        let nanos = |micros: f64| (micros * 1_000.0).round() as u64;
        Row {
            count: self.count,
            per_second: self.recent.count(second) as f64 / RATE_SECONDS as f64,
            nano: self.nano,
            p99_nano: latency.map_or(0, |latency| nanos(latency.p99)),
            max_nano: latency.map_or(0, |latency| nanos(latency.max)),
            by_cause: self.by_cause.clone(),
        }
    }
}

impl Recent {
    fn add(&mut self, second: u64) {
        match self.0.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.0.push_back((second, 1)),
        }
        while self.0.len() > RATE_SECONDS as usize {
            self.0.pop_front();
        }
    }

    fn count(&self, second: u64) -> u64 {
        let recent = self.0.iter().filter(|(at, _)| at + RATE_SECONDS > second);
        recent.map(|(_, count)| count).sum()
    }
}

impl CallerId {
    /// Of a write, by the line that writes.
    pub fn of(service: &str, write: &CorrelatedWrite) -> Self {
        let frame = write.caller();
        let shown = |text: &String| printable(text).into_owned();
        Self {
            service: service.to_owned(),
            function: frame.and_then(|frame| frame.function.as_ref().map(shown)),
            file: frame.and_then(|frame| frame.file.as_ref().map(shown)),
            line: frame.and_then(|frame| frame.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_ten_seconds() {
        let mut recent = Recent::default();
        for second in [5, 5, 6, 20] {
            recent.add(second);
        }
        assert_eq!(recent.count(20), 1);
        assert_eq!(recent.count(15), 2);
        assert_eq!(recent.count(14), 4);
        for second in 100..1_000 {
            recent.add(second);
        }
        assert_eq!((recent.0.len(), recent.count(999)), (10, 10));
    }
}
