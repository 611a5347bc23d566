//! The samples that a Collector has written, in the format that Go's own tool reads:
//! https://github.com/google/pprof/blob/main/proto/profile.proto

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use integration::trace::profile::Sample;
use prost::Message;

#[derive(Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Stack>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
}

#[derive(Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Message)]
struct Stack {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
}

#[derive(Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
}

#[derive(Default)]
struct Strings(Vec<String>);

impl Strings {
    fn number(&mut self, text: &str) -> usize {
        let known = self.0.iter().position(|string| string == text);
        known.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        })
    }

    fn index(&mut self, text: &str) -> i64 {
        self.number(text) as i64
    }
}

/// Each function is a location of its own, and has its number.
fn converted(samples: &[Sample]) -> Profile {
    let (mut strings, mut functions) = (Strings::default(), Strings::default());
    strings.index("");
    let first = samples.first().cloned().unwrap_or_default();
    let sample_type = vec![ValueType {
        kind: strings.index(&first.kind),
        unit: strings.index(&first.unit),
    }];
    let stack = |sample: &Sample| Stack {
        location_id: sample
            .functions
            .iter()
            .map(|function| functions.number(function) as u64 + 1)
            .collect(),
        // A value for each time that the stack was seen at; the format here has one sum of them.
        value: vec![sample.values.iter().sum()],
        label: vec![Label {
            key: strings.index("span_id"),
            text: strings.index(sample.span_id.as_deref().unwrap_or_default()),
        }],
    };
    let sample = samples.iter().map(stack).collect();
    let ids = 1..=functions.0.len() as u64;
    let location = |id| Location {
        id,
        line: vec![Line { function_id: id }],
    };
    let location = ids.clone().map(location).collect();
    let function = ids.zip(&functions.0).map(|(id, name)| Function {
        id,
        name: strings.index(name),
    });
    Profile {
        sample_type,
        sample,
        location,
        function: function.collect(),
        string_table: strings.0,
    }
}

/// What `go tool pprof` says of them: how many there are, and their sum.
pub fn read_by_go(samples: &[Sample], file: &Path) -> Result<(usize, i64)> {
    std::fs::write(file, converted(samples).encode_to_vec())?;
    let mut go = Command::new("go");
    go.args(["tool", "pprof", "-symbolize=none", "-raw"])
        .arg(file);
    let output = go.output().context("run go")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (_, listed) = said
        .split_once("map_assign/nanoseconds")
        .context("the type of the values")?;
    let (listed, functions) = listed.split_once("Locations").context("the functions")?;
    for sample in samples {
        for name in &sample.functions {
            ensure!(functions.contains(name), "{name} is not in it");
        }
    }
    let values = listed.lines().filter_map(|line| {
        let (value, _) = line.split_once(": ")?;
        value.trim().parse::<i64>().ok()
    });
    let values: Vec<i64> = values.collect();
    Ok((values.len(), values.iter().sum()))
}
