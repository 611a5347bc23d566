//! The table of strings in a profile.

use std::{collections::HashMap, sync::Arc};

#[derive(Debug)]
pub struct Strings {
    indices: HashMap<Arc<str>, i64>,
    table: Vec<Arc<str>>,
}

impl Strings {
    /// The first is the empty one, as the format asks for.
    pub fn new() -> Self {
        let mut strings = Self {
            indices: HashMap::new(),
            table: Vec::new(),
        };
        strings.index("");
        strings
    }

    pub fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let text: Arc<str> = Arc::from(text);
        let index = i64::try_from(self.table.len()).unwrap_or(i64::MAX);
        self.table.push(text.clone());
        self.indices.insert(text, index);
        index
    }

    pub fn into_table(self) -> Vec<String> {
        self.table.iter().map(|text| text.to_string()).collect()
    }
}
