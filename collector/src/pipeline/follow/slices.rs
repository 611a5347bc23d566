//! When the writes of a process are followed. Pure: the time comes from the caller.
//!
//! A slice is a window in which a write has to *begin* to be counted; the probes are there before it opens and stay
//! until what began in it has ended. So long writes are as likely in it as short ones, whatever its length. The pauses
//! between windows are of random length: otherwise they might keep step with what the service does periodically.

use std::time::Duration;

use crate::model::time::Ktime;

/// No window is shorter.
const WINDOW: Duration = Duration::from_millis(250);
/// The mean pause is no shorter. The kernel takes some 80 ms to let go of a probe, one after the other, and lets none in
/// meanwhile: half a pause has to be long enough for those of all functions that write.
const PAUSE: Duration = Duration::from_secs(3);
/// A window that never ends is accounted in slices of this length.
const LONGEST: Duration = Duration::from_millis(250);
/// How long writes that began in a window are waited for after it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_millis(2);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);
/// When other probes are on their way out.
const BUSY: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Paused { until: u64 },
    Open { from: u64, until: u64, cut: u64 },
    Draining { look: u64, deadline: u64 },
    Drained,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Attach, and say [`Slices::opened`], [`Slices::busy`] or [`Slices::failed`].
    Open,
    /// A part of a long window is over: take what was counted.
    Cut,
    /// The window is over: say [`Slices::drained`] if nothing is in flight any more.
    Drain,
    /// Detach, take what was counted and say [`Slices::closed`].
    Close,
}

#[derive(Debug)]
pub(super) struct Slices {
    /// Nanoseconds; `None`: one that never ends.
    window: Option<u64>,
    /// Nanoseconds, on average.
    pause: u64,
    /// When the next window is to open. What comes late does not put off those that follow.
    planned: u64,
    phase: Phase,
    covered: u64,
    random: fastrand::Rng,
}

impl Slices {
    /// `share`: of the time, above 0. From 1 on there is one window that never ends.
    pub(super) fn new(share: f64, now: Ktime, random: fastrand::Rng) -> Self {
        let pause = (nanos(WINDOW) as f64 * (1.0 - share) / share).max(nanos(PAUSE) as f64);
        let window = pause * share / (1.0 - share);
        let mut slices = Self {
            window: (share < 1.0).then_some(window as u64),
            pause: pause as u64,
            planned: now.0,
            phase: Phase::Paused { until: now.0 },
            covered: 0,
            random,
        };
        if slices.window.is_some() {
            // As if the time before had been divided so, too.
            slices.planned += slices.random.u64(..slices.pause);
            slices.phase = Phase::Paused {
                until: slices.planned,
            };
        }
        slices
    }

    /// Says what is due, and takes it for done but where [`Step`] says otherwise.
    pub(super) fn step(&mut self, now: Ktime) -> Step {
        match self.phase {
            Phase::Paused { until } if now.0 >= until => Step::Open,
            Phase::Open { from, until, .. } if now.0 >= until => {
                self.covered += until - from;
                let deadline = now.0.saturating_add(nanos(PATIENCE));
                self.phase = Phase::Draining {
                    look: now.0,
                    deadline,
                };
                Step::Drain
            }
            Phase::Open { from, until, cut } if now.0 >= cut => {
                let cut = now.0.saturating_add(nanos(LONGEST));
                self.phase = Phase::Open { from, until, cut };
                Step::Cut
            }
            Phase::Draining { deadline, .. } if now.0 >= deadline => Step::Close,
            Phase::Draining { look, deadline } if now.0 >= look => {
                let look = now.0.saturating_add(nanos(LOOK));
                self.phase = Phase::Draining { look, deadline };
                Step::Drain
            }
            Phase::Drained => Step::Close,
            _ => Step::Wait,
        }
    }

    /// The probes are attached. Returns the window.
    pub(super) fn opened(&mut self, now: Ktime) -> (Ktime, Ktime) {
        let until = self
            .window
            .map_or(u64::MAX, |window| now.0.saturating_add(window));
        self.phase = Phase::Open {
            from: now.0,
            until,
            // Slices of one window are too much alike to stand for windows elsewhere.
            cut: until.min(
                self.window
                    .map_or(now.0.saturating_add(nanos(LONGEST)), |_| until),
            ),
        };
        (now, Ktime(until))
    }

    pub(super) fn drained(&mut self) {
        self.phase = Phase::Drained;
    }

