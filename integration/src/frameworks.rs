//! The service behind frameworks, as each Go and each SDK builds it, and what became of its slow writes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{
    agreement,
    go::{self, Toolchain},
    observation,
    recording::Event,
    truth::TrueWrite,
};

/// A way of building the service.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub toolchain: Toolchain,
    pub stripped: bool,
    /// Of OpenTelemetry's SDK: its modules are in `sdk-VERSION.mod`, those of the newest in `go.mod`.
    pub sdk: &'static str,
}

const NEWEST_SDK: &str = "1.47.0";
/// Their instrumentation of gRPC is interceptors.
const WITH_INTERCEPTORS: [&str; 2] = ["1.0.1", "1.14.0"];

/// Releases of the SDK from the oldest to the newest, with releases of Go, and both ways of linking.
pub const ROWS: [Row; 6] = [
    row(Toolchain::Release("go1.21.13"), true, "1.0.1"),
    row(Toolchain::Release("go1.21.13"), false, "1.14.0"),
    row(Toolchain::Release("go1.21.13"), false, "1.24.0"),
    row(Toolchain::Release("go1.23.12"), true, "1.35.0"),
    row(Toolchain::Installed, true, NEWEST_SDK),
    row(Toolchain::Release("go1.27.4"), false, NEWEST_SDK),
];

const fn row(toolchain: Toolchain, stripped: bool, sdk: &'static str) -> Row {
    Row {
        toolchain,
        stripped,
        sdk,
    }
}

/// What became of slow writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// Under a sampled open span: linked to it.
    pub right: usize,
    /// To another span of its trace.
    pub wrong_span: usize,
    pub missed: usize,
    /// To another trace, or to any where no span was open.
    pub wrong: usize,
    /// Not linked, and under no open span.
    pub rightly_not: usize,
    /// Under an unsampled span: linked to its trace, or not at all; and to another.
    pub unsampled: usize,
    pub unsampled_wrong: usize,
}

impl Linked {
    pub fn count(&mut self, event: &Event, write: &TrueWrite) {
        let linked = event.trace_id.as_deref().zip(event.span_id.as_deref());
        let same_trace = linked.is_some_and(|(trace, _)| trace == write.trace_id);
        let same_span = linked.is_some_and(|(_, span)| span == write.span_id);
        let counter = match (write.trace_id.is_empty(), write.sampled, linked) {
            (true, _, None) => &mut self.rightly_not,
            (true, _, Some(_)) => &mut self.wrong,
            (false, false, None) => &mut self.unsampled,
            (false, false, Some(_)) if same_trace => &mut self.unsampled,
            (false, false, Some(_)) => &mut self.unsampled_wrong,
            (false, true, None) => &mut self.missed,
            (false, true, Some(_)) if same_trace && same_span => &mut self.right,
            (false, true, Some(_)) if same_trace => &mut self.wrong_span,
            (false, true, Some(_)) => &mut self.wrong,
        };
        *counter += 1;
    }

    pub fn add(&mut self, other: &Linked) {
        self.right += other.right;
        self.wrong_span += other.wrong_span;
        self.missed += other.missed;
        self.wrong += other.wrong;
        self.rightly_not += other.rightly_not;
        self.unsampled += other.unsampled;
        self.unsampled_wrong += other.unsampled_wrong;
    }

    /// Writes under a sampled open span that have an event.
    pub fn in_spans(&self) -> usize {
        self.right + self.wrong_span + self.missed + self.wrong
    }

    /// Of those, the share that is linked to the right trace, and to the right span, in percent.
    pub fn right_percent(&self) -> (f64, f64) {
        let percent = |part: usize| part as f64 * 100.0 / self.in_spans().max(1) as f64;
        (percent(self.right + self.wrong_span), percent(self.right))
    }
}

/// The service, told to make that many requests of itself.
pub fn command(executable: &Path, requests: u32) -> Command {
    let mut command = Command::new(executable);
    command.args(["--requests", &requests.to_string(), "--threshold", "20us"]);
    command
}

impl Row {
    pub fn name(&self) -> Result<String> {
        let form = if self.stripped { "stripped" } else { "default" };
        Ok(format!(
            "{} {form}, SDK {}",
            self.toolchain.version()?,
            self.sdk
        ))
    }

    pub fn build(&self) -> Result<PathBuf> {
        let modules = format!("-modfile=sdk-{}.mod", self.sdk);
        let mut flags = Vec::new();
        if self.sdk != NEWEST_SDK {
            flags.push(modules.as_str());
        }
        if WITH_INTERCEPTORS.contains(&self.sdk) {
            flags.push("-tags=interceptors");
        }
        if self.stripped {
            flags.push("-ldflags=-s -w");
        }
        go::target_with("frameworks", self.toolchain, &flags)
    }

    /// Runs it, alone on the machine, with that many requests under slowmap: what became of its slow writes, by shape (`framework/shape`).
    pub fn observe(&self, requests: u32, limit: Duration) -> Result<BTreeMap<String, Linked>> {
        let target = command(&self.build()?, requests);
        let options = ["--threshold", "20us", "--budget", "100"];
        let observed = observation::of(target, &options, limit)?;
        let outcome = &observed.truth.outcome;
        if (outcome.requests, outcome.failed, outcome.checksum_ok) != (u64::from(requests), 0, true)
        {
            bail!("the service did not do its work: {outcome:?}");
        }
        let mut shapes: BTreeMap<String, Linked> = BTreeMap::new();
        for pair in agreement::pairs(&observed.truth.writes, &observed.recording.events) {
            let Some(event) = pair.event else {
                continue;
            };
            if pair.write.kind == "write" {
                let shape = shapes.entry(pair.write.shape.clone()).or_default();
                shape.count(event, pair.write);
            }
        }
        Ok(shapes)
    }
}
