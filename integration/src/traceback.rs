//! Stacks, as slowmap and as Go's own traceback show them.

use crate::recording::Frame;

/// The frame of the function that writes, and its callers up to where goroutines begin.
pub fn from_writer<'a>(stack: &'a [Frame], function: &str) -> Option<(&'a Frame, Vec<&'a Frame>)> {
    let at = stack
        .iter()
        .position(|frame| frame.function.as_deref() == Some(function))?;
    let (writer, callers) = stack.get(at..)?.split_first()?;
    let begins = |frame: &Frame| frame.function.as_deref() == Some("runtime.goexit");
    let callers = callers.iter().filter(|frame| !begins(frame));
    Some((writer, callers.collect()))
}

/// On one line, for messages.
pub fn shown(stack: &[Frame]) -> String {
    let frames = stack.iter().map(|frame| {
        let file = frame.file.as_deref().unwrap_or_default();
        let file = file.rsplit('/').next().unwrap_or_default();
        let function = frame.function.as_deref().unwrap_or("?");
        format!("{function} {file}:{}", frame.line.unwrap_or_default())
    });
    frames.collect::<Vec<_>>().join(" < ")
}
