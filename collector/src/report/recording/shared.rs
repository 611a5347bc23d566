//! What many writes have in common, kept once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::value::RawValue;

use super::line::Text;
use crate::model::recorded::Stack;

type ByText = HashMap<Box<str>, Arc<Stack>>;

#[derive(Debug, Default)]
pub struct Shared {
    texts: HashSet<Arc<str>>,
    /// By their text in the recording, for each entry into the runtime: it decides who the caller is.
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
        if let Some(known) = stacks.get(raw.get()) {
            return Ok(known.clone());
        }
        let frames = serde_json::from_str(raw.get())?;
        let stack = Arc::new(Stack::new(self.distinct, frames, entry.as_deref()));
        self.distinct += 1;
        stacks.insert(raw.get().into(), stack.clone());
        Ok(stack)
    }
}
