//! The slow writes of the last seconds, by service, held against what was asked for.

use std::collections::{BTreeMap, VecDeque};

use super::expression::Expression;
use crate::model::{histogram::Histogram, time::Ktime};

/// Services that are told apart; others are one.
const SERVICES: usize = 200;
const OTHERS: &str = "(others)";
/// Events come so many seconds late at most.
const LATE: u64 = 1;

/// An alert that fires: once, until what it is about has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The expression.
    pub alert: String,
    pub service: String,
    pub value: u64,
    /// Of the value: `ns` or `writes`.
    pub unit: &'static str,
}

#[derive(Debug, Default)]
pub struct Alerts {
    expressions: Vec<Expression>,
    services: BTreeMap<String, Service>,
    /// The next second that was not looked at.
    next: Option<u64>,
    fired: u64,
}

#[derive(Debug, Default)]
struct Service {
    /// Oldest first; seconds without writes are not in it.
    seconds: VecDeque<(u64, Histogram)>,
    /// For each expression, for how many seconds it has held.
    held: Vec<u64>,
}

impl Alerts {
    pub fn new(expressions: Vec<Expression>) -> Self {
        Self {
            expressions,
            ..Self::default()
        }
    }

    /// How often one has fired.
    pub fn fired(&self) -> u64 {
        self.fired
    }

    pub fn add(&mut self, service: &str, end: Ktime, nanos: u64) {
        if self.expressions.is_empty() {
            return;
        }
        let known = self.services.len() < SERVICES || self.services.contains_key(service);
        let name = if known { service } else { OTHERS };
        let service = self.services.entry(name.to_owned()).or_default();
        service.add(second(end), nanos);
    }

    /// Looks at the seconds that are over. `now`: on the clock of the writes; never less than before.
    pub fn look(&mut self, now: Ktime) -> Vec<Fired> {
        let end = second(now).saturating_sub(LATE);
        self.look_until(end)
    }

    /// Looks at all that there was: the writes are over.
    pub fn finish(&mut self, now: Ktime) -> Vec<Fired> {
        self.look_until(second(now) + 1)
    }

    fn look_until(&mut self, end: u64) -> Vec<Fired> {
        let begin = self.next.unwrap_or(end.saturating_sub(1)).min(end);
        self.next = Some(end);
        let mut fired = Vec::new();
        for second in begin..end {
            for (name, service) in &mut self.services {
                fired.extend(service.look(name, second, &self.expressions));
            }
        }
        self.fired += fired.len() as u64;
        fired
    }
}

impl Service {
    fn add(&mut self, second: u64, nanos: u64) {
        // Events of several CPUs come in any order.
        let at = self.seconds.partition_point(|(known, _)| *known < second);
        if self
            .seconds
            .get(at)
            .is_none_or(|(known, _)| *known != second)
        {
            self.seconds.insert(at, (second, Histogram::default()));
        }
        self.seconds[at].1.add_one(nanos);
    }

    fn look(&mut self, name: &str, second: u64, expressions: &[Expression]) -> Vec<Fired> {
        let longest = expressions.iter().map(Expression::window).max();
        let first = (second + 1).saturating_sub(longest.unwrap_or(0));
        let gone = self.seconds.partition_point(|(known, _)| *known < first);
        self.seconds.drain(..gone);
        self.held.resize(expressions.len(), 0);
        let mut fired = Vec::new();
        for (expression, held) in expressions.iter().zip(&mut self.held) {
            let Some(value) =
                expression.exceeded_by(&within(&self.seconds, second, expression.window()))
            else {
                *held = 0;
                continue;
            };
            *held += 1;
            if *held == expression.lasting() {
                fired.push(Fired {
                    alert: expression.to_string(),
                    service: name.to_owned(),
                    value,
                    unit: expression.unit(),
                });
            }
        }
        fired
    }
}

