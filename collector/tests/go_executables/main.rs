//! What slowmap reads from real Go executables, against Go's own tools, DWARF, and the programs' own account of
//! themselves. `SLOWMAP_TEST_GO=go1.18.10,go1.27.4` runs them with other releases.

mod bombs;
mod build;
mod declines;
mod inspect;
mod mutations;
mod processes;
mod symbolize;
mod types;
