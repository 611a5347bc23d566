//! `cargo xtask ebpf`: the BPF objects that the collector embeds, one for each architecture, from their source. They are
//! committed, so that nobody needs a BPF compiler to build slowmap; beside them stand the hash of the source that they were
//! built from and the tools that built them.

mod object;
pub mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use integration::sources;

use object::Architecture;
use toolchain::Toolchain;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing; fail where the committed object was not built from the committed source
    #[arg(long)]
    check: bool,
}

/// What is committed in `ebpf/prebuilt`.
struct Prebuilt {
    directory: PathBuf,
    /// Hash of the source that they were built from.
    source: PathBuf,
    /// What built them, in words.
    toolchain: PathBuf,
}

impl Prebuilt {
    fn of(repository: &Path) -> Self {
        let directory = repository.join("ebpf/prebuilt");
        Self {
            source: directory.join("SOURCE_SHA256"),
            toolchain: directory.join("TOOLCHAIN"),
            directory,
        }
    }

    fn object(&self, architecture: Architecture) -> PathBuf {
        let name = format!("slowmap.{}.bpf.o", architecture.name());
        self.directory.join(name)
    }
}

/// What the objects are made of, from the root of the repository.
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
    let description = toolchain.description()?;
    for architecture in Architecture::ALL {
        let object = object::build(&repository, &toolchain, architecture)?;
        let path = prebuilt.object(architecture);
        if arguments.check {
            object_is(&prebuilt, &path, &object, &description)?;
        } else {
            write(&path, &object)?;
            println!("{}: {} bytes", path.display(), object.len());
        }
    }
    if !arguments.check {
        write(&prebuilt.source, format!("{source}\n").as_bytes())?;
        write(&prebuilt.toolchain, format!("{description}\n").as_bytes())?;
    }
    Ok(())
}

fn source_hash(repository: &Path) -> Result<String> {
    let parts = SOURCE.map(|part| repository.join(part));
    sources::hash(repository, &parts.each_ref().map(PathBuf::as_path))
}

fn source_is(prebuilt: &Prebuilt, source: &str) -> Result<()> {
    let committed = read(&prebuilt.source)?;
    if committed.trim() != source {
        bail!(
            "what is in ebpf/prebuilt was built from other source ({} is committed, the source is {source}); run: cargo xtask ebpf",
            committed.trim()
        );
    }
    Ok(())
}

/// The same tools make the same bytes from the same source, wherever they stand. Other tools need not.
fn object_is(prebuilt: &Prebuilt, path: &Path, object: &[u8], toolchain: &str) -> Result<()> {
    let by = read(&prebuilt.toolchain)?;
    if by.trim() != toolchain {
        println!(
            "{} is built from the committed source; its bytes were not compared, for they were made by {}, and here is {toolchain}",
            path.display(),
            by.trim()
        );
        return Ok(());
    }
    let committed = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    if committed != object {
        bail!(
            "{} ({} bytes) is not what its source gives ({} bytes); run: cargo xtask ebpf",
            path.display(),
            committed.len(),
            object.len()
        );
    }
    println!(
        "{} is, byte for byte, what its source gives ({} bytes)",
        path.display(),
        object.len()
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().context("it has a directory")?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
