use std::sync::Arc;

use ratatui::{Terminal, backend::TestBackend};

use super::{
    callers::{Caller, CallerId, Slowest},
    draw::draw,
    statistics::{Row, Session, Snapshot},
    view::{Key, View, Wish},
};
use crate::model::cause::Cause;

fn row(count: u64, nano: u64, cause: Cause) -> Row {
    Row {
        count,
        per_second: count as f64 / 10.0,
        nano,
        p99_nano: nano / count,
        max_nano: nano / count,
        by_cause: [(cause, nano)].into(),
    }
}

fn caller(service: &str, function: &str, row: Row) -> Caller {
    let slowest = Slowest {
        duration_nano: row.max_nano,
        goid: 34,
        pid: 4711,
        map_type: Some("map[string]int".into()),
        map_len: Some(896),
        trace_id: None,
        stack: vec![
            "runtime.mapassign_faststr  /go/src/runtime/map.go:10".into(),
            format!("{function}  /srv/{service}/store.go:42"),
        ],
    };
    Caller {
        id: CallerId {
            service: service.into(),
            function: Some(function.into()),
            file: Some(format!("/srv/{service}/store.go")),
            line: Some(42),
        },
        row,
        slowest: Arc::new(slowest),
    }
}

fn snapshot() -> Snapshot {
    let (put, fill) = (
        row(40, 30_000_000, Cause::Growth),
        row(2, 90_000_000, Cause::GcAssist),
    );
    Snapshot {
        session: Session {
            processes: 2,
            lost: 3,
            threshold_nano: 100_000,
            mode: "slowpath".into(),
            output: Some("out".into()),
        },
        services: vec![
            ("shop".into(), put.clone()),
            ("bakery".into(), fill.clone()),
        ],
        callers: vec![
            caller("shop", "main.put", put),
            caller("bakery", "main.fill", fill),
        ],
    }
}

fn viewed() -> View {
    let mut view = View::default();
    view.show(snapshot());
    view
}

fn screen(view: &View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal.backend().to_string()
}

fn press(view: &mut View, keys: &str) {
    for key in keys.chars() {
        assert_eq!(view.press(Key::Char(key)), Wish::Nothing);
    }
}

#[test]
fn services_causes_and_lines_are_shown_the_slowest_first() {
    let shown = screen(&viewed(), 120, 20);
    let line = |text: &str| {
        let found = shown.lines().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no {text:?} in {shown}"))
    };
    assert_eq!(
        line("slowmap  2 processes  42 slow writes of 100 us or more  3 lost  recording to out"),
        0
    );
    assert!(line("bakery") < line(" shop"));
    assert!(line("gc_assist             75 % ###") < line("growth                25 % ###"));
    let fill = "90 ms        2      0.2    45 ms    45 ms gc_assist           bakery/store.go:42 main.fill";
    assert!(line(fill) < line("shop/store.go:42 main.put"));
    line("q quit  p pause  s sort: time");
}

#[test]
fn keys_sort_filter_and_lead_to_the_stack_and_back() {
    let mut view = viewed();
    let first = |view: &View| {
        view.callers()
            .first()
            .map(|caller| caller.id.service.clone())
    };
    press(&mut view, "s");
    assert_eq!(first(&view).as_deref(), Some("shop"), "most writes");
    press(&mut view, "/FILL");
    assert!(screen(&view, 100, 20).contains("filter: FILL_"));
    view.press(Key::Enter);
    assert_eq!(view.callers().len(), 1);
    assert!(screen(&view, 100, 20).contains("Written by, with \"FILL\": 1"));
    view.press(Key::Enter);
    let stack = screen(&view, 100, 20);
    assert!(
        stack.contains("Slowest write of bakery/store.go:42 main.fill"),
        "{stack}"
    );
    assert!(
        stack.contains("45 ms in goroutine 34 of 4711, map[string]int of 896 entries"),
        "{stack}"
    );
    assert!(
        stack.contains("main.fill  /srv/bakery/store.go:42"),
        "{stack}"
    );
    view.press(Key::Down);
    assert!(!screen(&view, 100, 20).contains("runtime.mapassign_faststr"));
    view.press(Key::Escape);
    view.press(Key::Escape);
    assert_eq!((view.callers().len(), view.stack), (2, None));
    assert_eq!(view.press(Key::Char('c')), Wish::Clear);
    assert_eq!(view.press(Key::Char('q')), Wish::Quit);
    assert_eq!(viewed().press(Key::Interrupt), Wish::Quit);
}

#[test]
fn while_it_is_paused_nothing_changes_and_the_selection_stays_on_its_line() {
    let mut view = viewed();
    view.press(Key::Down);
    assert_eq!(view.selected().unwrap().id.service, "shop");
    press(&mut view, "p");
    view.show(Snapshot::default());
    assert!(screen(&view, 120, 20).contains("PAUSED"));
    assert_eq!(view.callers().len(), 2);
    press(&mut view, "p");
    let mut later = snapshot();
    later.callers[0].row.nano = 900_000_000;
    view.show(later);
    assert_eq!(
        (view.selected, view.selected().unwrap().id.service.as_str()),
        (0, "shop")
    );
}

#[test]
fn any_size_of_terminal_and_an_empty_session_are_drawn() {
    for view in [View::default(), viewed()] {
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 3), (3, 100)] {
            screen(&view, width, height);
        }
    }
    assert!(screen(&View::default(), 80, 24).contains("no slow write so far"));
    let mut empty = View::default();
    for key in [
        Key::Enter,
        Key::Down,
        Key::PageDown,
        Key::Up,
        Key::PageUp,
        Key::Backspace,
    ] {
        assert_eq!(empty.press(key), Wish::Nothing);
    }
}
