//! `profile.pb.gz`: a sample for each slow write, for `go tool pprof`.
//!
//! It is written while the recording is read: parts of a profile, one behind the other, are the profile.

use std::{collections::HashMap, io::Write, path::Path, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use prost::Message;

use super::{
    messages::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType},
    strings::Strings,
};
use crate::{
    model::{frame::Frame, recorded::RecordedWrite, summary::Summary},
    report::{error::ReportError, output::Output},
};

/// Samples that are written at once.
const BATCH: usize = 1_024;
/// Their field in [`Profile`].
const SAMPLE: u32 = 2;

#[derive(Debug)]
pub struct ProfilePprof {
    output: GzEncoder<Output>,
    encoded: Vec<u8>,
    /// Samples that wait, encoded, and how many.
    samples: Vec<u8>,
    waiting: usize,
    /// The last one: its memory is used again.
    sample: Sample,
    /// What they refer to that no earlier part has.
    part: Profile,
    strings: Strings,
    labels: LabelKeys,
    mappings: HashMap<Option<Arc<str>>, u64>,
    /// The last one that was asked for, which the next one is as a rule.
    mapping: Option<(Option<Arc<str>>, u64)>,
    /// By executable and stack.
    stacks: HashMap<(u64, usize), Vec<u64>>,
    locations: HashMap<Location, u64>,
    functions: HashMap<(i64, i64), u64>,
}

#[derive(Debug)]
struct LabelKeys {
    cause: i64,
    goid: i64,
    map_type: i64,
    pid: i64,
    service: i64,
}

impl ProfilePprof {
    pub fn create(directory: &Path) -> Result<Self, ReportError> {
        let output = Output::create(directory, "profile.pb.gz")?;
        let mut strings = Strings::new();
        let labels = LabelKeys {
            cause: strings.index("cause"),
            goid: strings.index("goid"),
            map_type: strings.index("map_type"),
            pid: strings.index("pid"),
            service: strings.index("service"),
        };
        Ok(Self {
            output: GzEncoder::new(output, Compression::fast()),
            encoded: Vec::new(),
            samples: Vec::new(),
            waiting: 0,
            sample: Sample::default(),
            part: Profile::default(),
            strings,
            labels,
            mappings: HashMap::new(),
            mapping: None,
            stacks: HashMap::new(),
            locations: HashMap::new(),
            functions: HashMap::new(),
        })
    }

    pub fn add(&mut self, write: &RecordedWrite) -> Result<(), ReportError> {
        self.stack(write);
        self.labels(write);
        self.sample.value.clear();
        self.sample.value.extend([1, signed(write.duration_nano)]);
        prost::encoding::message::encode(SAMPLE, &self.sample, &mut self.samples);
        self.waiting += 1;
        if self.waiting == BATCH {
            self.write_part()?;
        }
        Ok(())
    }

    /// The tables that the samples refer to.
    pub fn finish(mut self, summary: Option<&Summary>) -> Result<(), ReportError> {
        let mut value_type = |name, unit| ValueType {
            r#type: self.strings.index(name),
            unit: self.strings.index(unit),
        };
        let count = value_type("slow_writes", "count");
        let time = value_type("map_assign", "nanoseconds");
        self.part.sample_type = vec![count, time];
        self.part.default_sample_type = time.r#type;
        // Each of them, not one of so many.
        (self.part.period_type, self.part.period) = (Some(count), 1);
        if let Some(summary) = summary {
            self.part.time_nanos = signed(summary.started_unix_nano);
            self.part.duration_nanos = signed(summary.duration_nano);
        }
        let strings = std::mem::replace(&mut self.strings, Strings::new());
        self.part.string_table = strings.into_table();
        self.write_part()?;
        let path = self.output.get_ref().path().to_owned();
        let output = self.output.finish();
        output.map_err(ReportError::write(&path))?.finish()
    }

