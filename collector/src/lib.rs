//! slowmap finds slow Go map writes, explains them, and puts them into the trace of the request that they
//! slowed down. The stages are modules; `pipeline` alone knows how they are joined (ARCHITECTURE.md).

pub mod advise;
pub mod alert;
pub mod assemble;
pub mod attach;
pub mod attribute;
pub mod check;
pub mod cli;
pub mod config;
pub mod correlate;
pub mod cut_short;
pub mod discover;
pub mod distribution;
pub mod examine;
pub mod explain;
pub mod export;
pub mod failure;
pub mod golang;
pub mod governor;
pub mod inspect;
pub mod kubernetes;
pub mod live;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod query;
pub mod receive;
pub mod report;
pub mod symbolize;
