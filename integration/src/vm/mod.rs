//! Kernels other than the one that is running: Debian's, booted in software emulation with nothing in memory but what a
//! trial of slowmap needs.
//!
//! In: the release of a kernel, e.g. `6.1`. Out: what `slowmap check` and `slowmap record` did there, with the truth of the
//! target that was recorded. It takes no privileges, and leaves nothing but the kernel in the cache.

mod boot;
mod debian;
mod files;
mod trial;

pub use debian::Kernel;
pub use trial::{Capabilities, Trial, run};
