//! The flags. Their texts are what `--help` shows.

use std::{ffi::OsString, num::NonZero, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    alert::Expression,
    config::value::{
        Budget, ContainerId, Glob, LogFormat, Mode, RecordingDuration, Sampling, SeriesInterval,
        Threshold, Tolerance, WithoutContext,
    },
    config::{Targets, otlp::Endpoint, prometheus::ScrapeAddress},
    explain::Unit,
    export::{otlp::Protocol, webhook::WebhookUrl},
    model::binary::GoMinor,
    query::ServerUrl,
    report::TraceUrl,
};

const AFTER_HELP: &str = "\
Examples:
  slowmap check                                   can this machine and this user run it?
  slowmap inspect ./service                       which probes would be placed in a binary?
  slowmap record --output out -- ./service        start a service, record 30 s of it
  slowmap report out                              make the reports of a recording again
  slowmap correlate --prometheus URL --query Q out   does it explain a service's P99 spikes?
  slowmap top                                     the same live, in the terminal
  slowmap run                                     the sidecar, configured by OTEL_* variables

Exit codes: 0 done, 2 wrong usage or configuration, 3 not permitted, 4 nothing to attach to,
5 an alert has fired, 1 anything else.";

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
    Report(ReportArguments),
    Correlate(Box<CorrelateArguments>),
    Top(TopArguments),
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
    #[command(flatten)]
    pub targets: TargetArguments,
    /// Where to export to, e.g. http://collector:4317 [default: http://localhost:4317]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<Endpoint>,
    /// grpc or http/protobuf [default: grpc; http/protobuf for port 4318]
    #[arg(long, value_name = "PROTOCOL")]
    pub otlp_protocol: Option<Protocol>,
    /// Let Prometheus scrape metrics there, /healthz and /readyz beside them, e.g. 9464 [default: none]
    #[arg(long, value_name = "[HOST:]PORT")]
    pub prometheus_listen: Option<ScrapeAddress>,
    /// What becomes of a write outside of any trace: root (a trace of its own), drop [default: drop]
    #[arg(long, value_name = "WHAT")]
    pub without_context: Option<WithoutContext>,
    #[command(flatten)]
    pub alerts: AlertArguments,
}

/// The one-command diagnosis: records the slow map writes of running or newly started services to files.
/// Needs no backend. Ends at the duration, at Ctrl-C, or when the targets are gone, with complete files.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("recorded").required(true).multiple(true).args([
        "pid", "exe", "cmdline", "service", "container", "port", "all", "cmd",
    ])),
    after_help = "\
Examples:
  slowmap record --output out -- ./service --port 8080
  slowmap record --pid 4711 --duration 2m --output out
  slowmap record --exe '/srv/*/shop' --threshold 1ms --output out")]
pub struct RecordArguments {
    #[command(flatten)]
    pub targets: TargetArguments,
    /// Start this program and record it
    #[arg(
        last = true,
        value_name = "CMD",
        num_args = 1..,
        conflicts_with = "chosen"
    )]
    pub cmd: Vec<OsString>,
    /// How long to record, e.g. 30s, 2m [default: 30s]
    #[arg(long, visible_alias = "timeout", value_name = "DURATION")]
    pub duration: Option<RecordingDuration>,
    #[command(flatten)]
    pub detection: DetectionArguments,
    /// The directory for the recording; it is created if it is missing
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
    #[command(flatten)]
    pub page: PageArguments,
    #[command(flatten)]
    pub alerts: AlertArguments,
}

/// The same live, in the terminal: services, causes and the lines that write slowly, with their stacks.
/// Ends at `q`, Ctrl-C or SIGTERM, and leaves the terminal as it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Keys:
  q quit    p pause    s sort    / filter    up, down choose a line    Enter its stack    Esc back    c clear

Examples:
  slowmap top
  slowmap top --exe 'shop*' --threshold 1ms
  slowmap top --pid 4711 --output out")]
pub struct TopArguments {
    #[command(flatten)]
    pub targets: TargetArguments,
    #[command(flatten)]
    pub detection: DetectionArguments,
    /// Record to this directory besides, as `slowmap record` does
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Which processes: those that any of these names.
#[derive(Debug, Args)]
#[group(id = "chosen", multiple = true)]
pub struct TargetArguments {
    /// These processes
    #[arg(long, value_name = "PID", num_args = 1.., conflicts_with = "all")]
    pub pid: Vec<u32>,
    /// Processes whose executable's path or name matches, e.g. '/srv/*/shop', 'shop*'
    #[arg(long, value_name = "GLOB", num_args = 1.., conflicts_with = "all")]
    pub exe: Vec<Glob>,
    /// Processes whose command line matches, its words separated by spaces, e.g. '* --region eu*'
    #[arg(long, value_name = "GLOB", num_args = 1.., conflicts_with = "all")]
    pub cmdline: Vec<Glob>,
    /// Processes of services whose name (OTEL_SERVICE_NAME) matches
    #[arg(long, value_name = "GLOB", num_args = 1.., conflicts_with = "all")]
    pub service: Vec<Glob>,
    /// Processes in the container whose id begins so, in 12 digits at least
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with = "all")]
    pub container: Vec<ContainerId>,
    /// Processes that listen on this TCP port
    #[arg(long, value_name = "PORT", num_args = 1.., conflicts_with = "all")]
    pub port: Vec<NonZero<u16>>,
    /// All Go processes
    #[arg(long)]
    pub all: bool,
}

