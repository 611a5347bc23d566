//! A row for each slow write, in the forms that spreadsheets and query engines read.

mod columns;
mod comma;
mod parquet;

pub use self::{comma::CallsCsv, parquet::CallsParquet};
