//! `stacks.folded`: a line for each distinct stack, outermost call first, and the nanoseconds lost there; what all flame
//! graph tools read.

use std::{collections::BTreeMap, io::Write, path::Path, sync::Arc};

use crate::{
    model::{
        frame::Frame,
        recorded::{RecordedWrite, Stack},
    },
    report::{error::ReportError, output::Output},
};

/// Nanoseconds by stack.
#[derive(Debug, Default)]
pub struct FoldedStacks {
    nanos: BTreeMap<usize, (Arc<Stack>, u64)>,
}

impl FoldedStacks {
    pub fn add(&mut self, write: &RecordedWrite) {
        let (_, nanos) = self
            .nanos
            .entry(write.stack.number)
            .or_insert_with(|| (write.stack.clone(), 0));
        *nanos = nanos.saturating_add(write.duration_nano);
    }

    /// Stacks that differ in lines and addresses only are one here.
    pub fn lines(&self) -> Vec<String> {
        let mut merged: BTreeMap<String, u64> = BTreeMap::new();
        for (stack, nanos) in self.nanos.values() {
            let sum = merged.entry(fold(&stack.frames)).or_default();
            *sum = sum.saturating_add(*nanos);
        }
        merged
            .into_iter()
            .map(|(stack, nanos)| format!("{stack} {nanos}"))
            .collect()
    }
}

pub fn write_folded(directory: &Path, lines: &[String]) -> Result<(), ReportError> {
    let mut output = Output::create(directory, "stacks.folded")?;
    for line in lines {
        writeln!(output, "{line}").map_err(|source| output.failed(source))?;
    }
    output.finish()
}

fn fold(frames: &[Frame]) -> String {
    if frames.is_empty() {
        return "[no stack]".into();
    }
    let names: Vec<String> = frames.iter().rev().map(name).collect();
    names.join(";")
}

/// Without what the format takes for its own.
fn name(frame: &Frame) -> String {
    match &frame.function {
        Some(function) => function.replace(';', ":").replace(char::is_control, " "),
        None => format!("{:#x}", frame.address.0),
    }
}
