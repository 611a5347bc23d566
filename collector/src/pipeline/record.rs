//! `slowmap record`: the one-command diagnosis.

use std::{io::IsTerminal, process::ExitStatus, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::{
    alerting::Alerting, clock, command::Command, discovery::Discovery, history::Keep, report,
    selector, session::Session, signals::Signals,
};
use crate::{
    config::{RecordOptions, RecordTargets, value::Mode},
    discover::{Selector, Watcher},
    export::files::{Measured, Recording, RecordingError},
    failure::Failure,
    model::{summary::SkippedProcess, units::Nanos},
    report::Asked,
};

/// Of a command that never was a Go program.
const OF_A_COMMAND: &str = "; the command has to be a Go program or to become one by exec; what it starts as another process is \
                            recorded by --exe";
/// More processes than this are not listed one by one in an error.
const LISTED: usize = 5;

/// Records to files, until the duration is over, a signal comes, or the targets are gone.
///
/// # Errors
/// What `Failure` names.
pub async fn record(options: RecordOptions) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut session = Session::load(&options.detection, Keep::Each)?;
    let mut selector = selector_of(&options.targets);
    if !matches!(options.targets, RecordTargets::Command(_)) {
        has_candidates(&selector)?;
    }
    let recording = Recording::create(&options.output).map_err(recording_failure)?;
    if let Some(nanos) = session.cost_per_write() {
        let (mode, cost) = (options.detection.mode, Nanos(nanos));
        let share = match mode {
            Mode::Sampled => format!("in {} % of the time", options.detection.sampling),
            Mode::Exact | Mode::Slowpath => "all the time".to_owned(),
        };
        tracing::warn!(
            "mode {mode}: {share} all writes are followed; each then takes the target about {cost} more, as measured on this \
             machine; for short, deliberate measurements"
        );
    }
    let mut command = start(&options.targets)?;
    selector
        .pids
        .extend(command.as_ref().and_then(Command::pid));
    let discovery = Discovery::new(Watcher::new(selector), session.watch_lives());
    let mut alerting = Alerting::start(options.alerts.clone())?;
    let mut recorder = Recorder::new(recording, options);
    let outcome = recorder
        .follow(
            &mut session,
            discovery,
            &mut signals,
            command.as_mut(),
            &mut alerting,
        )
        .await;
    if let Some(command) = command {
        command.end().await?;
    }
    session.detach_all();
    recorder.take(&mut session, &mut alerting);
    let result = recorder.finish(&mut session);
    let fired = alerting.finish().await;
    outcome.and(result).and(quiet(fired))
}

/// # Errors
/// An alert has fired.
fn quiet(fired: u64) -> Result<(), Failure> {
    match fired {
        0 => Ok(()),
        1 => Err(Failure::Alerted(
            "an alert has fired; the recording is complete".into(),
        )),
        more => Err(Failure::Alerted(format!(
            "alerts have fired {more} times; the recording is complete"
        ))),
    }
}

/// # Errors
/// There is nothing that may be attached to.
pub(super) fn has_candidates(selector: &Selector) -> Result<(), Failure> {
    let scan = selector.scan().map_err(anyhow::Error::from)?;
    if !scan.candidates.is_empty() {
        return Ok(());
    }
    let why = if scan.lacks_privileges() {
        Failure::NotPermitted
    } else {
        Failure::NothingToAttach
    };
    Err(why(scan.explain()))
}

/// Writes of a session on their way to files.
pub(super) struct Recorder {
    recording: Recording,
    options: RecordOptions,
    started_unix_nano: u64,
    started: Instant,
    progress: ProgressBar,
    failed: Option<RecordingError>,
}

impl Recorder {
    pub(super) fn new(recording: Recording, options: RecordOptions) -> Self {
        let progress = ProgressBar::new_spinner(); // Shows nothing unless stderr is a terminal.
        if let Ok(style) = ProgressStyle::with_template("{spinner} recording {elapsed}: {msg}") {
            progress.set_style(style);
        }
        Self {
            recording,
            options,
            started_unix_nano: clock::wall().0,
            started: Instant::now(),
            progress,
            failed: None,
        }
    }

