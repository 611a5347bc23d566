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
    #[error(
        "not built by Go itself, but it has loaded {}, which was; slowmap looks into executables only",
        library.display()
    )]
    GoLibrary { library: PathBuf },
    #[error("built with -buildmode={mode}; slowmap looks into executables only")]
    UnsupportedBuildMode { mode: String },
    #[error(
        "its Go release is hidden (the executable says {raw:?}), as garble does; built without it, it can be looked into"
    )]
    Obfuscated { raw: String },
    #[error("Go version {raw:?} is not a release")]
    NotARelease { raw: String },
    #[error(
        "go{major}.{minor}: not verified, {} (the executable says {raw:?}); --assume-go takes it for a release that is",
        if *.dwarf { "and its DWARF does not say enough" } else { "no DWARF" }
    )]
    UnknownGoVersion {
        major: u32,
        minor: u32,
        raw: String,
        dwarf: bool,
    },
    #[error("damaged or unusual: {what} was not found where Go {go_version} puts it")]
    Malformed {
        what: &'static str,
        go_version: String,
    },
    #[error("larger than slowmap looks into: {size} bytes, of at most {most}")]
    TooLarge { size: u64, most: u64 },
    #[error(
        "given up after {seconds} s of looking into it: it is damaged, or made so that this has no end"
    )]
    Endless { seconds: u64 },
    #[error("written to while it was looked into")]
    Changed,
    #[error("its Go code is linked in {sections} separate parts; slowmap reads one")]
    SplitText { sections: u64 },
    #[error("pid {pid}: no mapping of {} found in /proc/{pid}/maps", path.display())]
    NotMapped { pid: u32, path: PathBuf },
}

impl InspectError {
    /// One word for it, in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Changed | Self::NotMapped { .. } => "unreadable",
            Self::NotElf | Self::NotGo => "not_go",
            Self::UnknownGoVersion { .. } | Self::NotARelease { .. } | Self::Obfuscated { .. } => {
                "unknown_go_version"
            }
            Self::WrongArchitecture { .. } => "wrong_architecture",
            Self::NotExecutable { .. }
            | Self::Truncated { .. }
            | Self::UpxPacked
            | Self::GoLibrary { .. }
            | Self::UnsupportedBuildMode { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::SplitText { .. } => "unusual_binary",
        }
    }
}
