//! The figures for people: Markdown, so that they can be put into the documentation as they are.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use super::{
    figure::{Figure, Figures},
    latency::Latency,
    report::Report,
};

mod details;
mod latency;
mod loads;
mod parts;

pub fn render(report: &Report) -> String {
    let mut text = headline(report);
    if !report.cases.is_empty() {
        text += &loads::table(&report.cases);
        text.extend(report.cases.iter().map(details::of));
    }
    if let Some(figures) = &report.hits {
        text += &section("One hit of a probe", &parts::hits(figures));
    }
    if let Some(rates) = &report.ring {
        text += &section(
            "Ring buffer: torture with maps of one size, threshold 1us",
            &parts::ring(rates),
        );
    }
    if let Some(figures) = &report.export {
        text += &section(
            "From the end of a slow write to the OTLP endpoint",
            &parts::export(figures),
        );
    }
    if let Some(figures) = &report.throughput {
        text += &section(
            "To a Collector: a span for each growth, threshold 1us",
            &parts::throughput(figures),
        );
    }
    if let Some(figures) = &report.million {
        text += &section(
            "A recording of a million slow writes",
            &parts::million(figures),
        );
    }
    if let Some(correlation) = &report.correlation {
        text += &section(
            "Slow writes linked to the request that they slowed down",
            &parts::links(&correlation.builds),
        );
        text += &section(
            "What slowmap costs that service",
            &parts::correlation_cost(&correlation.cost),
        );
    }
    if !report.latency.is_empty() {
        text += &all_writes(&report.latency);
    }
    if !report.attach.is_empty() {
        text += &section("Attaching and detaching", &parts::attach(&report.attach));
    }
    match &report.bpftrace {
        Some(comparison) => text += &parts::bpftrace(comparison),
        None => {
            text.push_str("\nbpftrace was not compared with: not asked for, or not installed.\n")
        }
    }
    text
}

fn all_writes(latencies: &[Latency]) -> String {
    let quantiles = section(
        "How long all writes take (brackets: 95 % confidence)",
        &latency::quantiles(latencies),
    );
    let buckets = section(
        "How many of a million writes took so long",
        &latency::buckets(latencies),
    );
    quantiles + &buckets
}

fn headline(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "{} CPUs ({}), kernel {}; {} rounds of {} s each, without and with slowmap in turn; median (min..max)\n\n",
        machine.cpus, machine.cpu_model, machine.kernel, report.rounds, report.seconds_per_round
    )
}

fn section(title: &str, table: &Table) -> String {
    format!("\n{title}:\n\n{table}\n")
}

fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}

/// A figure by its name, or nothing where it was not measured.
fn cell(figures: &Figures, name: &str, unit: &str) -> String {
    figures
        .get(name)
        .map_or_else(String::new, |figure| shown(figure, unit))
}

/// e.g. `1.25 % (1.10..1.40)`: all with as many digits as the median needs.
fn shown(figure: &Figure, unit: &str) -> String {
    let digits = digits(figure.median);
    let number = |value: f64| number(value, digits);
    let Figure {
        median, min, max, ..
    } = *figure;
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    };
    if figure.measurements == 1 {
        return format!("{}{unit}", number(median));
    }
    format!(
        "{}{unit} ({}..{})",
        number(median),
        number(min),
        number(max)
    )
}

/// Decimals that leave about three digits.
fn digits(value: f64) -> usize {
    match value.abs() {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    }
}

/// With commas between thousands; never `-0`.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text
        .split_once('.')
        .map_or((&*text, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if value < 0.0 && !is_zero { "-" } else { "" };
    let fraction = fraction
        .map(|fraction| format!(".{fraction}"))
        .unwrap_or_default();
    format!("{sign}{grouped}{fraction}")
}

fn rounded(value: f64) -> String {
    number(value, digits(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_shown_with_its_spread_and_three_digits() {
        let figure = |values: &[f64]| shown(&Figure::of(values).expect("a figure"), "%");
        assert_eq!(figure(&[1.25, 1.0, 1.5]), "1.25 % (1.00..1.50)");
        assert_eq!(figure(&[99.5, 98.2, 100.0]), "99.5 % (98.2..100.0)");
        assert_eq!(
            figure(&[1_234_567.0, 1_000_000.0]),
            "1,117,284 % (1,000,000..1,234,567)"
        );
    }

    #[test]
    fn a_single_measurement_has_no_spread_and_what_was_not_measured_is_blank() {
        let mut figures = Figures::new();
        figures.extend(Figure::of(&[12.0]).map(|figure| ("one", figure)));
        assert_eq!(cell(&figures, "one", "ms"), "12.0 ms");
        assert_eq!(cell(&figures, "other", "ms"), "");
    }

    #[test]
    fn numbers_are_grouped_and_a_zero_has_no_sign() {
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
        assert_eq!(number(999.0, 0), "999");
        assert_eq!(number(100_000.0, 0), "100,000");
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = new(&["a", "b"]);
        table.add_row(["1", "2"]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with('|') && line.ends_with('|'))
        );
        assert!(lines[1].contains("---"));
    }
}
