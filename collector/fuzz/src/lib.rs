//! The readers of what a target's executable says, as slowmap has them, compiled for fuzzing without the rest of it.

#[path = "../../src/golang/mod.rs"]
pub mod golang;
#[path = "../../src/inspect/mod.rs"]
pub mod inspect;
pub mod memory;
pub mod model;
pub mod seeds;

use golang::{layout::Layout, version};

/// The layout of one of the releases that slowmap knows.
pub fn layout(number: u8) -> &'static Layout {
    let releases: Vec<&str> = Layout::releases().collect();
    let release = releases[usize::from(number) % releases.len()];
    let version = version::parse(&format!("go{release}")).expect("a release");
    Layout::of(&version).expect("a release that is known")
}

/// Which number a release has in [`layout`].
pub fn number_of(layout: &Layout) -> u8 {
    let count = Layout::releases().count() as u8;
    let same = |number: &u8| crate::layout(*number) == layout;
    (0..count).find(same).expect("a layout that is known")
}
