//! `report.html`: the recording as a page, one file that needs nothing beside it and no network. Style and scripts are
//! files of their own, below; what the page shows is in it as JSON.

mod data;
mod names;
mod page;
mod rows;
mod stacks;
mod totals;

pub use self::page::{Page, TraceUrl};
