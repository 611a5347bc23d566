//! `cargo xtask bench`: what slowmap finds, and what it costs, measured against targets that time their own writes.
//! Rounds without and with slowmap take turns in one run, since a machine is not the same from one minute to the
//! next. Figures are printed, not judged: nothing here fails because of one.

mod attach;
mod bpftrace;
mod bulk;
mod case;
mod correlation;
mod export;
mod figure;
mod hits;
mod latency;
mod million;
mod misses;
mod programs;
mod report;
mod ring;
mod run;
mod table;
mod throughput;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use integration::{go::Toolchain, slowmap, sources};

use crate::{interrupt, machine};
pub use report::Machine;
use report::Report;

/// How long a program may take to start, to attach and to end.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Fewer and shorter rounds: done in three minutes once everything is built
    #[arg(long)]
    quick: bool,
    /// How often each is measured [default: 5, with --quick 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Where the figures go, as JSON [default: target/bench.json]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Measure only how many slow writes are linked to their requests, behind frameworks, and what that costs
    #[arg(long, conflicts_with = "only")]
    correlation: bool,
    /// Measure only these
    #[arg(long, value_delimiter = ',', value_name = "PART,...")]
    only: Vec<Part>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 100,000 map writes a second, on Swiss maps
    ServiceSwiss,
    /// The same, on the maps before them
    ServiceHmap,
    /// Nothing but growing Swiss maps
    TortureSwiss,
    /// The same, on the maps before them
    TortureHmap,
    /// What a hit of a probe costs
    Hits,
    /// How many events the ring buffer carries
    Ring,
    /// How long an event takes to the OTLP endpoint
    Export,
    /// How many events a second a Collector gets
    Throughput,
    /// A million slow writes: whether `record` keeps up, and how long their reports take
    Million,
    /// How long all writes take at a low and a high load, by mode `sampled` and by the service's own clock
    Latency,
    /// How long attaching and detaching take
    Attach,
    /// The same torture under bpftrace, where it is installed
    Bpftrace,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Scale {
    quick: bool,
    rounds: u32,
    /// One run of a target.
    load: Duration,
    /// How often what is no comparison is measured.
    repeats: u32,
}

impl Arguments {
    fn scale(&self) -> Scale {
        let (rounds, millis, repeats) = if self.quick {
            (3, 1_500, 1)
        } else {
            (5, 10_000, 3)
        };
        Scale {
            quick: self.quick,
            rounds: self.rounds.unwrap_or(rounds),
            load: Duration::from_millis(millis),
            repeats,
        }
    }

    fn wants(&self, part: Part) -> bool {
        !self.correlation && (self.only.is_empty() || self.only.contains(&part))
    }
}

/// The maps of the Go that is installed, and those before Swiss maps.
const SWISS: Toolchain = Toolchain::Installed;
const HMAP: Toolchain = Toolchain::Release("go1.22.12");

pub fn run(arguments: &Arguments) -> Result<()> {
    if !machine::is_root() {
        bail!(
            "the benchmark needs root, to attach probes; run: {}",
            machine::as_root("cargo xtask bench")
        );
    }
    machine::need_go()?;
    eprintln!("building slowmap and its targets");
    slowmap::binary()?;
    build_targets(arguments)?;
    let _alone = integration::machine::alone()?;
    let mut report = Report::new(arguments.quick, arguments.scale())?;
    let begin = Instant::now();
    let measured = measure(arguments, &mut report);
    eprintln!("measured for {} s", begin.elapsed().as_secs());
    // What was measured before an interruption is still true.
    print!("{}", table::render(&report));
    let output = arguments.output.clone();
    let output = output.unwrap_or_else(|| sources::repository().join("target/bench.json"));
    report.write(&output).context("write the figures")?;
    eprintln!("the figures as JSON: {}", output.display());
    measured
}

/// Before the clock runs, for what is to be measured.
fn build_targets(arguments: &Arguments) -> Result<()> {
    run::executable(SWISS)?;
    let hmap = [Part::ServiceHmap, Part::TortureHmap, Part::Latency];
    if hmap.into_iter().any(|part| arguments.wants(part)) {
        run::executable(HMAP)?;
    }
    if arguments.correlation {
        correlation::build()?;
    }
    if arguments.wants(Part::Export) {
        export::executable()?;
    }
    if arguments.wants(Part::Throughput) {
        throughput::build()?;
    }
    if arguments.wants(Part::Million) {
        million::build()?;
    }
    if arguments.wants(Part::Attach) {
        bulk::executable()?;
    }
    interrupt::check()
}

fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let scale = arguments.scale();
    for (part, case) in case::CASES {
        if arguments.wants(part) {
            report.cases.push(case::measure(case, scale)?);
        }
    }
    if arguments.wants(Part::Hits) {
        report.hits = Some(hits::measure(scale)?);
    }
    if arguments.wants(Part::Ring) {
        report.ring = Some(ring::measure(scale)?);
    }
    if arguments.wants(Part::Export) {
        report.export = Some(export::measure(scale)?);
    }
    if arguments.wants(Part::Throughput) {
        report.throughput = Some(throughput::measure(scale)?);
    }
    // What takes minutes is no part of --quick unless it is asked for.
    let lasting = !arguments.quick || !arguments.only.is_empty();
    if arguments.wants(Part::Million) && lasting {
        report.million = Some(million::measure(scale)?);
    }
    if arguments.wants(Part::Latency) && lasting {
        report.latency = latency::measure(scale)?;
    }
    if arguments.wants(Part::Attach) {
        report.attach = attach::measure(scale)?;
    }
    if arguments.correlation {
        report.correlation = Some(correlation::measure(scale)?);
    }
    if arguments.wants(Part::Bpftrace) {
        report.bpftrace = bpftrace::measure(scale)?;
    }
    Ok(())
}
