//! In: the address of a Prometheus, an expression, a span of time; or a file. Out: the series that it has for it, how its clock
//! stands to this machine's, how often it scrapes, and how far back a sample looks. It asks by Prometheus' HTTP API, which
//! others speak too. It never interprets a series, and trusts nothing that the server or the file says: answers are limited in
//! size and time, and text in them is made safe to show.

mod answer;
mod client;
mod error;
mod file;
mod lookback;

pub use self::{
    client::{ClockSkew, Prometheus, ServerUrl, Span},
    error::QueryError,
    file::read,
    lookback::lookback,
};
