//! slowmap on another kernel: can it run there, does it find slow writes, is nothing left of it?

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Architecture, Kernel, boot::boot, files::Files};
use crate::{
    cache,
    debian::Apt,
    go::{Build, Toolchain},
    recording::{self, Recording},
    truth,
};

/// How many pages of the target's code are compared: the runtime's map code is in the first megabyte.
const CODE_PAGES: u64 = 256;

/// The second serial line.
fn results(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "/dev/ttyS1",
        Architecture::Arm64 => "/dev/ttyS0",
    }
}

/// Where Go's linker puts an executable that is not position-independent, in pages.
fn code_page(architecture: Architecture) -> u64 {
    match architecture {
        Architecture::Amd64 => 0x40_0000 / 4096,
        Architecture::Arm64 => 0x1_0000 / 4096,
    }
}

const PROGRAMS: [&str; 14] = [
    "cmp", "dd", "echo", "grep", "mkdir", "mount", "poweroff", "rm", "seq", "sh", "sleep", "stty",
    "tar", "uname",
];

/// What slowmap gets, and what it gets when it has to say what is missing.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    pub enough: &'static str,
    pub too_few: &'static str,
}

impl Capabilities {
    /// As docs/install.md has it, from Linux 6.6 on.
    pub const TOGETHER: Self = Self {
        enough: "bpf,perfmon,sys_ptrace",
        too_few: "bpf,sys_ptrace",
    };
    /// Before.
    pub const ONE_BY_ONE: Self = Self {
        enough: "sys_admin,sys_ptrace",
        too_few: "bpf,perfmon,sys_ptrace",
    };
}

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    /// As the kernel names itself.
    pub release: String,
    /// The answer of `slowmap check`.
    pub check: Value,
    /// Exit codes, and whether the target's code was another than in its file (1) or not (0), by step.
    pub steps: BTreeMap<String, i32>,
    /// What `record` said with too few capabilities, and with enough.
    pub refusal: String,
    pub said: String,
    /// `None`: it did not get as far as that.
    pub recording: Option<Recording>,
    pub truth: truth::Truth,
}

impl Trial {
    /// By the name in `guest.sh`.
    pub fn step(&self, name: &str) -> Option<i32> {
        self.steps.get(name).copied()
    }
}

/// Boots that kernel and tries slowmap, an executable for that architecture, with those capabilities.
///
/// # Errors
/// The kernel cannot be had, or the machine did not come to its end. What slowmap did wrong is no error here.
pub fn run(kernel: &Kernel, slowmap: &Path, capabilities: Capabilities) -> Result<Trial> {
    let scratch = tempfile::tempdir()?;
    let archive = scratch.path().join("files");
    files(kernel.architecture, slowmap, capabilities)?.write(&archive)?;
    let results = scratch.path().join("results");
    let console = boot(kernel, &archive, &results)?;
    read(&results).with_context(|| format!("the machine said: {console}"))
}

fn files(architecture: Architecture, slowmap: &Path, capabilities: Capabilities) -> Result<Files> {
    let mut files = Files::default();
    for directory in ["dev", "proc", "sys", "tmp"] {
        files.directory(directory);
    }
    files.program("busybox", &busybox(architecture)?)?;
    for name in PROGRAMS {
        files.link(&format!("bin/{name}"), "busybox");
    }
    files.program("slowmap", slowmap)?;
    let build = Build {
        toolchain: Toolchain::Installed,
        flags: &[],
        environment: &[("GOARCH", architecture.name())],
    };
    for target in ["capabilities", "truth"] {
        files.program(target, &build.target(target)?)?;
    }
    let Capabilities { enough, too_few } = capabilities;
    let (code_page, results) = (code_page(architecture), results(architecture));
    let parameters = format!(
        "#!/bin/sh\nexport CODE_PAGE={code_page} CODE_PAGES={CODE_PAGES} ENOUGH={enough} TOO_FEW={too_few} RESULTS={results}\n\
         exec /bin/sh /guest.sh\n"
    );
    files.executable("init", parameters.into_bytes());
    files.executable("guest.sh", include_bytes!("guest.sh").to_vec());
    Ok(files)
}

/// Of Debian, statically linked: this machine's, or that of another architecture, downloaded once.
fn busybox(architecture: Architecture) -> Result<PathBuf> {
    if architecture == Architecture::Amd64 {
        return Ok(PathBuf::from("/bin/busybox"));
    }
    let name = format!("tools/busybox-{architecture}");
    cache::file(Path::new(&name), |to| {
        let apt = Apt::new(&["bookworm"], architecture.name())?;
        let found = apt.file("busybox-static", |path| path.ends_with("bin/busybox"))?;
        fs::copy(found, to)?;
        Ok(())
    })
}

fn read(results: &Path) -> Result<Trial> {
    let text =
        |name: &str| fs::read_to_string(results.join(name)).with_context(|| format!("read {name}"));
    let step = |line: &str| {
        let (name, code) = line.split_once(' ')?;
        Some((name.to_owned(), code.parse().ok()?))
    };
    let recording = results.join("recording");
    let recording = recording.exists().then(|| recording::read(&recording));
    Ok(Trial {
        release: text("release")?.trim_end().to_owned(),
        check: serde_json::from_str(&text("check.json")?)?,
        steps: text("steps")?.lines().filter_map(step).collect(),
        refusal: text("refused.err")?,
        said: text("record.err")?,
        recording: recording.transpose()?,
        truth: truth::of(&text("truth.out")?, &results.join("truth.jsonl"))?,
    })
}
