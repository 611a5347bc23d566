//! In: what a recording amounts to. Out: text for a person. Shows nothing that was not measured.

pub mod terminal;
