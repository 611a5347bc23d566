//! `discover` against real processes.

mod scan;
mod target;
mod watch;
