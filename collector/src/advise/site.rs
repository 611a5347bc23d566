//! Where in the code maps of a type are written to.

use std::sync::Arc;

use crate::model::{frame::Frame, recorded::RecordedWrite};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Site {
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    map_type: Option<Arc<str>>,
}

impl Site {
    /// The line that writes; `None`: it is not known.
    pub fn of(write: &RecordedWrite) -> Option<Self> {
        let caller = write.stack.caller()?;
        Some(Self::at(caller, write.map_type.clone()))
    }

    /// The first line outside of what writes in its name; `is_inside`: by the function's name.
    pub fn outside(write: &RecordedWrite, is_inside: impl Fn(&str) -> bool) -> Option<Self> {
        let mut callers = write.stack.callers().iter();
        let frame = callers.find(|frame| !frame.function.as_deref().is_some_and(&is_inside))?;
        Some(Self::at(frame, None))
    }

    fn at(frame: &Frame, map_type: Option<Arc<str>>) -> Self {
        Self {
            function: frame.function.clone(),
            file: frame.file.clone(),
            line: frame.line,
            map_type,
        }
    }

    /// In Go syntax.
    pub fn map_type(&self) -> &str {
        self.map_type.as_deref().unwrap_or("map[K]V")
    }

    pub fn text(&self) -> String {
        let function = self.function.as_deref().unwrap_or("(not known)");
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{function} {file}:{line}"),
            _ => function.to_owned(),
        }
    }
}
