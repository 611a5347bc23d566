//! Several recordings, of replicas or of different times, as a new one. What their sums would not be true of is refused.

mod summary;

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
};

use self::summary::Sums;
use super::{error::ReportError, output::Output, recording::Recording};
use crate::model::{summary::Summary, time::UnixNanos};

const EVENTS: &str = "events.jsonl";
const SUMMARY: &str = "summary.json";

/// Where a write stands; ordered by its time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    time: UnixNanos,
    recording: u32,
    offset: u64,
    length: usize,
}

/// Writes a recording with all that is in these into a new directory. They are only read.
///
/// # Errors
/// They cannot be merged, one cannot be read, or the directory not be written or holds a recording already.
pub fn merge(recordings: &[Recording], directory: &Path) -> Result<(), ReportError> {
    let summaries = summary::summable(recordings)?;
    fs::create_dir_all(directory).map_err(ReportError::write(directory))?;
    if [EVENTS, SUMMARY]
        .iter()
        .any(|name| directory.join(name).exists())
    {
        return Err(ReportError::Exists {
            directory: directory.to_owned(),
        });
    }
    let mut sums = Sums::default();
    let mut places: Vec<Place> = Vec::new();
    for (recording, source) in (0..).zip(recordings) {
        let unread = source.read_places(|write, (offset, length)| {
            sums.add(write);
            places.push(Place {
                time: write.time,
                recording,
                offset,
                length,
            });
        })?;
        sums.unread(unread.lines);
    }
    places.sort_unstable();
    write_events(recordings, &places, directory)?;
    write_summary(&sums.summary(recordings, &summaries), directory)
}

/// The lines as they are, each with the number of its recording.
fn write_events(
    recordings: &[Recording],
    places: &[Place],
    directory: &Path,
) -> Result<(), ReportError> {
    let files = recordings.iter().map(Recording::events);
    let files = files.collect::<Result<Vec<File>, _>>()?;
    let mut output = Output::create(directory, EVENTS)?;
    let mut line = Vec::new();
    for place in places {
        let number = place.recording as usize;
        let (Some(file), Some(recording)) = (files.get(number), recordings.get(number)) else {
            continue;
        };
        line.resize(place.length, 0);
        file.read_exact_at(&mut line, place.offset)
            .map_err(|error| recording.unread(error))?;
        // It was read as an object, so it ends with a brace.
        let object = line.trim_ascii_end();
        let open = object.strip_suffix(b"}").unwrap_or(object);
        output
            .write_all(open)
            .and_then(|()| writeln!(output, ",\"recording\":{number}}}"))
            .map_err(ReportError::write(output.path()))?;
    }
    output.finish()
}

fn write_summary(summary: &Summary, directory: &Path) -> Result<(), ReportError> {
    let mut output = Output::create(directory, SUMMARY)?;
    let written = serde_json::to_writer_pretty(&mut output, summary);
    written.map_err(|error| output.failed(error))?;
    writeln!(output).map_err(|error| output.failed(error))?;
    output.finish()
}
