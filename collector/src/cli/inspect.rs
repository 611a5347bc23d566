//! `slowmap inspect`: what the stages found, for a person or a program.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    answer,
    arguments::{Format, InspectArguments},
    record::start_logging,
};
use crate::{
    config::{Environment, value::LogFormat},
    discover::{Reason, Selector, executable_link, printable},
    examine::{examine, examine_process},
    failure::Failure,
    inspect::InspectError,
    model::{
        binary::{
            Architecture, FileOffset, GoBinary, MapImplementation, Module, ProbeCost,
            VirtualAddress,
        },
        plan::{PlannedProbe, ProbePlan, ProbeRole, Skipped, Unplaced},
        process::Pid,
    },
};

/// # Errors
/// `NothingToAttach` where the file is not one that slowmap can look into, `NotPermitted` where it may not be
/// read. A Go binary without a probe is an answer, not an error.
pub fn inspect(
    arguments: &InspectArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let assumed = match arguments.assume_go {
        Some(release) => Some(release),
        None => environment.slowmap()?.detection.assume_go,
    };
    let (examined, display) = match (&arguments.path, arguments.pid) {
        (Some(path), _) => (examine(path, path, assumed), path.clone()),
        (None, Some(pid)) => {
            let (path, display) = executable(Pid(pid))?;
            (examine_process(Pid(pid), &path, &display, assumed), display)
        }
        (None, None) => return Err(Failure::Usage("name a binary, or --pid PID".into())),
    };
    let (binary, plan) = examined.map_err(|error| refused(&display, error))?;
    let text = render(&binary, &plan, arguments.output.format);
    answer::write(&format!("{}\n", text.trim_end()))
}

/// Where a process's executable can be read, and what it is called.
fn executable(pid: Pid) -> Result<(PathBuf, PathBuf), Failure> {
    let selector = Selector {
        pids: vec![pid],
        ..Selector::default()
    };
    let mut scan = selector
        .scan()
        .map_err(|error| Failure::Other(error.into()))?;
    if let Some(process) = scan.candidates.pop() {
        return Ok((executable_link(process.pid), process.executable));
    }
    let why = |text: String| match scan.passed_over.first().map(|process| &process.reason) {
        Some(Reason::NotPermitted { .. }) => Failure::NotPermitted(text),
        _ => Failure::NothingToAttach(text),
    };
    Err(why(scan.explain()))
}

fn refused(display: &Path, refusal: InspectError) -> Failure {
    let error = printable(&refusal.to_string()).into_owned();
    match &refusal {
        InspectError::Unreadable { source, .. } => match source.kind() {
            io::ErrorKind::PermissionDenied => Failure::NotPermitted(format!(
                "{error}; run slowmap as the file's owner, or with CAP_DAC_READ_SEARCH (and \
                 CAP_SYS_PTRACE for another user's process)"
            )),
            // The message has the source's already.
            _ => Failure::Other(anyhow::Error::msg(error)),
        },
        _ => {
            let name = display.to_string_lossy();
            Failure::NothingToAttach(format!("{}: {error}", printable(&name)))
        }
    }
}

/// What the command prints.
pub fn render(binary: &GoBinary, plan: &Result<ProbePlan, Skipped>, format: Format) -> String {
    let inspection = Inspection::new(binary, plan);
    match format {
        Format::Text => inspection.to_string(),
        Format::Json => {
            serde_json::to_string_pretty(&inspection).expect("plain values are always JSON")
        }
    }
}

/// A binary and its probes, as `--format json` has them.
#[derive(Debug, Serialize)]
pub struct Inspection<'a> {
    path: String,
    go_version: &'a str,
    /// The release that it is taken for, where its own is not known and the user said so.
    assumed_go: Option<String>,
    architecture: Architecture,
    build_mode: Option<&'a str>,
    position_independent: bool,
    statically_linked: bool,
    cgo: bool,
    stripped: bool,
    dwarf: bool,
    map_implementation: MapImplementation,
    main_module: Option<&'a Module>,
    go_build_id: Option<&'a str>,
    gnu_build_id: Option<&'a str>,
    /// Why no probe would be placed at all.
    skipped: Option<&'a str>,
    probes: Vec<Probe<'a>>,
    unplaced: &'a [Unplaced],
    /// On every write, for modes `exact` and `sampled`.
    write_probes: Vec<Probe<'a>>,
    unplaced_writes: &'a [Unplaced],
    trace_context: TraceContext<'a>,
}