    async fn follow(
        &mut self,
        session: &mut Session,
        mut discovery: Discovery,
        signals: &mut Signals,
        mut command: Option<&mut Command>,
        alerting: &mut Alerting,
    ) -> Result<(), Failure> {
        session.apply(discovery.changes().map_err(anyhow::Error::from)?);
        match &mut command {
            Some(command) => command.release(),
            None => something(session, "")?,
        }
        if session.attached() == 0 {
            let looked_at = nothing(session.history().skipped_processes());
            tracing::warn!("{looked_at}; waiting for the command to execute a Go program");
        }
        let end = self.started + self.options.duration.get();
        let mut looks = session.looks();
        loop {
            tokio::select! {
                _ = signals.next() => break,
                () = tokio::time::sleep_until(end) => break,
                status = ended(&mut command) => {
                    tracing::info!(%status, "the command has ended");
                    break;
                }
                () = discovery.due() => {
                    self.take(session, alerting);
                    session.apply(discovery.changes().map_err(anyhow::Error::from)?);
                    // A command may execute another program yet.
                    if session.attached() == 0 && command.is_none() {
                        break;
                    }
                }
                () = looks.next() => self.take(session, alerting),
                () = alerting.due() => alerting.look(),
                () = session.next_look() => session.govern(),
                () = session.next_step() => session.follow_on(),
            }
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            self.progress
                .set_message(format!("{} slow writes", self.recording.writes()));
            self.progress.tick();
        }
        something(session, OF_A_COMMAND)
    }

    /// The writes that a session has found.
    fn take(&mut self, session: &mut Session, alerting: &mut Alerting) {
        session.drain(|write| {
            alerting.add(&write);
            self.write(&write);
        });
    }

    pub(super) fn write(&mut self, write: &crate::model::write::CorrelatedWrite) {
        // Nothing after the first that did not fit: a recording that goes on with holes in it tells less than one that ends.
        if self.failed.is_none()
            && let Err(error) = self.recording.write(write)
        {
            self.failed = Some(error);
        }
    }

    /// What has gone wrong since the last time.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.failed.take().map(recording_failure)
    }

    pub(super) fn finish(self, session: &mut Session) -> Result<(), Failure> {
        self.progress.finish_and_clear();
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let measured = Measured {
            started_unix_nano: self.started_unix_nano,
            duration_nano: nanos(self.started.elapsed()),
            threshold_nano: nanos(self.options.detection.threshold.get()),
            mode: self.options.detection.mode.to_string(),
            budget_percent: self.options.detection.budget.percent(),
            targets: session.history().recorded().to_vec(),
            skipped: session.history().skipped_processes().to_vec(),
            losses: session.losses(),
            probes: session.probe_use(),
            writes: session.writes(),
            collisions: session.history().collisions().to_vec(),
        };
        self.recording.finish(measured).map_err(recording_failure)?;
        let asked = Asked {
            trace_url: self.options.page.trace_url,
            since_start: self.options.page.since_start,
            top: self.options.page.top,
            comparison: None,
        };
        let told = report::write(&self.options.output, &asked)?;
        if std::io::stderr().is_terminal() {
            eprintln!("{told}");
        }
        Ok(())
    }
}

pub(super) fn selector_of(targets: &RecordTargets) -> Selector {
    match targets {
        RecordTargets::Running(targets) => selector::of(targets),
        RecordTargets::Command(_) => Selector::default(),
    }
}

fn start(targets: &RecordTargets) -> Result<Option<Command>, Failure> {
    match targets {
        RecordTargets::Command(command) => Command::start(command).map(Some),
        _ => Ok(None),
    }
}

/// Waits for the command to end; for ever where there is none.
async fn ended(command: &mut Option<&mut Command>) -> ExitStatus {
    match command {
        Some(command) => command.ended().await,
        None => std::future::pending().await,
    }
}

/// # Errors
/// Nothing has been attached to; `hint` says what to do then.
fn something(session: &Session, hint: &str) -> Result<(), Failure> {
    if !session.history().recorded().is_empty() {
        return Ok(());
    }
    let looked_at = nothing(session.history().skipped_processes());
    Err(Failure::NothingToAttach(looked_at + hint))
}

fn nothing(skipped: &[SkippedProcess]) -> String {
    let listed: Vec<String> = skipped
        .iter()
        .take(LISTED)
        .map(|skipped| format!("{} {}: {}", skipped.pid, skipped.executable, skipped.reason))
        .collect();
    let more = match skipped.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("; and {more} more, see summary.json"),
    };
    format!(
        "nothing to attach to; looked at {}{more}",
        listed.join("; ")
    )
}

pub(super) fn recording_failure(error: RecordingError) -> Failure {
    Failure::Other(error.into())
}
