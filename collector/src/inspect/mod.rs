//! (in progress)

pub mod placement;
