//! A view as cells of the terminal. Colours are the terminal's own, and nothing is told by colour alone.

use std::collections::BTreeMap;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::Line,
    widgets::{Block, Borders, Cell, Paragraph, Row as TableRow, Table, TableState, Wrap},
};

use super::{
    callers::Caller,
    statistics::{RATE_SECONDS, Row},
    view::View,
};
use crate::model::{
    cause::Cause,
    units::{Digits, Nanos},
};

/// Services and causes that are listed.
const LISTED: usize = 5;

const NUMBERS: [Constraint; 5] = [
    Constraint::Length(9),
    Constraint::Length(8),
    Constraint::Length(8),
    Constraint::Length(8),
    Constraint::Length(8),
];

pub fn draw(frame: &mut Frame<'_>, view: &View) {
    let [head, upper, lower, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(LISTED as u16 + 3),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(heading(view)), head);
    let [services, causes] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Percentage(38)]).areas(upper);
    frame.render_widget(services_table(view), services);
    frame.render_widget(causes_bars(view, causes), causes);
    match (view.stack, view.selected()) {
        (Some(from), Some(caller)) => frame.render_widget(stack(caller, from), lower),
        _ => callers_table(frame, view, lower),
    }
    frame.render_widget(Paragraph::new(keys(view)).style(faint()), foot);
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn heading(view: &View) -> Line<'static> {
    let session = &view.shown().session;
    let writes: u64 = view.shown().services.iter().map(|(_, row)| row.count).sum();
    let mut text = format!(
        "slowmap  {} processes  {writes} slow writes of {} or more  {} lost",
        session.processes,
        Nanos(session.threshold_nano),
        session.lost
    );
    if session.mode != "slowpath" {
        text += &format!("  {}", session.mode);
    }
    if let Some(output) = &session.output {
        text += &format!("  recording to {output}");
    }
    if view.paused {
        text += "  PAUSED";
    }
    Line::styled(text, bold())
}

fn numbers(row: &Row) -> [Cell<'static>; 5] {
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    [
        right(Nanos(row.nano).to_string()),
        right(row.count.to_string()),
        right(format!("{:.1}", row.per_second)),
        right(Nanos(row.p99_nano).to_string()),
        right(Nanos(row.max_nano).to_string()),
    ]
}

fn header(what: &'static str, view: &View) -> TableRow<'static> {
    let titles = ["time", "writes", "per s", "p99", "max"].map(|title| {
        let mark = if title == view.sort.name() { "v " } else { "" };
        Cell::from(Line::from(format!("{mark}{title}")).right_aligned())
    });
    TableRow::new(titles.into_iter().chain([Cell::from(what)])).style(bold())
}

fn services_table(view: &View) -> Table<'static> {
    let mut services: Vec<_> = view.shown().services.iter().collect();
    services.sort_by_key(|(_, row)| std::cmp::Reverse(row.nano));
    let more = services.len().saturating_sub(LISTED);
    let rows = services.into_iter().take(LISTED).map(|(name, row)| {
        let name = Cell::from(name.clone());
        TableRow::new(numbers(row).into_iter().chain([name]))
    });
    let title = match more {
        0 => format!("Services, rates of the last {RATE_SECONDS} s"),
        more => format!("Services, and {more} more"),
    };
    let widths = NUMBERS.into_iter().chain([Constraint::Min(8)]);
    Table::new(rows, widths)
        .header(header("service", view))
        .block(Block::new().borders(Borders::TOP).title(title))
}

fn causes_bars(view: &View, area: Rect) -> Paragraph<'static> {
    let mut causes: BTreeMap<Cause, u64> = BTreeMap::new();
    for caller in view.callers() {
        for (&cause, &nanos) in &caller.row.by_cause {
            let sum = causes.entry(cause).or_default();
            *sum = sum.saturating_add(nanos);
        }
    }
    let all = causes.values().copied().fold(0, u64::saturating_add).max(1);
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|&(_, nanos)| std::cmp::Reverse(nanos));
    let room = usize::from(area.width).saturating_sub(19 + 7 + 2);
    let lines = causes.into_iter().take(LISTED + 1).map(|(cause, nanos)| {
        let share = nanos as f64 / all as f64;
        let bar = "#".repeat((share * room as f64).round() as usize);
        let percent = Digits(share * 100.0).to_string();
        Line::from(format!("{:<19} {percent:>4} % {bar}", cause.name()))
    });
    let title = "Causes, by time";
    Paragraph::new(lines.collect::<Vec<_>>()).block(Block::new().borders(Borders::TOP).title(title))
}

fn callers_table(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let callers = view.callers();
    let rows = callers.iter().map(|caller| {
        let cause = Cell::from(caller.cause().unwrap_or_default());
        let place = Cell::from(caller.place());
        TableRow::new(numbers(&caller.row).into_iter().chain([cause, place]))
    });
    let title = match view.filter.as_str() {
        "" if callers.is_empty() => "Written by: no slow write so far".to_owned(),
        "" => "Written by".to_owned(),
        filter => format!("Written by, with {filter:?}: {}", callers.len()),
    };
    let titles = header("cause", view);
    let widths = NUMBERS
        .into_iter()
        .chain([Constraint::Length(19), Constraint::Min(20)]);
    let table = Table::new(rows, widths)
        .header(titles)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::new().borders(Borders::TOP).title(title));
    let selected = (!callers.is_empty()).then_some(view.selected);
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn stack(caller: &Caller, from: usize) -> Paragraph<'static> {
    let slowest = &caller.slowest;
    let mut about = format!(
        "{} in goroutine {} of {}",
        Nanos(slowest.duration_nano),
        slowest.goid,
        slowest.pid
    );
    if let Some(map_type) = &slowest.map_type {
        about += &format!(", {map_type}");
    }
    if let Some(entries) = slowest.map_len {
        about += &format!(" of {entries} entries");
    }
    if let Some(trace) = &slowest.trace_id {
        about += &format!(", trace {trace}");
    }
    let frames = slowest.stack.iter().skip(from).cloned().map(Line::from);
    let lines = std::iter::once(Line::styled(about, bold())).chain(frames);
    let title = format!("Slowest write of {}", caller.place());
    Paragraph::new(lines.collect::<Vec<_>>())
        .wrap(Wrap { trim: false })
        .block(Block::new().borders(Borders::TOP).title(title))
}

fn keys(view: &View) -> String {
    if view.typing {
        return format!("filter: {}_   Enter keep  Esc drop", view.filter);
    }
    let [pause, back] = match (view.paused, view.stack) {
        (true, _) => ["p go on", "Esc back"],
        (false, Some(_)) => ["p pause", "Esc back"],
        (false, None) => ["p pause", "Enter stack"],
    };
    let sort = view.sort.name();
    format!("q quit  {pause}  s sort: {sort}  / filter  up/down choose  {back}  c clear")
}
