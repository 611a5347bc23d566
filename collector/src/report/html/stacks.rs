//! The stacks of a recording, and how much was lost in each: what the page draws its flame graph from.

use std::collections::HashMap;

use serde::Serialize;

use super::names::Names;
use crate::model::{
    frame::Frame,
    recorded::{RecordedWrite, Stack},
};

/// Function, file, line.
pub type Place = (Option<u32>, Option<u32>, Option<u32>);

#[derive(Debug, Default, Serialize)]
pub struct Stacks {
    frames: Vec<Place>,
    /// By the stack's number.
    stacks: Vec<StackTotals>,
    #[serde(skip)]
    numbers: HashMap<Place, u32>,
}

#[derive(Debug, Default, Serialize)]
struct StackTotals {
    /// Leaf first.
    frames: Vec<u32>,
    /// Which of them writes to the map.
    caller: Option<usize>,
    count: u64,
    nano: u64,
}

impl Stacks {
    pub fn add(&mut self, write: &RecordedWrite, names: &mut Names) {
        let number = write.stack.number;
        // They are numbered as they appear.
        while self.stacks.len() <= number {
            let totals = self.totals(&write.stack, names);
            self.stacks.push(totals);
        }
        let totals = &mut self.stacks[number];
        totals.count += 1;
        totals.nano = totals.nano.saturating_add(write.duration_nano);
    }

    fn totals(&mut self, stack: &Stack, names: &mut Names) -> StackTotals {
        let frames = stack.frames.iter();
        StackTotals {
            frames: frames.map(|frame| self.frame(frame, names)).collect(),
            caller: stack.caller_index(),
            ..StackTotals::default()
        }
    }

    fn frame(&mut self, frame: &Frame, names: &mut Names) -> u32 {
        let key = (
            names.number(frame.function.as_deref()),
            names.number(frame.file.as_deref()),
            frame.line,
        );
        *self.numbers.entry(key).or_insert_with(|| {
            self.frames.push(key);
            u32::try_from(self.frames.len() - 1).unwrap_or(u32::MAX)
        })
    }
}
