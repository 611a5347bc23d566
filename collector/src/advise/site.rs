//! Where in the code maps of a type are written to.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::model::{
    frame::Frame,
    recorded::{RecordedWrite, Stack},
};

/// Of two stacks it can be the same one.
#[derive(Debug, Clone)]
pub struct Site {
    stack: Arc<Stack>,
    /// Which frame of it.
    frame: usize,
    map_type: Option<Arc<str>>,
}

impl Site {
    /// The line that writes; `None`: it is not known.
    pub fn of(write: &RecordedWrite) -> Option<Self> {
        Some(Self {
            stack: write.stack.clone(),
            frame: write.stack.caller_index()?,
            map_type: write.map_type.clone(),
        })
    }

    /// The first line outside of what writes in its name; `is_inside`: by the function's name.
    pub fn outside(write: &RecordedWrite, is_inside: impl Fn(&str) -> bool) -> Option<Self> {
        let mut callers = write.stack.callers().iter();
        let outside = |frame: &Frame| !frame.function.as_deref().is_some_and(&is_inside);
        let further = callers.position(outside)?;
        Some(Self {
            stack: write.stack.clone(),
            frame: write.stack.caller_index()? + further,
            map_type: None,
        })
    }

    fn frame(&self) -> Option<&Frame> {
        self.stack.frames.get(self.frame)
    }

    /// Function, file, line.
    fn place(&self) -> (Option<&str>, Option<&str>, Option<u32>) {
        let frame = self.frame();
        let function = frame.and_then(|frame| frame.function.as_deref());
        let file = frame.and_then(|frame| frame.file.as_deref());
        (function, file, frame.and_then(|frame| frame.line))
    }

    /// In Go syntax.
    pub fn map_type(&self) -> &str {
        self.map_type.as_deref().unwrap_or("map[K]V")
    }

    pub fn text(&self) -> String {
        let frame = self.frame();
        frame.map_or_else(|| "(not known)".to_owned(), Frame::text)
    }
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        let same_frame = Arc::ptr_eq(&self.stack, &other.stack) && self.frame == other.frame;
        self.map_type == other.map_type && (same_frame || self.place() == other.place())
    }
}

impl Eq for Site {}

impl Hash for Site {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Texts are long, and lines differ as a rule: to hash texts for each write would take longer than the rest.
        let (function, _, line) = self.place();
        let lengths = [function, self.map_type.as_deref()].map(|text| text.map(str::len));
        (line, lengths).hash(state);
    }
}
