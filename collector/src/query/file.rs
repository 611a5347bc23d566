//! A series in a CSV file: a time and a value a line.

use std::{collections::HashMap, fs, path::Path};

use chrono::DateTime;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::error::QueryError;
use crate::model::{
    series::{Sample, Series},
    text::printable,
    time::UnixNanos,
};

/// The year 10,000. Today in milliseconds is beyond it, so a number of seconds and one of milliseconds are never mistaken
/// for each other.
const LAST_SECOND: f64 = 253_402_300_800.0;
/// Units that times beyond it may be in, by what makes seconds of them.
const FINER: [(f64, &str); 3] = [
    (1e3, "milliseconds"),
    (1e6, "microseconds"),
    (1e9, "nanoseconds"),
];

/// Reads it. The first line may be a header.
///
/// # Errors
/// The file cannot be read, or a line of it is none of a series.
pub fn read(path: &Path) -> Result<Series, QueryError> {
    let shown = || printable(&path.display().to_string()).into_owned();
    let bytes = fs::read(path).map_err(|error| QueryError::Unreadable {
        path: shown(),
        error: error.to_string(),
    })?;
    parse(&bytes).map_err(|refused| QueryError::Line {
        path: shown(),
        line: refused.line,
        problem: refused.problem,
    })
}

#[derive(Debug, PartialEq)]
struct Refused {
    /// Counted from 1.
    line: usize,
    problem: String,
}

