//! Executables for arm64, which need no such machine to be built and looked into.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use integration::{
    go::{Build, Toolchain},
    program::{Program, succeed},
    slowmap::{self, PATIENCE},
};
use serde::Deserialize;

/// Each format of the function table, and both kinds of maps, the oldest and the newest of each.
const RELEASES: [&str; 5] = [
    "go1.18.10",
    "go1.20.14",
    "go1.23.12",
    "go1.24.13",
    "go1.27.4",
];
/// What the kernel simulates, beside the branches that begin with B.
const CHEAP: [&str; 10] = [
    "RET", "JMP", "CALL", "CBZ", "CBNZ", "CBZW", "CBNZW", "TBZ", "TBNZ", "ADRP",
];
const STRIPPED: [&str; 1] = ["-ldflags=-s -w"];

#[derive(Debug, Deserialize)]
struct Inspection {
    architecture: String,
    skipped: Option<String>,
    probes: Vec<Probe>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Probe {
    role: String,
    function: String,
    address: String,
    cost: String,
}

fn build(release: &'static str, flags: &[&str]) -> Result<std::path::PathBuf> {
    let build = Build {
        toolchain: Toolchain::Release(release),
        flags,
        environment: &[("GOARCH", "arm64")],
    };
    build.target("matrix")
}

fn inspect(executable: &Path) -> Result<Inspection> {
    let mut command = slowmap::command(["inspect", "--format", "json"])?;
    command.arg(executable);
    let ended = Program::run(command, PATIENCE)?;
    ensure!(ended.code() == Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).context("the inspection")
}

/// Go's own disassembler: the mnemonic at each address of the runtime.
fn disassembled(release: &'static str, executable: &Path) -> Result<BTreeMap<u64, String>> {
    let mut objdump: Command = Toolchain::Release(release).command();
    objdump.args([
        "tool",
        "objdump",
        "-s",
        r"^(runtime|internal/runtime/maps)\.",
    ]);
    objdump.arg(executable);
    let text = String::from_utf8(succeed(&mut objdump)?)?;
    let instructions = text.lines().filter_map(|line| {
        // `  map.go:10  0x11234  d65f03c0  RET`
        let mut words = line
            .split_whitespace()
            .skip_while(|word| !word.starts_with("0x"));
        let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        Some((address, words.nth(1)?.to_owned()))
    });
    Ok(instructions.collect())
}

#[test]
fn probes_on_arm64_are_where_go_checked_its_stack_and_where_it_returns_in_each_release()
-> Result<()> {
    for release in RELEASES {
        let executable = build(release, &[])?;
        let inspection = inspect(&executable)?;
        assert_eq!(inspection.architecture, "arm64");
        assert_eq!(inspection.skipped, None, "{release}");
        let code = disassembled(release, &executable)?;
        for probe in &inspection.probes {
            let address = u64::from_str_radix(probe.address.trim_start_matches("0x"), 16)?;
            let mnemonic = code
                .get(&address)
                .with_context(|| format!("{release}: {probe:?}"))?;
            if !probe.role.ends_with("_exit") && probe.role != "fatal" {
                assert_eq!(mnemonic, "BLS", "{release}: {probe:?}");
            }
            let is_cheap = mnemonic.starts_with('B') || CHEAP.contains(&mnemonic.as_str());
            println!(
                "{release} {:14} {:50} {mnemonic}",
                probe.role, probe.function
            );
            assert_eq!(
                probe.cost == "emulated",
                is_cheap,
                "{release}: {mnemonic} {probe:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_stripped_executable_for_arm64_is_probed_where_the_other_is() -> Result<()> {
    for release in RELEASES {
        let (named, stripped) = (
            inspect(&build(release, &[])?)?,
            inspect(&build(release, &STRIPPED)?)?,
        );
        assert!(!named.probes.is_empty());
        assert_eq!(named.probes, stripped.probes, "{release}");
    }
    Ok(())
}
