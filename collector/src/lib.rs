//! slowmap finds slow Go map writes, explains them, and puts them into the trace of the request that they
//! slowed down. The stages are modules; `pipeline` alone knows how they are joined (ARCHITECTURE.md).

pub mod assemble;
pub mod attach;
pub mod attribute;
pub mod check;
pub mod cli;
pub mod config;
pub mod correlate;
pub mod discover;
pub mod examine;
pub mod export;
pub mod failure;
pub mod golang;
pub mod inspect;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod receive;
pub mod report;
pub mod symbolize;
