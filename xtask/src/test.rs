//! `cargo xtask test`: everything that has to hold before a change is merged, the quick things first.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use integration::{cache, cargo, go, go::Toolchain};

use crate::{
    ebpf, fuzz, interrupt,
    machine::{self, Package},
    run,
    vm::EMULATOR,
};

/// Targets in `integration/targets` that the end-to-end tests run.
const TARGETS: [&str; 4] = ["correlate", "misuse", "shop", "truth"];

/// Seconds for each kind of hostile input; `cargo xtask fuzz` takes more.
const FUZZING: u32 = 2;

struct Step {
    name: &'static str,
    does: fn(&Path) -> Result<()>,
}

const STEPS: [Step; 10] = [
    Step {
        name: "format",
        does: |_| {
            succeed(&["fmt", "--all", "--check"], &[])?;
            succeed(&["fmt", "--manifest-path", fuzz::MANIFEST, "--check"], &[])
        },
    },
    Step {
        name: "lints",
        does: |_| {
            let check = ["clippy", "--quiet", "--workspace", "--all-targets"];
            succeed(&check, &["--deny", "warnings"])
        },
    },
    Step {
        name: "tests of the collector",
        does: |skipped| {
            tests(
                &["--package", "slowmap", "--package", "slowmap-abi"],
                &[],
                skipped,
            )
        },
    },
    Step {
        name: "tests of the project's tools",
        does: |skipped| {
            tests(&["--package", "xtask"], &[], skipped)?;
            tests(&["--package", "integration", "--lib"], &[], skipped)
        },
    },
    Step {
        name: "hostile input",
        does: |_| fuzz::all(FUZZING),
    },
    Step {
        name: "BPF programs",
        does: |_| ebpf::check(),
    },
    Step {
        name: "build of slowmap",
        does: |_| succeed(&["build", "--quiet", "--release", "--bin", "slowmap"], &[]),
    },
    Step {
        name: "build of what slowmap watches",
        does: |_| targets(),
    },
    Step {
        name: "what the end-to-end tests run",
        does: |_| packages(),
    },
    Step {
        name: "end-to-end tests",
        does: |skipped| {
            tests(
                // All that fails is worth knowing: the next run is an hour away.
                &["--no-fail-fast", "--package", "integration", "--test", "*"],
                &["--test-threads=1"],
                skipped,
            )
        },
    },
];

pub fn run() -> Result<()> {
    machine::need_go()?;
    if !machine::is_root() {
        println!(
            "not root: what attaches probes is skipped. To test all: {}",
            machine::as_root("cargo xtask test")
        );
    }
    // Tests note there what they skip (integration::requirement).
    let scratch = cache::root()?.join("skipped");
    fs::create_dir_all(&scratch)?;
    let skipped = scratch.join(std::process::id().to_string());
    let begin = Instant::now();
    let outcome = steps(&skipped);
    let notes = fs::read_to_string(&skipped).unwrap_or_default();
    // It is not there where nothing was skipped.
    let _ = fs::remove_file(&skipped);
    let times = outcome?;
    for note in notes.lines() {
        println!("skipped: {note}");
    }
    println!(
        "\nall passed in {} ({}); {}",
        seconds(begin.elapsed()),
        times.join(", "),
        match notes.lines().count() {
            0 => "no test was skipped".to_owned(),
            count => format!("{count} skipped"),
        }
    );
    Ok(())
}

/// How long each took.
fn steps(skipped: &Path) -> Result<Vec<String>> {
    let mut times = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        interrupt::check()?;
        println!("[{}/{}] {}", index + 1, STEPS.len(), step.name);
        let begin = Instant::now();
        (step.does)(skipped).with_context(|| format!("{} failed", step.name))?;
        let took = seconds(begin.elapsed());
        println!("[{}/{}] {}: ok, {took}", index + 1, STEPS.len(), step.name);
        times.push(format!("{} {took}", step.name));
    }
    Ok(times)
}

fn targets() -> Result<()> {
    for name in TARGETS {
        interrupt::check()?;
        go::target(name, Toolchain::Installed)?;
    }
    Ok(())
}

/// The tests that need these attach probes: without root they are passed over.
fn packages() -> Result<()> {
    if !machine::is_root() {
        return Ok(());
    }
    let needed = [
        ("chromium", "/usr/bin/chromium"),
        ("podman", "/usr/bin/podman"),
        ("runc", "/usr/sbin/runc"),
    ];
    let missing = needed
        .into_iter()
        .filter(|(name, _)| !machine::has_program(name));
    let missing = missing.map(|(name, file)| Package { name, file });
    // Any Python will do that can install packages.
    let pip = Package {
        name: "python3-pip",
        file: "/usr/bin/pip3",
    };
    let pip = (!machine::runs("python3", &["-m", "pip", "--version"])).then_some(pip);
    let missing: Vec<Package> = missing.chain(EMULATOR).chain(pip).collect();
    machine::install(&missing, "the end-to-end tests")
}

fn tests(selection: &[&str], arguments: &[&str], skipped: &Path) -> Result<()> {
    let mut command = command(&[&["test", "--quiet"], selection].concat(), arguments);
    command.env("SLOWMAP_SKIPPED", skipped);
    run::succeed(command)
}

fn succeed(words: &[&str], arguments: &[&str]) -> Result<()> {
    run::succeed(command(words, arguments))
}

/// `cargo …words -- …arguments`
fn command(words: &[&str], arguments: &[&str]) -> Command {
    let mut command = cargo::command();
    command.args(words);
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    command
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
