//! The loads side by side, with what is to be reached.

use comfy_table::Table;

use super::{cell, new};
use crate::bench::{case::Case, figure::Figure};

struct Row {
    label: &'static str,
    name: &'static str,
    unit: &'static str,
    service: Option<Goal>,
    torture: Option<Goal>,
}

#[derive(Debug, Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Either way.
    Within(f64),
}

use Goal::{AtLeast, AtMost, Within};

const ROWS: [Row; 17] = [
    row(
        "slow writes found",
        "recall_percent",
        "%",
        Some(AtLeast(99.5)),
        Some(AtLeast(99.0)),
    ),
    row(
        "their duration within 10 % or 20 us",
        "duration_right_percent",
        "%",
        Some(AtLeast(95.0)),
        Some(AtLeast(90.0)),
    ),
    row(
        "events that are slow writes",
        "precision_percent",
        "%",
        Some(AtLeast(99.5)),
        Some(AtLeast(99.0)),
    ),
    row(
        "throughput lost",
        "throughput_lost_percent",
        "%",
        Some(AtMost(1.0)),
        Some(AtMost(3.0)),
    ),
    row(
        "more CPU per write",
        "cpu_per_write_more_percent",
        "%",
        Some(AtMost(1.0)),
        None,
    ),
    row(
        "change of the other writes' P99.9",
        "p999_of_others_more_percent",
        "%",
        Some(Within(5.0)),
        None,
    ),
    row(
        "agent's CPU, of a core",
        "agent_cpu_percent",
        "%",
        Some(AtMost(1.0)),
        Some(AtMost(10.0)),
    ),
    row(
        "agent's memory",
        "agent_memory_mib",
        "MiB",
        Some(AtMost(40.0)),
        Some(AtMost(60.0)),
    ),
    row(
        "cost by slowmap's own estimate, of the target's CPU",
        "estimated_cost_percent",
        "%",
        None,
        None,
    ),
    row(
        "without slowmap: writes/s",
        "throughput_without_per_second",
        "",
        None,
        None,
    ),
    row(
        "without slowmap: CPU per write",
        "cpu_per_write_without_nano",
        "ns",
        None,
        None,
    ),
    plain(
        "without slowmap: P99.9 of the other writes",
        "p999_of_others_without_nano",
        "ns",
    ),
    plain(
        "with: P99.9 of the other writes",
        "p999_of_others_with_nano",
        "ns",
    ),
    plain(
        "without slowmap: P99.9 of all writes",
        "p999_of_all_without_nano",
        "ns",
    ),
    plain("with: P99.9 of all writes", "p999_of_all_with_nano", "ns"),
    plain(
        "without slowmap: slow writes in a million",
        "slow_per_million_without",
        "",
    ),
    plain(
        "with: slow writes in a million",
        "slow_per_million_with",
        "",
    ),
];

const fn row(
    label: &'static str,
    name: &'static str,
    unit: &'static str,
    service: Option<Goal>,
    torture: Option<Goal>,
) -> Row {
    Row {
        label,
        name,
        unit,
        service,
        torture,
    }
}

/// A figure without a goal.
const fn plain(label: &'static str, name: &'static str, unit: &'static str) -> Row {
    row(label, name, unit, None, None)
}

impl Row {
    fn goal(&self, case: &Case) -> Option<Goal> {
        if case.load == "service" {
            self.service
        } else {
            self.torture
        }
    }

    /// The figure; a star says that it misses its goal.
    fn cell(&self, case: &Case) -> String {
        let mut text = cell(&case.figures, self.name, self.unit);
        let figure = case.figures.get(self.name);
        if figure
            .zip(self.goal(case))
            .is_some_and(|(figure, goal)| goal.is_missed_by(figure))
        {
            text.push_str(" \\*");
        }
        text
    }
}

impl Goal {
    fn is_missed_by(self, figure: &Figure) -> bool {
        match self {
            AtLeast(goal) => figure.median < goal,
            AtMost(goal) => figure.median > goal,
            Within(goal) => figure.median.abs() > goal,
        }
    }

    fn shown(goal: Option<Self>, unit: &str) -> String {
        match goal {
            Some(AtLeast(goal)) => format!("≥ {goal} {unit}"),
            Some(AtMost(goal)) => format!("≤ {goal} {unit}"),
            Some(Within(goal)) => format!("± {goal} {unit}"),
            None => String::new(),
        }
    }
}

pub fn table(cases: &[Case]) -> String {
    format!("{}\n\n\\* misses the goal\n", cells(cases))
}

fn cells(cases: &[Case]) -> Table {
    let mut header = vec![String::new()];
    header.extend(
        cases
            .iter()
            .map(|case| format!("{}, {}", case.load, case.maps)),
    );
    header.extend(["goal, service".to_owned(), "goal, torture".to_owned()]);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = new(&header);
    for row in ROWS {
        let mut cells = vec![row.label.to_owned()];
        cells.extend(cases.iter().map(|case| row.cell(case)));
        cells.push(Goal::shown(row.service, row.unit));
        cells.push(Goal::shown(row.torture, row.unit));
        table.add_row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_by_the_median_and_not_by_a_single_round() {
        let figure = Figure::of(&[0.5, 0.9, 7.0]).expect("a figure");
        assert!(!AtMost(1.0).is_missed_by(&figure));
        assert!(AtMost(0.8).is_missed_by(&figure));
        assert!(AtLeast(1.0).is_missed_by(&figure));
        let less = Figure::of(&[-6.0]).expect("a figure");
        assert!(Within(5.0).is_missed_by(&less) && !AtMost(5.0).is_missed_by(&less));
    }
}
