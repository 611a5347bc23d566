//! Where in the code the slow writes are, as profiles.

mod flamegraph;
mod folded;
mod messages;
mod pprof;
mod strings;

pub use self::{
    flamegraph::write_flamegraph,
    folded::{FoldedStacks, write_folded},
    pprof::ProfilePprof,
};
