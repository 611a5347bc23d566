//! In: how long the writes that were followed from entry to exit took, by who wrote and by the slice of time in which
//! they began. Out: the distribution of all writes, with intervals of confidence where only slices were looked at.
//! Pure. It never mixes writes of slices with those that were found slow outside of them.

mod interval;

use std::collections::BTreeMap;

use slowmap_abi::bucket_start;

use crate::model::{
    histogram::Histogram,
    writes::{WriteBucket, WriteLatency, WriterSummary},
};

/// Slices are dealt out to so many groups, which are what is resampled: memory does not grow with time.
const GROUPS: usize = 64;
/// Callers that are listed one by one.
const LISTED_CALLERS: usize = 50;

/// Who writes: the runtime's function, and the place that calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writer {
    /// e.g. `runtime.mapassign_faststr`
    pub function: String,
    /// `None`: not told apart.
    pub caller: Option<Place>,
}

/// A line of the target's source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// What part of all writes was measured, and how well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Of the time, above 0.
    pub share: f64,
    /// By how much each duration may be off, all in the same direction.
    pub uncertainty_nano: u64,
}

/// All writes so far.
#[derive(Debug, Default)]
pub struct Distribution {
    slices: u64,
    writers: BTreeMap<Writer, Groups>,
}

/// By group; shorter where the last groups have nothing.
type Groups = Vec<Histogram>;

impl Distribution {
    /// Adds what was counted in one slice of time. An empty slice counts as one, too: nothing was written in it.
    pub fn add_slice(&mut self, writers: impl IntoIterator<Item = (Writer, Histogram)>) {
        let group = usize::try_from(self.slices % GROUPS as u64).unwrap_or(0);
        self.slices += 1;
        for (writer, durations) in writers {
            self.add(group, writer, &durations);
        }
    }

    fn add(&mut self, group: usize, writer: Writer, durations: &Histogram) {
        let groups = self.writers.entry(writer).or_default();
        if groups.len() <= group {
            groups.resize(group + 1, Histogram::default());
        }
        if let Some(histogram) = groups.get_mut(group) {
            histogram.add(durations);
        }
    }

    pub fn slices(&self) -> u64 {
        self.slices
    }

    /// Of all writes; `None`: there was none. `sample`: where only slices of the time were looked at; then intervals are
    /// given.
    pub fn latency(&self, sample: Option<Sample>) -> Option<WriteLatency> {
        self.latency_of(&merged(self.writers.values()), sample)
    }

    /// The same writes, by how long they took.
    pub fn histogram(&self) -> Vec<WriteBucket> {
        let all = sum(self.writers.values().flatten());
        let micros = |bucket| bucket_start(bucket) as f64 / 1_000.0;
        let bucket = |(bucket, count)| WriteBucket {
            from: micros(bucket),
            until: micros(bucket + 1),
            count,
        };
        all.buckets().map(bucket).collect()
    }

    /// Those with the most writes first.
    pub fn by_function(&self, sample: Option<Sample>) -> Vec<WriterSummary> {
        let mut functions: BTreeMap<&str, Vec<&Groups>> = BTreeMap::new();
        for (writer, groups) in &self.writers {
            functions.entry(&writer.function).or_default().push(groups);
        }
        let summary = |(function, groups): (&str, Vec<&Groups>)| {
            Some(WriterSummary {
                function: function.to_owned(),
                caller: None,
                file: None,
                line: None,
                latency: self.latency_of(&merged(groups), sample)?,
            })
        };
        largest(functions.into_iter().filter_map(summary).collect())
    }

    /// The places that most writes came from; those with the most first.
    pub fn by_caller(&self, sample: Option<Sample>) -> Vec<WriterSummary> {
        let mut writers: Vec<_> = self.writers.iter().collect();
        let count = |groups: &Groups| groups.iter().map(Histogram::count).sum::<u64>();
        writers.sort_by_key(|(_, groups)| std::cmp::Reverse(count(groups)));
        let summary = |(writer, groups): (&Writer, &Groups)| {
            let place = writer.caller.as_ref()?;
            Some(WriterSummary {
                function: writer.function.clone(),
                caller: place.function.clone(),
                file: place.file.clone(),
                line: place.line,
                latency: self.latency_of(groups, sample)?,
            })
        };
        let listed = writers.into_iter().filter_map(summary).take(LISTED_CALLERS);
        largest(listed.collect())
    }

    /// In slices; of those groups that have any.
    fn group_lengths(&self) -> Vec<u64> {
        let (rounds, rest) = (self.slices / GROUPS as u64, self.slices % GROUPS as u64);
        (0..GROUPS as u64)
            .map(|group| rounds + u64::from(group < rest))
            .filter(|slices| *slices > 0)
            .collect()
    }

    fn latency_of(&self, groups: &Groups, sample: Option<Sample>) -> Option<WriteLatency> {
        let all = sum(groups);
        let micros = |nanos: f64| nanos / 1_000.0;
        let quantile = |quantile| all.quantile(quantile).map(micros);
        let lengths = self.group_lengths();
        Some(WriteLatency {
            count: all.count(),
            estimated_count: sample.map(|sample| (all.count() as f64 / sample.share) as u64),
            mean: micros(all.mean()?),
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p99: quantile(0.99)?,
            p999: quantile(0.999)?,
            max: micros(all.max()? as f64),
            interval: sample.and_then(|sample| interval::of(groups, &lengths, sample)),
        })
    }
}

fn sum<'a>(groups: impl IntoIterator<Item = &'a Histogram>) -> Histogram {
    let mut sum = Histogram::default();
    groups.into_iter().for_each(|group| sum.add(group));
    sum
}

fn merged<'a>(writers: impl IntoIterator<Item = &'a Groups>) -> Groups {
    let mut merged = Groups::new();
    for groups in writers {
        if merged.len() < groups.len() {
            merged.resize(groups.len(), Histogram::default());
        }
        for (sum, group) in merged.iter_mut().zip(groups) {
            sum.add(group);
        }
    }
    merged
}

fn largest(mut writers: Vec<WriterSummary>) -> Vec<WriterSummary> {
    writers.sort_by_key(|writer| std::cmp::Reverse(writer.latency.count));
    writers
}

#[cfg(test)]
mod tests;
