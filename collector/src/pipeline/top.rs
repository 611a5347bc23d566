//! `slowmap top`: the live view.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    clock,
    discovery::Discovery,
    history::Keep,
    record::{Recorder, has_candidates, recording_failure, selector_of},
    session::Session,
    signals::Signals,
};
use crate::{
    config::{RecordTargets, Targets, TopOptions},
    discover::Watcher,
    export::files::Recording,
    failure::Failure,
    live::{self, Input, Screen, ScreenError, Statistics, View, Wish},
    model::write::CorrelatedWrite,
};

/// No more often is anything drawn: over a slow line too much else waits.
const REDRAW: Duration = Duration::from_millis(250);
/// How often numbers change that do so by themselves: rates.
const SECOND: Duration = Duration::from_secs(1);

/// Shows slow writes until `q`, SIGTERM or SIGINT; the terminal is as before then, however it ends.
///
/// # Errors
/// What `Failure` names.
pub async fn top(options: TopOptions) -> Result<(), Failure> {
    if !live::is_terminal() {
        return Err(Failure::Usage(
            "top needs a terminal to show what it finds and to read keys; without one use `slowmap record`".into(),
        ));
    }
    let mut signals = Signals::listen()?;
    let keep = match &options.recording {
        Some(_) => Keep::Each,
        None => Keep::Sums,
    };
    let mut session = Session::load(&options.detection, keep)?;
    let selector = selector_of(&options.targets);
    if options.targets != RecordTargets::Running(Targets::default()) {
        has_candidates(&selector)?;
    }
    let mut discovery = Discovery::new(Watcher::new(selector), session.watch_lives());
    session.apply(discovery.changes().map_err(anyhow::Error::from)?);
    let mut top = Top::new(options)?;
    let outcome = top.follow(&mut session, discovery, &mut signals).await;
    // Before the probes are taken out: that takes a moment, and what is said next is for the terminal as it was.
    drop(top.screen);
    session.detach_all();
    let Some(mut recorder) = top.recorder else {
        return outcome;
    };
    session.drain(|write| recorder.write(&write));
    let recorded = recorder.finish(&mut session);
    outcome.and(recorded)
}

struct Top {
    screen: Screen,
    view: View,
    statistics: Statistics,
    recorder: Option<Recorder>,
    about: live::Session,
    /// Something on the screen is not as it is any more.
    changed: bool,
}

impl Top {
    fn new(options: TopOptions) -> Result<Self, Failure> {
        let detection = &options.detection;
        let nanos = detection.threshold.get().as_nanos();
        let about = live::Session {
            threshold_nano: u64::try_from(nanos).unwrap_or(u64::MAX),
            mode: detection.mode.to_string(),
            output: options
                .recording
                .as_ref()
                .map(|recording| recording.output.display().to_string()),
            ..live::Session::default()
        };
        let recorder = match options.recording {
            Some(options) => {
                let recording = Recording::create(&options.output).map_err(recording_failure)?;
                Some(Recorder::new(recording, options))
            }
            None => None,
        };
        Ok(Self {
            // Last, so that all that may fail is said on a terminal as it was.
            screen: Screen::open()?,
            view: View::default(),
            statistics: Statistics::default(),
            recorder,
            about,
            changed: true,
        })
    }

    async fn follow(
        &mut self,
        session: &mut Session,
        mut discovery: Discovery,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let mut looks = session.looks();
        let mut seconds = interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_draw = Instant::now();
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(()),
                input = self.screen.input() => match input {
                    Some(Input::Key(key)) => match self.view.press(key) {
                        Wish::Quit => return Ok(()),
                        Wish::Clear => self.statistics.clear(),
                        Wish::Nothing => {}
                    },
                    Some(Input::Resized) => {}
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(next_draw), if self.changed => {
                    self.draw(session)?;
                    next_draw = Instant::now() + REDRAW;
                    continue;
                }
                () = discovery.due() => {
                    self.drain(session);
                    session.apply(discovery.changes().map_err(anyhow::Error::from)?);
                }
                () = looks.next() => {
                    if !self.drain(session) {
                        continue;
                    }
                }
                // The screen takes only what differs from what is on it.
                _ = seconds.tick() => {}
                () = session.next_look() => { session.govern(); continue; }
                () = session.next_step() => { session.follow_on(); continue; }
            }
            self.changed = true;
            if let Some(failed) = self.recorder.as_mut().and_then(Recorder::failure) {
                return Err(failed);
            }
        }
    }

    /// Whether there was anything.
    fn drain(&mut self, session: &mut Session) -> bool {
        let mut any = false;
        session.drain(|write| {
            self.add(&write);
            any = true;
        });
        any
    }

    fn add(&mut self, write: &CorrelatedWrite) {
        self.statistics.add(write, second());
        if let Some(recorder) = &mut self.recorder {
            recorder.write(write);
        }
    }

    fn draw(&mut self, session: &Session) -> Result<(), Failure> {
        let about = live::Session {
            processes: session.attached(),
            lost: session.losses().total,
            ..self.about.clone()
        };
        self.view.show(self.statistics.snapshot(about, second()));
        self.screen.draw(&self.view)?;
        self.changed = false;
        Ok(())
    }
}

fn second() -> u64 {
    clock::monotonic().0 / 1_000_000_000
}

impl From<ScreenError> for Failure {
    fn from(error: ScreenError) -> Self {
        Failure::Other(error.into())
    }
}
