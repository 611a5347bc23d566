//! `cargo xtask vm`: slowmap on other kernels, as a table.

use anyhow::{Result, ensure};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use integration::{
    agreement, slowmap,
    vm::{self, Architecture, Capabilities, Kernel, Trial},
};

use crate::{
    dist::{self, Target},
    interrupt,
    machine::{self, Package},
};

/// What boots other kernels.
pub const EMULATOR: [Package; 2] = [
    Package {
        name: "qemu-system-x86",
        file: "/usr/bin/qemu-system-x86_64",
    },
    Package {
        name: "busybox-static",
        file: "/bin/busybox",
    },
];

const EMULATOR_ARM: Package = Package {
    name: "qemu-system-arm",
    file: "/usr/bin/qemu-system-aarch64",
};

/// Tries slowmap on other kernels, booted in emulation
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Debian's kernels, e.g. 6.12
    #[arg(default_values = ["5.10", "6.1", "6.12", "6.18", Kernel::NEWEST])]
    releases: Vec<String>,
    /// Architecture of the machine and of slowmap
    #[arg(long, value_enum, default_value_t = Target::X86_64)]
    target: Target,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    machine::need_go()?;
    machine::install(&EMULATOR, "Emulating a machine")?;
    let (architecture, executable) = match arguments.target {
        Target::X86_64 => (Architecture::Amd64, slowmap::binary()?),
        Target::Aarch64 => {
            machine::install(&[EMULATOR_ARM], "Emulating an arm64 machine")?;
            (
                Architecture::Arm64,
                dist::build(Target::Aarch64, "release")?,
            )
        }
    };
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "Linux",
        "`slowmap check`",
        "capabilities",
        "events",
        "of them slow writes",
        "code as before",
    ]);
    let mut wrong = Vec::new();
    for release in &arguments.releases {
        interrupt::check()?;
        let capabilities = capabilities(release);
        let trial = vm::run(
            &Kernel::new(architecture, release),
            &executable,
            capabilities,
        )?;
        println!("{}: {:?}", trial.release, trial.steps);
        if trial.step("check") == Some(0) && !is_clean(&trial) {
            wrong.push(format!("{}: {}", trial.release, trial.said));
        }
        table.add_row(row(&trial, capabilities));
    }
    println!("\n{table}");
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

/// How the kernel attaches decides what that takes.
fn capabilities(release: &str) -> Capabilities {
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) < (6, 6) => Capabilities::ONE_BY_ONE,
        _ => Capabilities::TOGETHER,
    }
}

fn is_clean(trial: &Trial) -> bool {
    let expected = [
        ("record_with_too_few", 3),
        ("record", 0),
        ("changed_while_recorded", 1),
        ("changed_after", 0),
        ("truth", 0),
    ];
    let as_expected = |(name, code)| trial.step(name) == Some(code);
    expected.into_iter().all(as_expected)
}

fn row(trial: &Trial, capabilities: Capabilities) -> [String; 6] {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let code_as_before = yes(trial.step("changed_after") == Some(0));
    let release = trial.release.clone();
    let Some(recording) = &trial.recording else {
        let said = trial.said.lines().last().unwrap_or_default().to_owned();
        let none = || "-".to_owned();
        return [release, said, none(), none(), none(), code_as_before];
    };
    let agreement = agreement::between(&trial.truth.writes, &recording.events);
    let names = capabilities.enough.split(',').map(|name| {
        let name = name.to_uppercase();
        format!("`CAP_{name}`")
    });
    [
        release,
        "yes".to_owned(),
        names.collect::<Vec<_>>().join(", "),
        recording.events.len().to_string(),
        format!("{:.1} %", agreement.precision() * 100.0),
        code_as_before,
    ]
}