impl TargetArguments {
    /// `None`: nothing was said.
    pub fn choice(self) -> Option<Targets> {
        let all = self.all;
        let targets = Targets {
            executables: self.exe,
            command_lines: self.cmdline,
            services: self.service,
            containers: self.container,
            ports: self.port,
            pids: self.pid,
        };
        (all || !targets.is_all()).then_some(targets)
    }
}

#[derive(Debug, Args)]
pub struct AlertArguments {
    /// Say so when slow writes exceed this, e.g. 'p99 > 5ms for 30s', 'count > 100 per minute'; may be given again
    #[arg(long, value_name = "EXPRESSION")]
    pub alert: Vec<Expression>,
    /// Send alerts there as well, as JSON by POST
    #[arg(long, value_name = "URL")]
    pub alert_webhook: Option<WebhookUrl>,
}

#[derive(Debug, Args)]
pub struct DetectionArguments {
    /// From when on a write is slow, 1us to 10s [default: 100us]
    #[arg(long, value_name = "DURATION")]
    pub threshold: Option<Threshold>,
    /// How writes are found: slowpath, exact or sampled [default: slowpath]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// Percent of the time in which mode `sampled` measures all writes, 1 to 100 [default: 100]
    #[arg(long, value_name = "PERCENT")]
    pub sampling: Option<Sampling>,
    /// What the probes may cost a target, in percent of its CPU time, 0.1 to 100 [default: 1]
    #[arg(long, value_name = "PERCENT")]
    pub budget: Option<Budget>,
    /// Take binaries for this Go release whose own is not known, e.g. 1.27, at your own risk [default: pass them over]
    #[arg(long, value_name = "RELEASE")]
    pub assume_go: Option<GoMinor>,
}

/// Makes the reports of a recording again, and says on stdout what it amounts to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  slowmap report out
  slowmap report before --compare after
  slowmap report replica-1 --merge replica-2 replica-3 --output replicas")]
pub struct ReportArguments {
    /// The directory that `slowmap record --output` wrote
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Another recording, from after a change: says what has changed since DIR, and puts it into DIR's page
    #[arg(long, value_name = "DIR2")]
    pub compare: Option<PathBuf>,
    /// More recordings, of replicas or of other times: makes one of DIR and these, and reports on that
    #[arg(long, value_name = "DIR3", num_args = 1.., requires = "output")]
    pub merge: Vec<PathBuf>,
    /// The directory for what is merged; it is created if it is missing
    #[arg(long, value_name = "DIR4", requires = "merge")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub page: PageArguments,
}

/// Explains a service's P99 spikes by the recording, or says that it does not.
///
/// Asks Prometheus for the query over the recording's time, or reads a file; finds the spikes, and says for each what part of
/// its height slow map writes make up, and whose. The last line says how many are explained, and how many would be by chance.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("series").required(true).multiple(false)),
    after_help = "\
Examples:
  slowmap correlate --prometheus http://localhost:9090 --query \\
    'histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket{job=\"shop\"}[30s])))' out
  slowmap correlate --csv p99.csv --unit ms out")]
pub struct CorrelateArguments {
    /// The server, e.g. http://localhost:9090
    #[arg(long, value_name = "URL", group = "series", requires = "query")]
    pub prometheus: Option<ServerUrl>,
    /// A PromQL expression that is one series: a quantile of the service's request durations
    #[arg(
        long,
        value_name = "Q",
        requires = "prometheus",
        conflicts_with = "csv"
    )]
    pub query: Option<String>,
    /// A PromQL expression that is one series: the service's requests a second, which report.html shows beside the quantile
    #[arg(long, value_name = "Q", requires = "query")]
    pub rate_query: Option<String>,
    /// A file with the series instead: lines of a time (RFC 3339 or Unix seconds), a comma and a value
    #[arg(long, value_name = "FILE", group = "series")]
    pub csv: Option<PathBuf>,
    /// The directory that `slowmap record --output` wrote
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The recording's service that the series is of [default: the one that its labels name, or the only one]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// What the series is in: s, ms, us, ns
    #[arg(long, value_name = "UNIT", default_value = "s")]
    pub unit: Unit,
    /// Where spikes begin, e.g. 50ms [default: six standard deviations above the median, and half of it at least]
    #[arg(long, value_name = "DURATION")]
    pub above: Option<Threshold>,
    /// Time between the samples that are asked for [default: 100ms, or 10,000 samples]
    #[arg(long, value_name = "DURATION", conflicts_with = "csv")]
    pub step: Option<SeriesInterval>,
    /// How often the service is scraped [default: as Prometheus says, or 1m; with --csv the samples' median distance]
    #[arg(long, value_name = "DURATION")]
    pub scrape_interval: Option<SeriesInterval>,
    /// By how much times may be off, to both sides [default: 500ms]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<Tolerance>,
    #[command(flatten)]
    pub output: FormatArguments,
}

#[derive(Debug, Args)]
pub struct PageArguments {
    /// Where report.html links traces to, e.g. https://jaeger.example/trace/{trace_id}
    #[arg(long, value_name = "URL")]
    pub trace_url: Option<TraceUrl>,
    /// Have report.html tell times as those since the process began, not as UTC
    #[arg(long)]
    pub since_start: bool,
    /// How many causes and functions are listed on the terminal, 1 to 1000 [default: 5]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub top: Option<u16>,
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
    /// Take the binary for this Go release if its own is not known, e.g. 1.27; also SLOWMAP_ASSUME_GO
    #[arg(long, value_name = "RELEASE")]
    pub assume_go: Option<GoMinor>,
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
