//! The tables of what is measured beside the loads.

use comfy_table::Table;

use super::{cell, new, number, rounded};
use crate::bench::{
    attach::Attached, bpftrace::Comparison, correlation::Build, figure::Figures, ring::Rate,
};

pub fn hits(figures: &Figures) -> Table {
    let mut table = new(&["instruction under the probe", "cost"]);
    table.add_row([
        "emulated by the kernel",
        &cell(figures, "emulated_nano", "ns"),
    ]);
    table.add_row([
        "single-stepped",
        &cell(figures, "single_stepped_nano", "ns"),
    ]);
    table
}

pub fn ring(rates: &[Rate]) -> Table {
    let mut table = new(&[
        "entries",
        "events/s",
        "lost/s",
        "lost because of",
        "agent's CPU",
    ]);
    for rate in rates {
        let reasons: Vec<&str> = rate.lost_by_reason.keys().map(String::as_str).collect();
        table.add_row([
            number(f64::from(rate.entries), 0),
            number(rate.events_per_second, 0),
            number(rate.lost_per_second, 0),
            reasons.join(", "),
            format!("{} % of a core", rounded(rate.agent_cpu_percent)),
        ]);
    }
    table
}

/// A line for each: what it is called, the figure, its unit.
fn list(figures: &Figures, lines: &[(&str, &str, &str)]) -> Table {
    let mut table = new(&["", ""]);
    for (label, name, unit) in lines {
        table.add_row([*label, &cell(figures, name, unit)]);
    }
    table
}

pub fn export(figures: &Figures) -> Table {
    list(
        figures,
        &[
            ("P50", "event_to_sink_p50_ms", "ms"),
            ("P99", "event_to_sink_p99_ms", "ms"),
            ("spans received", "spans_per_second", "a second"),
            ("agent's CPU", "agent_cpu_percent", "% of a core"),
            ("agent's memory", "agent_memory_mib", "MiB"),
        ],
    )
}

pub fn throughput(figures: &Figures) -> Table {
    list(
        figures,
        &[
            ("found", "found_per_second", "a second"),
            ("taken by the Collector", "taken_per_second", "a second"),
            ("found and not delivered", "not_delivered_percent", "%"),
            ("lost before", "lost_before_percent", "%"),
            ("agent's CPU", "agent_cpu_percent", "% of a core"),
            ("agent's memory", "agent_memory_mib", "MiB"),
        ],
    )
}

pub fn million(figures: &Figures) -> Table {
    list(
        figures,
        &[
            ("slow writes", "writes", ""),
            ("lost", "lost_percent", "%"),
            ("events.jsonl", "gigabytes", "GB"),
            ("all reports", "report_seconds", "s"),
            ("memory of that", "report_memory_mib", "MiB"),
        ],
    )
}

pub fn attach(all: &[Attached]) -> Table {
    let mut table = new(&[
        "processes",
        "start to all attached",
        "each further process",
        "SIGTERM to exit",
    ]);
    for attached in all {
        let figures = &attached.figures;
        table.add_row([
            format!(
                "{}, {} of {} MB",
                attached.processes,
                attached.what,
                attached.executable_bytes / 1_000_000
            ),
            cell(figures, "start_to_attached_ms", "ms"),
            cell(figures, "each_further_process_ms", "ms"),
            cell(figures, "detach_to_exit_ms", "ms"),
        ]);
    }
    table
}

pub fn bpftrace(comparison: &Comparison) -> String {
    let Comparison {
        entries,
        returns,
        figures,
    } = comparison;
    let factor = cell(figures, "slower_by_factor", "");
    format!(
        "\nbpftrace on {entries} entries and {returns} RETs of mapassign, torture: slower by a factor of {factor}.\n"
    )
}

pub fn links(builds: &[Build]) -> Table {
    let mut table = new(&[
        "service",
        "requests",
        "slow writes in sampled spans",
        "right trace",
        "right span",
        "wrong trace",
        "in no span, and not linked",
    ]);
    for build in builds {
        table.add_row([
            build.name.clone(),
            number(f64::from(build.requests), 0),
            number(build.in_spans as f64, 0),
            format!("{:.2} %", build.right_trace_percent),
            format!("{:.2} %", build.right_span_percent),
            build.wrong.to_string(),
            number(build.rightly_not as f64, 0),
        ]);
    }
    table
}

pub fn correlation_cost(figures: &Figures) -> Table {
    let mut table = new(&["requests/s without", "with slowmap", "lost"]);
    table.add_row([
        cell(figures, "requests_per_second_without", ""),
        cell(figures, "requests_per_second_with", ""),
        cell(figures, "lost_percent", "%"),
    ]);
    table
}
