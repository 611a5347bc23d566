//! Why there is no series. Each message is one line that says what to do next.

use crate::model::text::{printable, with_causes};

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{server} does not answer: {error}; is it up, and is --prometheus right?")]
    Unanswered { server: String, error: String },
    #[error("Prometheus refuses the query: {error}; correct --query")]
    Refused { error: String },
    #[error(
        "{server} answers with status {status}{error}; see its log, or look whether --prometheus is right"
    )]
    Status {
        server: String,
        status: u16,
        error: String,
    },
    #[error(
        "{server} does not answer as Prometheus' HTTP API does: {error}; --prometheus has to be the address to which \
         /api/v1 is appended"
    )]
    NotPrometheus { server: String, error: String },
    #[error("the answer of {server} is longer than {} MiB; choose a longer --step, or a query of fewer series", limit >> 20)]
    TooLong { server: String, limit: usize },
    #[error("the query's answer is {0}, not series over time; correct --query")]
    NoMatrix(String),
    #[error("no HTTP client can be made: {0}")]
    Client(String),
    #[error("{path} cannot be read: {error}; is --csv right?")]
    Unreadable { path: String, error: String },
    #[error("{path}, line {line}: {problem}")]
    Line {
        path: String,
        line: usize,
        problem: String,
    },
}

/// What goes wrong below, innermost reason last, on one line.
pub(super) fn reasons(error: &dyn std::error::Error) -> String {
    printable(&with_causes(error)).into_owned()
}
