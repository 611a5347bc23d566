//! How long all map writes take, by who tells.

use comfy_table::Table;

use super::{digits, new, number};
use crate::bench::latency::{BUCKETS, Latency, Quantile, Told};

pub fn quantiles(latencies: &[Latency]) -> Table {
    let mut table = new(&[
        "maps", "load", "told by", "writes", "P50", "P90", "P99", "P99.9", "max",
    ]);
    for latency in latencies {
        for (by, told) in both(latency) {
            let mut row = vec![
                latency.maps.to_owned(),
                format!("{}/s", number(f64::from(latency.writes_per_second), 0)),
                by.to_owned(),
                number(told.writes as f64, 0),
            ];
            row.extend(told.quantiles.iter().map(quantile));
            row.push(micros(told.max));
            table.add_row(row);
        }
    }
    table
}

/// A column for each load and teller: how many of a million writes took so long.
pub fn buckets(latencies: &[Latency]) -> Table {
    let columns: Vec<(String, &Told)> = latencies
        .iter()
        .flat_map(|latency| {
            let load = number(f64::from(latency.writes_per_second), 0);
            both(latency).map(|(by, told)| (format!("{} {load}/s, {by}", latency.maps), told))
        })
        .collect();
    let titles = columns.iter().map(|(title, _)| title.as_str());
    let header: Vec<&str> = std::iter::once("us").chain(titles).collect();
    let mut table = new(&header);
    for bucket in 0..BUCKETS {
        let name = match bucket * 10 {
            from if bucket + 1 == BUCKETS => format!("{from} and more"),
            from => format!("{from} to {}", from + 10),
        };
        let share = |(_, told): &(String, &Told)| {
            let of_a_million = told.by_ten_micros[bucket] * 1e6;
            number(of_a_million, digits(of_a_million).min(1))
        };
        table.add_row(std::iter::once(name).chain(columns.iter().map(share)));
    }
    table
}

fn both(latency: &Latency) -> [(&'static str, &Told); 2] {
    [
        ("its own clock", &latency.own),
        ("slowmap", &latency.sampled),
    ]
}

fn quantile(quantile: &Quantile) -> String {
    let value = micros(quantile.value);
    match quantile.interval {
        Some([from, until]) => {
            let digits = digits(quantile.value);
            format!(
                "{value} ({}..{})",
                number(from, digits),
                number(until, digits)
            )
        }
        None => value,
    }
}

fn micros(value: f64) -> String {
    format!("{} us", number(value, digits(value)))
}
