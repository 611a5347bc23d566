//! What the samples of a request share, each thing once and known by its place in a table. The first of each table is
//! the zero value: nothing.

use std::{collections::HashMap, hash::Hash};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, any_value::Value},
    profiles::v1development::{
        Function, KeyValueAndUnit, Line, Link, Location, Mapping, ProfilesDictionary, Stack,
    },
};

use crate::model::{
    binary::Executable, frame::Frame, text::printable, trace::SpanContext, write::CorrelatedWrite,
};

#[derive(Debug, Default)]
pub struct Dictionary {
    strings: Table<String, String>,
    attributes: Table<(i32, Scalar), KeyValueAndUnit>,
    mappings: Table<Mapping, Mapping>,
    functions: Table<Function, Function>,
    locations: Table<(i32, u64, Vec<Line>), Location>,
    stacks: Table<Stack, Stack>,
    links: Table<Link, Link>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scalar {
    Text(String),
    Integer(i64),
}

impl Default for Scalar {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl Dictionary {
    pub fn string(&mut self, text: &str) -> i32 {
        self.strings.index(text.to_owned(), text.to_owned())
    }

    pub fn attribute(&mut self, key: &str, value: impl Into<Scalar>) -> i32 {
        let (key_strindex, value) = (self.string(key), value.into());
        let any = match value.clone() {
            Scalar::Text(text) => Value::StringValue(text),
            Scalar::Integer(number) => Value::IntValue(number),
        };
        let attribute = KeyValueAndUnit {
            key_strindex,
            value: Some(AnyValue { value: Some(any) }),
            unit_strindex: 0,
        };
        self.attributes.index((key_strindex, value), attribute)
    }

    pub fn link(&mut self, span: &SpanContext) -> i32 {
        let link = Link {
            trace_id: span.trace_id.to_vec(),
            span_id: span.span_id.to_vec(),
        };
        self.links.index(link.clone(), link)
    }

    /// Leaf first.
    pub fn stack(&mut self, write: &CorrelatedWrite) -> i32 {
        let executable = &write.observed().executable;
        let mapping = self.mapping(executable);
        // What was inlined comes before the function that it was inlined into, at the same address.
        let calls = write.symbolized.stack.chunk_by(|inner, _| inner.inlined);
        let locations = calls.map(|frames| self.location(executable, mapping, frames));
        let stack = Stack {
            location_indices: locations.collect(),
        };
        self.stacks.index(stack.clone(), stack)
    }

    fn mapping(&mut self, executable: &Executable) -> i32 {
        let ids = &executable.build_ids;
        let ids = [
            ("process.executable.build_id.gnu", ids.gnu.as_deref()),
            ("process.executable.build_id.go", ids.go.as_deref()),
            ("process.executable.build_id.htlhash", Some(&*ids.htlhash)),
        ];
        let ids = ids.into_iter().filter_map(|(key, id)| Some((key, id?)));
        let mapping = Mapping {
            memory_start: executable.code.start,
            memory_limit: executable.code.end,
            file_offset: executable.code_offset.0,
            filename_strindex: self.string(&printable(&executable.path.to_string_lossy())),
            attribute_indices: ids.map(|(key, id)| self.attribute(key, id)).collect(),
        };
        self.mappings.index(mapping.clone(), mapping)
    }

    /// Of one address: a call with what was inlined into it.
    fn location(&mut self, executable: &Executable, mapping: i32, frames: &[Frame]) -> i32 {
        let address = frames.first().map_or(0, |frame| frame.address.0);
        // Libraries have mappings of their own, which are not known.
        let mapping = if executable.code.contains(&address) {
            mapping
        } else {
            0
        };
        let lines: Vec<Line> = frames.iter().filter_map(|frame| self.line(frame)).collect();
        let kind = match executable.go_code.contains(&address) {
            true => "go",
            false => "native",
        };
        let location = Location {
            mapping_index: mapping,
            address,
            lines: lines.clone(),
            attribute_indices: vec![self.attribute("profile.frame.type", kind)],
        };
        self.locations.index((mapping, address, lines), location)
    }

    /// `None`: nothing is known beyond the address.
    fn line(&mut self, frame: &Frame) -> Option<Line> {
        let name = self.string(frame.function.as_deref()?);
        let function = Function {
            name_strindex: name,
            system_name_strindex: name,
            filename_strindex: self.string(frame.file.as_deref().unwrap_or_default()),
            start_line: 0,
        };
        Some(Line {
            function_index: self.functions.index(function, function),
            line: frame.line.map_or(0, i64::from),
            column: 0,
        })
    }

    pub fn into_message(self) -> ProfilesDictionary {
        ProfilesDictionary {
            mapping_table: self.mappings.items,
            location_table: self.locations.items,
            function_table: self.functions.items,
            link_table: self.links.items,
            string_table: self.strings.items,
            attribute_table: self.attributes.items,
            stack_table: self.stacks.items,
        }
    }
}

#[derive(Debug)]
struct Table<K, T> {
    items: Vec<T>,
    known: HashMap<K, i32>,
}

impl<K: Hash + Eq + Default, T: Default> Default for Table<K, T> {
    fn default() -> Self {
        Self {
            items: vec![T::default()],
            known: HashMap::from([(K::default(), 0)]),
        }
    }
}

impl<K: Hash + Eq, T> Table<K, T> {
    /// Where the item stands, which is known by its key.
    fn index(&mut self, key: K, item: T) -> i32 {
        // A batch has not nearly as many.
        let next = i32::try_from(self.items.len()).unwrap_or(i32::MAX);
        *self.known.entry(key).or_insert_with(|| {
            self.items.push(item);
            next
        })
    }
}
