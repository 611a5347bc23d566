//! The values that pass from stage to stage: plain data, no I/O, no other stage's types.
//!
//! GoProcess -> GoBinary -> ProbePlan -> Event -> SlowWrite -> AttributedWrite ->
//! SymbolizedWrite -> CorrelatedWrite -> exporters.

pub mod advice;
pub mod binary;
pub mod cause;
pub mod collision;
pub mod frame;
pub mod histogram;
pub mod latency;
pub mod layout;
pub mod plan;
pub mod process;
pub mod recorded;
pub mod series;
pub mod summary;
pub mod text;
pub mod time;
pub mod trace;
pub mod units;
pub mod write;
pub mod writes;