/// The writes of so many seconds, of which `last` is the last.
fn within(seconds: &VecDeque<(u64, Histogram)>, last: u64, window: u64) -> Histogram {
    let first = (last + 1).saturating_sub(window);
    let mut writes = Histogram::default();
    for (second, its) in seconds {
        if (first..=last).contains(second) {
            writes.add(its);
        }
    }
    writes
}

fn second(at: Ktime) -> u64 {
    at.0 / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(second: u64) -> Ktime {
        Ktime(second * 1_000_000_000)
    }

    fn alerts(expression: &str) -> Alerts {
        let mut alerts = Alerts::new(vec![expression.parse().unwrap()]);
        assert_eq!(alerts.look(at(100)), []);
        alerts
    }

    /// In which seconds it fires; `writes`: how many milliseconds each took, by second.
    fn fires(expression: &str, seconds: u64, writes: impl Fn(u64) -> Vec<u64>) -> Vec<u64> {
        let mut alerts = alerts(expression);
        let mut fired = Vec::new();
        for second in 100..100 + seconds {
            for took in writes(second - 100) {
                alerts.add("shop", at(second), took * MS);
            }
            for one in alerts.look(at(second + 1 + LATE)) {
                assert_eq!(
                    (one.service.as_str(), one.alert.as_str()),
                    ("shop", expression)
                );
                fired.push(second - 100);
            }
        }
        assert_eq!(alerts.fired(), fired.len() as u64);
        fired
    }

    #[test]
    fn a_quantile_fires_when_it_was_too_high_for_as_long_as_asked_and_only_once() {
        let slow = |_: u64| vec![9];
        assert_eq!(fires("p99 > 5ms for 30s", 100, slow), [29]);
        assert_eq!(fires("p99 > 5ms", 100, slow), [0]);
        assert_eq!(fires("p99 > 10ms for 3s", 100, slow), [] as [u64; 0]);
    }

    #[test]
    fn a_single_slow_write_counts_for_ten_seconds() {
        let once = |second: u64| if second == 3 { vec![9] } else { vec![] };
        assert_eq!(fires("max > 5ms for 10s", 60, once), [12]);
        assert_eq!(fires("max > 5ms for 11s", 60, once), [] as [u64; 0]);
    }

    #[test]
    fn what_has_stopped_may_fire_again() {
        let twice = |second: u64| if second % 30 < 3 { vec![9] } else { vec![] };
        assert_eq!(fires("p50 > 5ms for 5s", 60, twice), [4, 34]);
    }

    #[test]
    fn a_count_is_of_the_last_second_minute_or_hour() {
        let ten = |second: u64| if second < 20 { vec![1; 10] } else { vec![] };
        assert_eq!(fires("count > 100 per minute", 200, ten), [10]);
        assert_eq!(fires("count > 100 per second", 200, ten), [] as [u64; 0]);
        assert_eq!(fires("count > 199 per minute for 40s", 200, ten), [58]);
        assert_eq!(
            fires("count > 199 per minute for 50s", 200, ten),
            [] as [u64; 0]
        );
    }

    #[test]
    fn services_do_not_add_up() {
        let mut alerts = alerts("count > 5 per minute");
        for service in ["a", "b"] {
            (0..5).for_each(|_| alerts.add(service, at(100), MS));
        }
        assert_eq!(alerts.look(at(102)), []);
        alerts.add("b", at(102), MS);
        let fired = alerts.look(at(104));
        assert_eq!(fired.len(), 1);
        assert_eq!((fired[0].service.as_str(), fired[0].value), ("b", 6));
    }

    #[test]
    fn late_events_and_the_last_second_count() {
        let mut alerts = alerts("count > 1 per second");
        alerts.add("shop", at(101), MS);
        assert_eq!(alerts.look(at(102)), []);
        alerts.add("shop", at(101), MS);
        assert_eq!(alerts.finish(at(102)).len(), 1);
    }
}