fn parse(bytes: &[u8]) -> Result<Series, Refused> {
    let text = str::from_utf8(bytes).map_err(|error| Refused {
        line: 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        problem: "it is no text in UTF-8; save the file as such".into(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: HashMap<UnixNanos, usize> = HashMap::new();
    let mut samples = Vec::new();
    let filled = text.lines().enumerate();
    let filled = filled.filter(|(_, text)| !text.trim().is_empty());
    for (nth, (index, text)) in filled.enumerate() {
        let line = index + 1;
        let refused = |problem| Refused { line, problem };
        let [time, value] = columns(text).map_err(refused)?;
        if nth == 0 && is_header(&time, &value) {
            continue;
        }
        let time = unix_nanos(&time).map_err(refused)?;
        if let Some(other) = lines.insert(time, line) {
            let problem = format!(
                "it has the time of line {other} again; a file has to be of one series, at one time one value"
            );
            return Err(refused(problem));
        }
        if let Some(value) = number(&value).map_err(refused)? {
            samples.push(Sample { time, value });
        }
    }
    samples.sort_by_key(|sample| sample.time);
    Ok(Series {
        samples,
        ..Series::default()
    })
}

/// By itself, since csv's own line numbers leave out empty lines.
fn columns(line: &str) -> Result<[String; 2], String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .trim(Trim::All)
        .from_reader(line.as_bytes());
    let record = reader.records().next().and_then(Result::ok);
    let columns = record.as_ref().map_or(0, StringRecord::len);
    match record.as_ref().map(|record| (record.get(0), record.get(1))) {
        Some((Some(time), Some(value))) if columns == 2 => Ok([time.to_owned(), value.to_owned()]),
        _ => Err(format!(
            "it has {columns} {}, allowed: two, a time and a value with a comma between them",
            if columns == 1 { "column" } else { "columns" }
        )),
    }
}

/// Only what is a sample in neither column: one that is wrong in one of them must not be lost silently.
fn is_header(time: &str, value: &str) -> bool {
    unix_nanos(time).is_err() && time.parse::<f64>().is_err() && number(value).is_err()
}

fn unix_nanos(text: &str) -> Result<UnixNanos, String> {
    let of_text = || {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(time.timestamp_nanos_opt()?).ok()
    };
    match text.parse::<f64>() {
        Ok(seconds) => of_seconds(seconds, text),
        Err(_) => of_text().map(UnixNanos).ok_or_else(|| {
            format!(
                "\"{}\" is no time; allowed: Unix seconds, e.g. 1700000000.25, or RFC 3339, e.g. 2023-11-14T22:13:20.25Z",
                printable(text)
            )
        }),
    }
}

fn of_seconds(seconds: f64, text: &str) -> Result<UnixNanos, String> {
    if (0.0..LAST_SECOND).contains(&seconds) {
        // To the microsecond: as exact as such a number is.
        return Ok(UnixNanos(
            ((seconds * 1e6).round() as u64).saturating_mul(1_000),
        ));
    }
    let finer = FINER
        .iter()
        .find(|(unit, _)| (0.0..LAST_SECOND).contains(&(seconds / unit)));
    Err(match finer {
        Some((unit, name)) => format!(
            "{text} cannot be a time in seconds; if it is in {name}, divide the column by {unit}"
        ),
        None => format!("{text} cannot be a time in seconds; allowed: Unix seconds, or RFC 3339"),
    })
}

/// `None`: there was nothing to measure at that time.
fn number(text: &str) -> Result<Option<f64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let number: f64 = text.parse().map_err(|_| {
        format!(
            "\"{}\" is no number; allowed: a number without a unit, which --unit says",
            printable(text)
        )
    })?;
    Ok(number.is_finite().then_some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(text: &str) -> Vec<(u64, f64)> {
        let series = parse(text.as_bytes()).unwrap();
        let sample = |sample: &Sample| (sample.time.0, sample.value);
        series.samples.iter().map(sample).collect()
    }

    fn refused(text: &str) -> (usize, String) {
        let refused = parse(text.as_bytes()).unwrap_err();
        (refused.line, refused.problem)
    }

    #[test]
    fn times_are_unix_seconds_or_rfc_3339_and_a_header_is_none() {
        let expected = [
            (1_700_000_000_250_000_000, 0.5),
            (1_700_000_001_000_000_000, 2.0),
        ];
        for text in [
            "1700000000.25,0.5\n1700000001,2\n",
            "time,value\r\n1700000000.25,0.5\r\n1700000001,2\r\n",
            "\u{feff}\"Time\",\"p99, all\"\n\n2023-11-14T22:13:21Z, 2\n2023-11-14T23:13:20.25+01:00, 5e-1\n",
        ] {
            assert_eq!(samples(text), expected, "{text}");
        }
        assert_eq!(samples(""), []);
        assert_eq!(samples("time,value\n"), []);
    }

    #[test]
    fn what_is_not_a_number_by_intent_is_no_sample() {
        assert_eq!(samples("1,NaN\n2,\n3,+Inf\n4,1\n"), [(4_000_000_000, 1.0)]);
    }

    #[test]
    fn a_time_that_cannot_be_in_seconds_is_not_guessed() {
        for (time, words) in [
            (
                "1700000000000",
                "if it is in milliseconds, divide the column by 1000",
            ),
            (
                "1700000000000000",
                "in microseconds, divide the column by 1000000",
            ),
            (
                "1700000000000000000",
                "in nanoseconds, divide the column by 1000000000",
            ),
            ("1e30", "cannot be a time in seconds"),
            ("-1", "cannot be a time in seconds"),
            ("NaN", "cannot be a time in seconds"),
        ] {
            // In the first line, too: it is no header.
            let (line, problem) = refused(&format!("{time},1\n"));
            assert!(line == 1 && problem.contains(words), "{time}: {problem}");
        }
    }

    #[test]
    fn a_line_that_is_none_of_a_series_is_refused_by_its_number() {
        for (text, at, words) in [
            ("time,value\n1,2\n2,3ms\n", 3, "\"3ms\" is no number"),
            (
                "1,2\n\nyesterday\u{1b},2\n",
                3,
                r#"yesterday\u{1b}" is no time"#,
            ),
            ("2023-11-14 22:13:20,2\n", 1, "is no time; allowed"),
            ("time;value\n1;2\n", 1, "it has 1 column,"),
            ("1,2,3\n", 1, "it has 3 columns,"),
            ("1,2\n2,2\n1.0,3\n", 3, "the time of line 1 again"),
            ("time,1\n", 1, "is no time"),
            ("time,value\ntime,value\n", 2, "is no time"),
        ] {
            let (line, problem) = refused(text);
            assert!(
                line == at && problem.contains(words),
                "{text:?}: {line}: {problem}"
            );
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_its_line() {
        let refused = parse(b"1,2\n2,\xff\n").unwrap_err();
        assert_eq!(refused.line, 2);
        assert!(refused.problem.contains("UTF-8"), "{refused:?}");
    }
}
