//! When which pairs of probes were not in their target: what an event cannot tell of its write.

use std::collections::HashMap;

use crate::model::{plan::ProbePair, process::Pid, time::Ktime};

/// No write that is read now began longer ago.
const REMEMBERED_NANO: u64 = 60_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Absences(HashMap<Pid, Vec<Absence>>);

#[derive(Debug)]
struct Absence {
    pair: ProbePair,
    from: Ktime,
    /// `None`: it lasts.
    to: Option<Ktime>,
}

impl Absences {
    pub(super) fn begin(&mut self, pid: Pid, pair: ProbePair, from: Ktime) {
        let absences = self.0.entry(pid).or_default();
        let lasts = |absence: &Absence| absence.to.is_none_or(|to| to.0 + REMEMBERED_NANO > from.0);
        absences.retain(lasts);
        absences.push(Absence {
            pair,
            from,
            to: None,
        });
    }

    pub(super) fn end(&mut self, pid: Pid, pair: ProbePair, to: Ktime) {
        for absence in self.0.entry(pid).or_default() {
            if absence.pair == pair && absence.to.is_none() {
                absence.to = Some(to);
            }
        }
    }

    pub(super) fn forget(&mut self, pid: Pid) {
        self.0.remove(&pid);
    }

    /// The pairs that were away for any part of that time.
    pub(super) fn within(&self, pid: Pid, start: Ktime, end: Ktime) -> Vec<ProbePair> {
        let absences = self.0.get(&pid).into_iter().flatten();
        let mut pairs: Vec<ProbePair> = absences
            .filter(|absence| absence.from < end && absence.to.is_none_or(|to| to > start))
            .map(|absence| absence.pair)
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_unobserved_in_a_write_if_it_was_away_for_any_part_of_it() {
        let (pid, pair) = (Pid(1), ProbePair::Deschedule);
        let mut absences = Absences::default();
        absences.begin(pid, pair, Ktime(100));
        absences.end(pid, pair, Ktime(200));
        absences.begin(pid, ProbePair::Growth, Ktime(150));
        let within = |start, end| absences.within(pid, Ktime(start), Ktime(end));
        assert_eq!(within(0, 100), []);
        assert_eq!(within(50, 110), [pair]);
        assert_eq!(within(120, 160), [ProbePair::Growth, pair]);
        assert_eq!(within(200, 300), [ProbePair::Growth]);
        assert_eq!(absences.within(Pid(2), Ktime(0), Ktime(300)), []);
    }

    #[test]
    fn what_is_long_over_is_not_kept() {
        let mut absences = Absences::default();
        for second in 0..1_000 {
            let at = Ktime(second * 1_000_000_000);
            absences.begin(Pid(1), ProbePair::Growth, at);
            absences.end(Pid(1), ProbePair::Growth, at);
        }
        assert!(absences.0[&Pid(1)].len() <= 61);
    }
}
