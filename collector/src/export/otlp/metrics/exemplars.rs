//! Writes that stand for a stream of them, by which to find a trace.

use opentelemetry_proto::tonic::metrics::v1::{Exemplar, exemplar::Value};

use super::exponential::seconds;
use crate::model::{time::UnixNanos, trace::SpanContext};

/// Beside the longest.
const SAMPLED: usize = 3;

/// The longest write since the last collection, and a uniform sample of the others.
#[derive(Debug, Clone, Default)]
pub struct Exemplars {
    longest: Option<Kept>,
    sample: Vec<Kept>,
    /// What the sample is of.
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    nanos: u64,
    time: UnixNanos,
    span: SpanContext,
}

impl Exemplars {
    /// `span`: recorded; what is not in a trace leads nowhere.
    pub fn add(&mut self, nanos: u64, time: UnixNanos, span: SpanContext) {
        let new = Kept { nanos, time, span };
        let Some(longest) = &mut self.longest else {
            self.longest = Some(new);
            return;
        };
        let other = match longest.nanos < nanos {
            true => std::mem::replace(longest, new),
            false => new,
        };
        self.sample(other);
    }

    /// Vitter's algorithm R: each is in the sample with the same probability.
    fn sample(&mut self, other: Kept) {
        self.seen += 1;
        if self.sample.len() < SAMPLED {
            self.sample.push(other);
            return;
        }
        let place = usize::try_from(fastrand::u64(..self.seen)).unwrap_or(usize::MAX);
        if let Some(kept) = self.sample.get_mut(place) {
            *kept = other;
        }
    }

    /// Those since the last time, and begins anew.
    pub fn take(&mut self) -> Vec<Exemplar> {
        let Self {
            longest, sample, ..
        } = std::mem::take(self);
        longest
            .into_iter()
            .chain(sample)
            .map(Exemplar::from)
            .collect()
    }
}

impl From<Kept> for Exemplar {
    fn from(kept: Kept) -> Self {
        Self {
            time_unix_nano: kept.time.0,
            trace_id: kept.span.trace_id.to_vec(),
            span_id: kept.span.span_id.to_vec(),
            value: Some(Value::AsDouble(seconds(kept.nanos))),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(number: u64) -> SpanContext {
        SpanContext {
            trace_id: [1; 16],
            span_id: number.to_be_bytes(),
            trace_flags: 1,
        }
    }

    #[test]
    fn the_longest_is_always_among_them_and_the_others_are_a_fair_sample() {
        let mut chosen = [0_u32; 100];
        for _ in 0..2_000 {
            let mut exemplars = Exemplars::default();
            for number in 0..100 {
                exemplars.add(
                    if number == 41 { 9_000 } else { number },
                    UnixNanos(1),
                    span(number),
                );
            }
            let taken = exemplars.take();
            assert_eq!(taken.len(), 1 + SAMPLED);
            assert_eq!(taken[0].value, Some(Value::AsDouble(9e-6)));
            for exemplar in taken {
                let number = u64::from_be_bytes(exemplar.span_id.try_into().unwrap());
                chosen[number as usize] += 1;
            }
            assert!(exemplars.take().is_empty(), "each is told once");
        }
        assert_eq!(chosen[41], 2_000);
        // 61 on average; outside of this once in some ten thousand runs.
        let fair = |count: &u32| (20..=110).contains(count) || *count == 2_000;
        assert!(chosen.iter().all(fair), "{chosen:?}");
    }
}
