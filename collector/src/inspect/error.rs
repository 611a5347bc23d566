//! Why a file is not one that slowmap can look into.

use std::{io, path::PathBuf};

/// Each message reads as the reason why an executable was passed over.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("not an ELF file")]
    NotElf,
    #[error("an ELF file, but not an executable (type {elf_type})")]
    NotExecutable { elf_type: u16 },
    #[error("built for {machine}; slowmap reads 64-bit executables for amd64 and arm64")]
    WrongArchitecture { machine: String },
    #[error("truncated: its headers describe {described} bytes, the file has {present}")]
    Truncated { described: u64, present: u64 },
    #[error("packed with UPX, which hides the program until it runs; unpack it with `upx -d`")]
    UpxPacked,
    #[error("not built by Go: it has no Go build information")]
    NotGo,
    #[error("built with -buildmode={mode}; slowmap looks into executables only")]
    UnsupportedBuildMode { mode: String },
    #[error("Go version {raw:?} is not a release")]
    NotARelease { raw: String },
    #[error("Go {major}.{minor} is not in the tables (the executable says {raw:?})")]
    UnknownGoVersion { major: u32, minor: u32, raw: String },
    #[error("damaged or unusual: {what} was not found where Go {go_version} puts it")]
    Malformed {
        what: &'static str,
        go_version: String,
    },
    #[error("its Go code is linked in {sections} separate parts; slowmap reads one")]
    SplitText { sections: u64 },
    #[error("pid {pid}: no mapping of {} found in /proc/{pid}/maps", path.display())]
    NotMapped { pid: u32, path: PathBuf },
}
