//! What many writes have in common, kept once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::line::Text;
use crate::model::recorded::Stack;

/// By their text in the recording.
#[derive(Debug, Default)]
struct ByText {
    all: HashMap<Arc<str>, Arc<Stack>>,
    /// The next one is often the same, and to compare a text takes a part of the time that its hash does.
    last: Option<(Arc<str>, Arc<Stack>)>,
}

#[derive(Debug, Default)]
pub struct Shared {
    texts: HashSet<Arc<str>>,
    /// For each entry into the runtime: it decides who the caller is.
    stacks: HashMap<Option<Arc<str>>, ByText>,
    /// So many.
    distinct: usize,
}

impl Shared {
    pub fn text(&mut self, text: Option<Text<'_>>) -> Option<Arc<str>> {
        let text = text?.0;
        if let Some(known) = self.texts.get(&*text) {
            return Some(known.clone());
        }
        let text: Arc<str> = Arc::from(text);
        self.texts.insert(text.clone());
        Some(text)
    }

    /// # Errors
    /// It is not an array of frames.
    pub fn stack(
        &mut self,
        raw: &RawValue,
        entry: Option<Arc<str>>,
    ) -> serde_json::Result<Arc<Stack>> {
        let stacks = self.stacks.entry(entry.clone()).or_default();
        if let Some((text, stack)) = &stacks.last
            && **text == *raw.get()
        {
            return Ok(stack.clone());
        }
        if let Some((text, stack)) = stacks.all.get_key_value(raw.get()) {
            stacks.last = Some((text.clone(), stack.clone()));
            return Ok(stack.clone());
        }
        let frames = serde_json::from_str(raw.get())?;
        let stack = Arc::new(Stack::new(self.distinct, frames, entry.as_deref()));
        self.distinct += 1;
        stacks.all.insert(raw.get().into(), stack.clone());
        Ok(stack)
    }
}