    fn write_part(&mut self) -> Result<(), ReportError> {
        self.encoded.clear();
        // In the order of the fields, which samples come second in.
        let types = Profile {
            sample_type: std::mem::take(&mut self.part.sample_type),
            ..Profile::default()
        };
        types.encode_raw(&mut self.encoded);
        self.encoded.append(&mut self.samples);
        self.waiting = 0;
        self.part.encode_raw(&mut self.encoded);
        self.part = Profile::default();
        let written = self.output.write_all(&self.encoded);
        written.map_err(|source| self.output.get_ref().failed(source))
    }

    fn labels(&mut self, write: &RecordedWrite) {
        let number = |key, num| Label { key, str: 0, num };
        let keys = &self.labels;
        let labels = &mut self.sample.label;
        labels.clear();
        labels.push(number(keys.pid, i64::from(write.pid)));
        labels.extend(write.goid.map(|goid| number(keys.goid, signed(goid))));
        let texts = [
            (keys.cause, Some(write.cause.name())),
            (keys.map_type, write.map_type.as_deref()),
            (keys.service, write.service_name.as_deref()),
        ];
        for (key, text) in texts {
            let str = text.map(|text| self.strings.index(text));
            labels.extend(str.map(|str| Label { key, str, num: 0 }));
        }
    }

    fn stack(&mut self, write: &RecordedWrite) {
        let mapping = self.mapping(write.executable.as_ref());
        let key = (mapping, write.stack.number);
        if let Some(known) = self.stacks.get(&key) {
            self.sample.location_id.clone_from(known);
            return;
        }
        // A function and what is inlined into it have an address in common, and are one location.
        let places = write.stack.frames.split_inclusive(|frame| !frame.inlined);
        let locations: Vec<u64> = places
            .map(|frames| self.location(mapping, frames))
            .collect();
        self.sample.location_id.clone_from(&locations);
        self.stacks.insert(key, locations);
    }

    fn location(&mut self, mapping_id: u64, frames: &[Frame]) -> u64 {
        let known = frames.iter().filter(|frame| frame.function.is_some());
        let line = known.map(|frame| self.line(frame)).collect();
        let mut location = Location {
            id: 0,
            mapping_id,
            address: frames.last().map_or(0, |frame| frame.address.0),
            line,
        };
        let next = self.locations.len() as u64 + 1;
        if let Some(id) = self.locations.get(&location) {
            return *id;
        }
        self.locations.insert(location.clone(), next);
        location.id = next;
        self.part.location.push(location);
        next
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let name = self
            .strings
            .index(frame.function.as_deref().unwrap_or_default());
        let filename = self
            .strings
            .index(frame.file.as_deref().unwrap_or_default());
        let next = self.functions.len() as u64 + 1;
        let id = *self.functions.entry((name, filename)).or_insert_with(|| {
            self.part.function.push(Function {
                id: next,
                name,
                system_name: name,
                filename,
            });
            next
        });
        Line {
            function_id: id,
            line: frame.line.map_or(0, i64::from),
        }
    }

    fn mapping(&mut self, executable: Option<&Arc<str>>) -> u64 {
        if let Some((last, id)) = &self.mapping
            && same(last.as_ref(), executable)
        {
            return *id;
        }
        let id = self.find_mapping(executable.cloned());
        self.mapping = Some((executable.cloned(), id));
        id
    }

    fn find_mapping(&mut self, executable: Option<Arc<str>>) -> u64 {
        if let Some(id) = self.mappings.get(&executable) {
            return *id;
        }
        let id = self.mappings.len() as u64 + 1;
        self.part.mapping.push(Mapping {
            id,
            filename: self
                .strings
                .index(executable.as_deref().unwrap_or_default()),
            // There is nothing left for pprof to look up, least of all by running a program.
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
        });
        self.mappings.insert(executable, id);
        id
    }
}

/// Whether they are one text, kept once; equal ones that are kept twice may not be told so.
fn same(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
