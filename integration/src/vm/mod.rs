//! Kernels other than the one that is running: Debian's, booted in software emulation with nothing in memory but what a
//! trial of slowmap needs.
//!
//! In: the release of a kernel, e.g. `6.1`. Out: what `slowmap check` and `slowmap record` did there, with the truth of the
//! target that was recorded. It takes no privileges, and leaves nothing but the kernel in the cache.

mod boot;
mod debian;
mod files;
mod trial;

use std::fmt;

pub use debian::Kernel;
pub use trial::{Capabilities, Trial, run};

/// Of a virtual machine, named as Go and Debian do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