    /// The probes are detached, which may cut a window off.
    pub(super) fn closed(&mut self, now: Ktime) {
        if let Phase::Open { from, until, .. } = self.phase {
            self.covered += now.0.min(until).saturating_sub(from);
        }
        self.pause(now);
    }

    /// The probes could not be attached.
    pub(super) fn failed(&mut self, now: Ktime) {
        self.put_off(now, RETRY);
    }

    /// The probes cannot be attached yet.
    pub(super) fn busy(&mut self, now: Ktime) {
        self.put_off(now, BUSY);
    }

    fn put_off(&mut self, now: Ktime, by: Duration) {
        self.phase = Phase::Paused {
            until: now.0.saturating_add(nanos(by)),
        };
    }

    /// For half to one and a half times the mean.
    fn pause(&mut self, now: Ktime) {
        let length = self.pause / 2 + self.random.u64(..=self.pause);
        let planned = self
            .planned
            .saturating_add(self.window.unwrap_or(0))
            .saturating_add(length);
        self.planned = planned.max(now.0);
        self.phase = Phase::Paused {
            until: self.planned,
        };
    }

    /// Whether probes are attached.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Paused { .. })
    }

    /// Nanoseconds in windows that have ended.
    pub(super) fn covered(&self) -> u64 {
        self.covered
    }

    /// When something is due.
    pub(super) fn next(&self) -> Ktime {
        Ktime(match self.phase {
            Phase::Paused { until } => until,
            Phase::Open { until, cut, .. } => until.min(cut),
            Phase::Draining { look, .. } => look,
            Phase::Drained => 0,
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Runs the schedule for that long, with probes that take so long to attach and writes that are in flight for some
    /// milliseconds. Returns the windows.
    fn windows(slices: &mut Slices, until: u64, attaching: u64) -> Vec<(u64, u64)> {
        let (mut now, mut windows, mut looks) = (0, Vec::new(), 0);
        while now < until {
            now = now.max(slices.next().0);
            match slices.step(Ktime(now)) {
                Step::Open => {
                    now += attaching;
                    let (from, until) = slices.opened(Ktime(now));
                    windows.push((from.0, until.0));
                }
                Step::Drain => {
                    looks += 1;
                    if looks % 3 == 0 {
                        slices.drained();
                    }
                }
                Step::Close => slices.closed(Ktime(now)),
                Step::Cut | Step::Wait => {}
            }
        }
        windows
    }

    #[test]
    fn windows_cover_the_share_of_time_that_was_asked_for() {
        for (percent, attaching) in [(1, 60), (5, 60), (10, 60), (50, 60), (90, 60), (99, 60)] {
            let share = f64::from(percent) / 100.0;
            let mut slices = Slices::new(share, Ktime(0), fastrand::Rng::with_seed(1));
            let until = 20_000 * SECOND;
            let windows = windows(&mut slices, until, attaching * 1_000_000);
            let covered = slices.covered() as f64 / until as f64;
            assert!((covered / share - 1.0).abs() < 0.05, "{percent}: {covered}");
            assert!(windows.len() > 30, "{percent}: {}", windows.len());
            assert!(windows.is_sorted_by(|one, next| one.1 < next.0));
        }
    }

    #[test]
    fn the_places_of_windows_are_spread_evenly_over_what_a_service_does_every_second() {
        let mut slices = Slices::new(0.05, Ktime(0), fastrand::Rng::with_seed(2));
        let windows = windows(&mut slices, 50_000 * SECOND, 5_000_000);
        let mut tenths = [0_usize; 10];
        for (from, _) in &windows {
            tenths[(from % SECOND / (SECOND / 10)) as usize] += 1;
        }
        let expected = windows.len() / 10;
        let even = |count: &usize| (expected * 8 / 10..expected * 12 / 10).contains(count);
        assert!(tenths.iter().all(even), "{tenths:?}");
    }

    #[test]
    fn at_all_of_the_time_there_is_one_window_accounted_in_slices() {
        let mut slices = Slices::new(1.0, Ktime(5), fastrand::Rng::with_seed(3));
        assert_eq!(slices.step(Ktime(5)), Step::Open);
        assert_eq!(slices.opened(Ktime(6)), (Ktime(6), Ktime(u64::MAX)));
        assert_eq!(slices.step(Ktime(7)), Step::Wait);
        assert_eq!(slices.step(Ktime(SECOND)), Step::Cut);
        assert_eq!(slices.step(Ktime(SECOND + 1)), Step::Wait);
        slices.closed(Ktime(2 * SECOND));
        assert_eq!(slices.covered(), 2 * SECOND - 6);
    }
}
