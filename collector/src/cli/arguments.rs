//! The flags. Their texts are what `--help` shows.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    config::value::{
        Glob, LogFormat, Mode, RecordingDuration, Sampling, Threshold, WithoutContext,
    },
    config::{otlp::Endpoint, record::RecordTargets},
    export::otlp::Protocol,
};

const AFTER_HELP: &str = "\
Examples:
  slowmap check                                   can this machine and this user run it?
  slowmap inspect ./service                       which probes would be placed in a binary?
  slowmap record --output out -- ./service        start a service, record 30 s of it
  slowmap run                                     the sidecar, configured by OTEL_* variables

Exit codes: 0 done, 2 wrong usage or configuration, 3 not permitted, 4 nothing to attach to, 1 anything else.";

/// Finds slow map writes in running Go services, says what made them slow, and puts them into the trace of the
/// request that they slowed down. The services are not changed and not restarted.
#[derive(Debug, Parser)]
#[command(name = "slowmap", version, after_help = AFTER_HELP, subcommand_required = true)]
pub struct Arguments {
    /// Form of the log on stderr: text, json. SLOWMAP_LOG chooses the level [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Box<RunArguments>),
    Record(RecordArguments),
    Inspect(InspectArguments),
    Check(CheckArguments),
}

/// The sidecar: finds Go processes, attaches to them, and exports their slow map writes by OTLP.
/// Ends at SIGTERM or SIGINT, after it has sent what is left and detached.
///
/// Settings come from flags, SLOWMAP_* variables, OTEL_* variables and the file, in this order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317 slowmap run
  slowmap run --exe '/srv/*' --threshold 1ms
  slowmap run --config slowmap.yaml --print-config")]
pub struct RunArguments {
    /// A YAML file with settings; also SLOWMAP_CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the effective configuration, with secrets masked, and end
    #[arg(long)]
    pub print_config: bool,
    #[command(flatten)]
    pub detection: DetectionArguments,
    /// Attach to these processes only
    #[arg(long, value_name = "PID", num_args = 1.., conflicts_with = "all")]
    pub pid: Vec<u32>,
    /// Attach to processes whose executable's path matches
    #[arg(long, value_name = "GLOB", num_args = 1.., conflicts_with = "all")]
    pub exe: Vec<Glob>,
    /// Attach to all Go processes [the default]
    #[arg(long)]
    pub all: bool,
    /// Where to export to, e.g. http://collector:4317 [default: http://localhost:4317]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<Endpoint>,
    /// grpc or http/protobuf [default: grpc; http/protobuf for port 4318]
    #[arg(long, value_name = "PROTOCOL")]
    pub otlp_protocol: Option<Protocol>,
    /// What becomes of a write outside of any trace: root (a trace of its own), drop [default: drop]
    #[arg(long, value_name = "WHAT")]
    pub without_context: Option<WithoutContext>,
}

/// The one-command diagnosis: records the slow map writes of running or newly started services to files.
/// Needs no backend. Ends at the duration, at Ctrl-C, or when the targets are gone, with complete files.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("targets").required(true).multiple(false)),
    after_help = "\
Examples:
  slowmap record --output out -- ./service --port 8080
  slowmap record --pid 4711 --duration 2m --output out
  slowmap record --exe '/srv/*/shop' --threshold 1ms --output out")]
pub struct RecordArguments {
    /// Record these processes
    #[arg(long, value_name = "PID", num_args = 1.., group = "targets")]
    pub pid: Vec<u32>,
    /// Record processes whose executable's path matches
    #[arg(long, value_name = "GLOB", num_args = 1.., group = "targets")]
    pub exe: Vec<Glob>,
    /// Record all Go processes
    #[arg(long, group = "targets")]
    pub all: bool,
    /// Start this program and record it
    #[arg(last = true, value_name = "CMD", num_args = 1.., group = "targets")]
    pub cmd: Vec<OsString>,
    /// How long to record, e.g. 30s, 2m [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub duration: Option<RecordingDuration>,
    #[command(flatten)]
    pub detection: DetectionArguments,
    /// The directory for the recording; it is created if it is missing
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct DetectionArguments {
    /// From when on a write is slow, 1us to 10s [default: 100us]
    #[arg(long, value_name = "DURATION")]
    pub threshold: Option<Threshold>,
    /// How writes are found: slowpath [default: slowpath]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// Percent of the writes that mode `sampled` looks at, 1 to 100
    #[arg(long, value_name = "PERCENT")]
    pub sampling: Option<Sampling>,
}

/// Says what a Go binary is, and which probes would be placed where, or exactly why not.
/// Needs no privileges for a path.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("binary").required(true).multiple(false)),
    after_help = "\
Examples:
  slowmap inspect ./service
  slowmap inspect --pid 4711 --format json")]
pub struct InspectArguments {
    /// The binary
    #[arg(group = "binary")]
    pub path: Option<PathBuf>,
    /// The binary of this process
    #[arg(long, value_name = "PID", group = "binary")]
    pub pid: Option<u32>,
    #[command(flatten)]
    pub output: FormatArguments,
}

/// Says whether this machine and this user can run slowmap: kernel, capabilities, cost of a probe hit.
/// Each line that fails says what to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slowmap check
  slowmap check --format json")]
pub struct CheckArguments {
    #[command(flatten)]
    pub output: FormatArguments,
}

#[derive(Debug, Args)]
pub struct FormatArguments {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Form of an answer on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

impl RecordArguments {
    /// The one choice that clap let through.
    pub fn targets(&self) -> RecordTargets {
        if !self.cmd.is_empty() {
            RecordTargets::Command(self.cmd.clone())
        } else if !self.pid.is_empty() {
            RecordTargets::Pids(self.pid.clone())
        } else if !self.exe.is_empty() {
            RecordTargets::Executables(self.exe.clone())
        } else {
            RecordTargets::All
        }
    }
}
