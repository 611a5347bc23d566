//! `slowmap report`: what is made of a recording.

mod compare;
mod files;
mod input;
mod merge;
#[path = "../export/sample.rs"]
#[allow(dead_code, reason = "it serves the tests of export too")]
mod sample;
mod schema;
mod since_start;
mod source;
