//! In: slow writes as they come, what is known of the session, and keys. Out: a view of them in the terminal: services, causes,
//! the lines that write, their stacks. It keeps sums, never the writes; it never reads a clock, never asks the kernel,
//! and shows nothing that a target could move the cursor with. Only `screen` touches the terminal, and gives it back
//! however the program ends.

mod callers;
mod draw;
mod screen;
mod statistics;
#[cfg(test)]
mod tests;
mod view;

pub use self::{
    screen::{Input, Screen, ScreenError, is_terminal},
    statistics::{Session, Statistics},
    view::{Key, View, Wish},
};
