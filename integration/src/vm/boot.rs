//! A virtual machine from its start to its end.

use std::{fs::File, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{Architecture, Kernel};
use crate::program::Program;

/// Emulated in software, on a busy machine: a trial takes some 25 s on an idle one.
const PATIENCE: Duration = Duration::from_secs(400);

/// Boots a kernel with a file system, until it switches itself off. What it wrote to its second serial line is unpacked
/// into `results`. Returns what it said on its console.
///
/// # Errors
/// It did not end by itself, or what it wrote is no archive.
pub fn boot(kernel: &Kernel, files: &Path, results: &Path) -> Result<String> {
    let archive = tempfile::NamedTempFile::new()?;
    let mut qemu = machine(kernel.architecture);
    // Two processors, so that a write can lose one; both on one thread, or one can go on translating an instruction that
    // the other is just replacing, and the kernel dies of a breakpoint that it had taken out long before (of a tracepoint
    // switched on and off, within a hundred times). `panic=-1`: a kernel that gives up ends the machine.
    qemu.args(["-accel", "tcg,thread=single", "-smp", "2", "-m", "1G"])
        .args(["-nodefaults", "-no-reboot", "-display", "none"])
        .args(["-serial", "stdio", "-chardev"])
        .arg(format!("file,id=results,path={}", archive.path().display()));
    qemu.arg("-kernel").arg(kernel.image()?);
    qemu.arg("-initrd").arg(files);
    let ended = Program::run(qemu, PATIENCE)?;
    ensure!(ended.status.success(), "qemu: {}", ended.stderr);
    let unpack = || tar::Archive::new(File::open(archive.path())?).unpack(results);
    unpack().with_context(|| format!("the machine left no results: {}", ended.stdout))?;
    Ok(ended.stdout)
}

fn machine(architecture: Architecture) -> Command {
    match architecture {
        Architecture::Amd64 => {
            let mut qemu = Command::new("qemu-system-x86_64");
            qemu.args(["-machine", "q35", "-cpu", "max"])
                .args(["-device", "isa-serial,chardev=results,index=1"])
                .args(["-append", "console=ttyS0 quiet panic=-1 tsc=unstable"]);
            qemu
        }
        Architecture::Arm64 => {
            let mut qemu = Command::new("qemu-system-aarch64");
            // The board has one serial line.
            qemu.args(["-machine", "virt", "-cpu", "cortex-a72"])
                .args(["-device", "pci-serial,chardev=results"])
                .args(["-append", "console=ttyAMA0 quiet panic=-1"]);
            qemu
        }
    }
}