#[derive(Debug, Serialize)]
struct Probe<'a> {
    role: ProbeRole,
    function: &'a str,
    address: VirtualAddress,
    file_offset: FileOffset,
    cost: ProbeCost,
}

/// Whether writes can be put into the traces of their requests.
#[derive(Debug, Serialize)]
struct TraceContext<'a> {
    sdk_version: Option<&'a str>,
    not_found_because: Option<&'a str>,
    /// Whether the request that a goroutine serves is found, for the trace that its header names.
    traceparent: bool,
    no_traceparent_because: Option<&'a str>,
}

impl<'a> Inspection<'a> {
    pub fn new(binary: &'a GoBinary, plan: &'a Result<ProbePlan, Skipped>) -> Self {
        let placed = plan.as_ref().ok();
        let search = placed.map(|plan| &plan.span_search);
        let requests = placed.map(|plan| &plan.request_search);
        Self {
            path: printable(&binary.path.to_string_lossy()).into_owned(),
            go_version: &binary.go_version.raw,
            assumed_go: binary.go_version.assumed().map(|go| go.to_string()),
            architecture: binary.architecture,
            build_mode: binary.build_mode.as_deref(),
            position_independent: binary.position_independent,
            statically_linked: binary.statically_linked,
            cgo: binary.cgo,
            stripped: binary.stripped,
            dwarf: binary.has_dwarf,
            map_implementation: binary.map_implementation,
            main_module: binary.main_module.as_ref(),
            go_build_id: binary.go_build_id.as_deref(),
            gnu_build_id: binary.gnu_build_id.as_deref(),
            skipped: plan.as_ref().err().map(|skipped| skipped.reason.as_str()),
            probes: placed
                .map(|plan| plan.probes.iter().map(Probe::from).collect())
                .unwrap_or_default(),
            unplaced: placed
                .map(|plan| plan.unplaced.as_slice())
                .unwrap_or_default(),
            write_probes: placed
                .map(|plan| plan.writes.probes.iter().map(Probe::from).collect())
                .unwrap_or_default(),
            unplaced_writes: placed
                .map(|plan| plan.writes.unplaced.as_slice())
                .unwrap_or_default(),
            trace_context: TraceContext {
                sdk_version: search
                    .and_then(|search| search.as_ref().ok())
                    .map(|search| search.sdk_version.as_str()),
                not_found_because: search
                    .and_then(|search| search.as_ref().err())
                    .map(String::as_str),
                traceparent: requests.is_some_and(Result::is_ok),
                no_traceparent_because: requests
                    .and_then(|search| search.as_ref().err())
                    .map(String::as_str),
            },
        }
    }

    fn build(&self) -> String {
        let parts = [
            self.build_mode.unwrap_or("build mode not known"),
            if self.position_independent {
                "position-independent"
            } else {
                "at fixed addresses"
            },
            if self.statically_linked {
                "static"
            } else {
                "dynamic"
            },
            if self.cgo { "with cgo" } else { "without cgo" },
            if self.stripped {
                "stripped"
            } else {
                "with symbols"
            },
            if self.dwarf {
                "with DWARF"
            } else {
                "without DWARF"
            },
        ];
        parts.join(", ")
    }

    fn write_probes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.skipped {
            return writeln!(f, "probes      none: {reason}");
        }
        writeln!(f, "probes      {}", self.probes.len())?;
        write_list(f, &self.probes, self.unplaced)?;
        writeln!(
            f,
            "each write  {} more, in modes exact and sampled",
            self.write_probes.len()
        )?;
        write_list(f, &self.write_probes, self.unplaced_writes)?;
        match (
            self.trace_context.sdk_version,
            self.trace_context.not_found_because,
        ) {
            (Some(version), _) => writeln!(
                f,
                "traces      found through the OpenTelemetry SDK {version}"
            ),
            (None, Some(reason)) => writeln!(f, "traces      not found: {reason}"),
            (None, None) => Ok(()),
        }?;
        match self.trace_context.no_traceparent_because {
            None if !self.trace_context.traceparent => Ok(()),
            None => writeln!(f, "requests    found through the header traceparent"),
            Some(reason) => writeln!(f, "requests    not found: {reason}"),
        }
    }
}

