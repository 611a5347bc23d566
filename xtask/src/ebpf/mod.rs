//! `cargo xtask ebpf`: the BPF object that the collector embeds, from its source. It is committed, so that
//! nobody needs a BPF compiler to build slowmap; beside it stand the hash of the source that it was built from
//! and the tools that built it.

mod object;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use integration::sources;

use toolchain::Toolchain;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing; fail where the committed object was not built from the committed source
    #[arg(long)]
    check: bool,
}

/// What is committed in `ebpf/prebuilt`.
struct Prebuilt {
    object: PathBuf,
    /// Hash of the source that it was built from.
    source: PathBuf,
    /// What built it, in words.
    toolchain: PathBuf,
}

impl Prebuilt {
    fn of(repository: &Path) -> Self {
        let directory = repository.join("ebpf/prebuilt");
        Self {
            object: directory.join("slowmap.bpf.o"),
            source: directory.join("SOURCE_SHA256"),
            toolchain: directory.join("TOOLCHAIN"),
        }
    }
}

/// What the object is made of, from the root of the repository.
const SOURCE: [&str; 5] = [
    "ebpf/abi/Cargo.toml",
    "ebpf/abi/src",
    "ebpf/programs/Cargo.lock",
    "ebpf/programs/Cargo.toml",
    "ebpf/programs/src",
];

/// `cargo xtask ebpf --check`
pub fn check() -> Result<()> {
    run(&Arguments { check: true })
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let repository = sources::repository();
    let prebuilt = Prebuilt::of(&repository);
    let source = source_hash(&repository)?;
    if arguments.check {
        source_is(&prebuilt, &source)?;
    }
    let toolchain = Toolchain::ready()?;
    let object = object::build(&repository, &toolchain)?;
    if arguments.check {
        object_is(&prebuilt, &object, &toolchain.description()?)
    } else {
        write(&prebuilt, &object, &source, &toolchain.description()?)
    }
}

fn source_hash(repository: &Path) -> Result<String> {
    let parts = SOURCE.map(|part| repository.join(part));
    sources::hash(repository, &parts.each_ref().map(PathBuf::as_path))
}

fn source_is(prebuilt: &Prebuilt, source: &str) -> Result<()> {
    let committed = read(&prebuilt.source)?;
    if committed.trim() != source {
        bail!(
            "ebpf/prebuilt/slowmap.bpf.o was built from other source ({} is committed, the source is {source}); run: cargo xtask ebpf",
            committed.trim()
        );
    }
    Ok(())
}

/// The same tools make the same bytes from the same source, wherever they stand. Other tools need not.
fn object_is(prebuilt: &Prebuilt, object: &[u8], toolchain: &str) -> Result<()> {
    let by = read(&prebuilt.toolchain)?;
    if by.trim() != toolchain {
        println!(
            "built from the committed source; its bytes were not compared, for they were made by {}, and here is {toolchain}",
            by.trim()
        );
        return Ok(());
    }
    let committed = std::fs::read(&prebuilt.object)
        .with_context(|| format!("read {}", prebuilt.object.display()))?;
    if committed != object {
        bail!(
            "ebpf/prebuilt/slowmap.bpf.o ({} bytes) is not what its source gives ({} bytes); run: cargo xtask ebpf",
            committed.len(),
            object.len()
        );
    }
    println!(
        "ebpf/prebuilt/slowmap.bpf.o is, byte for byte, what its source gives ({} bytes)",
        object.len()
    );
    Ok(())
}

fn write(prebuilt: &Prebuilt, object: &[u8], source: &str, toolchain: &str) -> Result<()> {
    let directory = prebuilt.object.parent().context("it has a directory")?;
    std::fs::create_dir_all(directory)?;
    for (path, bytes) in [
        (&prebuilt.object, object),
        (&prebuilt.source, format!("{source}\n").as_bytes()),
        (&prebuilt.toolchain, format!("{toolchain}\n").as_bytes()),
    ] {
        std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    println!("ebpf/prebuilt/slowmap.bpf.o: {} bytes", object.len());
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
