//! `cargo xtask fuzz`: the readers of executables, on input that libFuzzer makes of the seeds in `collector/fuzz`.
//!
//! libFuzzer finds new input by what it reaches in the code. That takes flags of the compiler that stable Rust has, and a C++
//! compiler for libFuzzer itself; `cargo fuzz`, which knows the folder too, takes a nightly one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use integration::{cargo, sources};

use crate::{
    interrupt,
    machine::{self, Package},
    run,
};

/// A workspace of its own.
pub const MANIFEST: &str = "collector/fuzz/Cargo.toml";

const TARGETS: [&str; 9] = [
    "elf",
    "build_info",
    "pclntab",
    "inline_trees",
    "moduledata",
    "type_names",
    "dwarf",
    "stack_maps",
    "placement",
];

/// As `cargo fuzz` has them, without the sanitizer, which would find nothing in code without `unsafe`.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// What one input may take: time in seconds, memory in MiB. The largest input has 64 KiB.
const LIMITS: [&str; 4] = [
    "-timeout=5",
    "-rss_limit_mb=512",
    "-malloc_limit_mb=256",
    "-max_len=65536",
];

/// Run next to each other.
const AT_A_TIME: usize = 2;

/// Tries the readers of executables on hostile input
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Makes the seeds anew rather than run: of builds of `collector/tests/testdata/shapes`
    #[arg(long, value_name = "EXECUTABLE", num_args = 1.., conflicts_with_all = ["targets", "seconds"])]
    seeds: Vec<PathBuf>,
    /// Which; all, if none is named
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.seeds.is_empty() {
        return make_seeds(&arguments.seeds);
    }
    // `cargo xtask test` has no minute for it: these are compiled for nothing else.
    lint()?;
    let chosen = arguments.targets.iter().map(String::as_str);
    match arguments.targets.is_empty() {
        true => fuzz(&TARGETS, arguments.seconds),
        false => fuzz(&chosen.collect::<Vec<_>>(), arguments.seconds),
    }
}

/// All targets, each for so long.
pub fn all(seconds: u32) -> Result<()> {
    fuzz(&TARGETS, seconds)
}

fn make_seeds(of: &[PathBuf]) -> Result<()> {
    let mut make = Command::new(build()?.join("seeds"));
    make.arg(seeds()).args(of);
    run::succeed(make)
}

fn fuzz(targets: &[&str], seconds: u32) -> Result<()> {
    let executables = build()?;
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Err(error) = one(&executables, target, seconds) else {
                        continue;
                    };
                    if let Ok(mut failed) = failed.lock() {
                        failed.push(format!("{target}: {error:#}"));
                    }
                }
            });
        }
    });
    interrupt::check()?;
    let failed = failed.into_inner().unwrap_or_default();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// Clippy's word on the targets and on what they share.
fn lint() -> Result<()> {
    let mut clippy = cargo("clippy")?;
    clippy
        .args(["--", "--deny", "warnings"])
        .env("RUSTFLAGS", "--cfg fuzzing");
    run::succeed(clippy)
}

/// Where the executables are.
fn build() -> Result<PathBuf> {
    let mut build = cargo("build")?;
    build.env("RUSTFLAGS", FLAGS);
    run::succeed(build)?;
    Ok(directory().join(host()?).join("release"))
}

/// Cargo in the folder, with all that it needs.
fn cargo(does: &str) -> Result<Command> {
    let compiler = Package {
        name: "g++",
        file: "/usr/bin/g++",
    };
    if !machine::has_program("c++") {
        machine::install(&[compiler], "libFuzzer")?;
    }
    let mut cargo = cargo::command();
    // The host is named, so that the flags are not for build scripts, which have no libFuzzer to report to.
    cargo
        .args([does, "--quiet", "--release", "--target", &host()?])
        .args(["--manifest-path", MANIFEST])
        .arg("--target-dir")
        .arg(directory());
    Ok(cargo)
}

/// Where the seeds are, in a folder for each target.
fn seeds() -> PathBuf {
    sources::repository().join("collector/fuzz/seeds")
}

fn directory() -> PathBuf {
    cargo::target_directory().join("fuzz")
}

fn host() -> Result<String> {
    let mut rustc = Command::new("rustc");
    rustc.arg("-vV");
    let says = run::output(rustc)?;
    let host = says.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// New input is kept below `target/fuzz`, what fails too. libFuzzer's own words are in a file.
fn one(executables: &Path, target: &str, seconds: u32) -> Result<()> {
    let directory = directory();
    let corpus = directory.join("corpus").join(target);
    let found = directory.join("found");
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let seeds = seeds().join(target);
    let log = directory.join(format!("{target}.log"));
    let mut command = Command::new(executables.join(target));
    command
        .arg(corpus)
        .arg(seeds)
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/{target}-", found.display()))
        .arg("-print_final_stats=1")
        .stderr(fs::File::create(&log)?);
    if let Err(error) = run::succeed(command) {
        interrupt::check()?;
        bail!(
            "{error:#}; what it said is in {}, the input in {}",
            log.display(),
            found.display()
        );
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    let executed = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!("{target}: {} inputs", executed.unwrap_or(" ?").trim());
    Ok(())
}