fn write_list(
    f: &mut fmt::Formatter<'_>,
    probes: &[Probe<'_>],
    unplaced: &[Unplaced],
) -> fmt::Result {
    for probe in probes {
        let cost = match probe.cost {
            ProbeCost::Emulated => "cheap",
            ProbeCost::SingleStepped => "dear",
        };
        let role = word(&probe.role);
        let (offset, function) = (probe.file_offset.0, probe.function);
        writeln!(f, "  {role:<16} {offset:#012x}  {cost:<5}  {function}")?;
    }
    for Unplaced { function, reason } in unplaced {
        writeln!(f, "  no probe on {function}: {reason}")?;
    }
    Ok(())
}

impl fmt::Display for Inspection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        writeln!(
            f,
            "Go          {} ({})",
            self.go_version,
            word(&self.architecture)
        )?;
        if let Some(release) = &self.assumed_go {
            writeln!(f, "taken for   Go {release}, as --assume-go says")?;
        }
        if let Some(Module { path, version }) = self.main_module {
            writeln!(f, "module      {path} {version}")?;
        }
        writeln!(f, "build       {}", self.build())?;
        writeln!(f, "maps        {}", word(&self.map_implementation))?;
        self.write_probes(f)
    }
}

impl<'a> From<&'a PlannedProbe> for Probe<'a> {
    fn from(probe: &'a PlannedProbe) -> Self {
        Self {
            role: probe.role,
            function: &probe.function,
            address: probe.site.address,
            file_offset: probe.site.offset,
            cost: probe.site.cost,
        }
    }
}

/// The name of an enum's variant, as JSON has it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection<'a>(probes: Vec<Probe<'a>>, unplaced: &'a [Unplaced]) -> Inspection<'a> {
        Inspection {
            path: "/srv/shop".into(),
            go_version: "go1.26.8",
            assumed_go: None,
            architecture: Architecture::Amd64,
            build_mode: Some("exe"),
            position_independent: false,
            statically_linked: true,
            cgo: false,
            stripped: true,
            dwarf: false,
            map_implementation: MapImplementation::Swiss,
            main_module: None,
            go_build_id: None,
            gnu_build_id: None,
            skipped: None,
            probes,
            unplaced,
            write_probes: Vec::new(),
            unplaced_writes: &[],
            trace_context: TraceContext {
                sdk_version: Some("v1.47.0"),
                not_found_because: None,
                traceparent: true,
                no_traceparent_because: None,
            },
        }
    }

    #[test]
    fn the_text_says_what_the_binary_is_and_where_each_probe_goes() {
        let probe = Probe {
            role: ProbeRole::GrowthEnter,
            function: "internal/runtime/maps.(*table).rehash",
            address: VirtualAddress(0x40_1234),
            file_offset: FileOffset(0x1234),
            cost: ProbeCost::Emulated,
        };
        let unplaced = [Unplaced {
            function: "runtime.gcAssistAlloc".into(),
            reason: "it has no return".into(),
        }];
        let text = inspection(vec![probe], &unplaced).to_string();
        let expected = "\
/srv/shop
Go          go1.26.8 (amd64)
build       exe, at fixed addresses, static, without cgo, stripped, without DWARF
maps        swiss
probes      1
  growth_enter     0x0000001234  cheap  internal/runtime/maps.(*table).rehash
  no probe on runtime.gcAssistAlloc: it has no return
each write  0 more, in modes exact and sampled
traces      found through the OpenTelemetry SDK v1.47.0
requests    found through the header traceparent
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_binary_that_is_passed_over_says_exactly_why() {
        let skipped = Inspection {
            skipped: Some("its Go version is not in the tables"),
            ..inspection(Vec::new(), &[])
        };
        let text = skipped.to_string();
        assert!(
            text.ends_with("probes      none: its Go version is not in the tables\n"),
            "{text}"
        );
    }
}
