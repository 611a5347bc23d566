//! `report.html` of a real recording in a real browser.

mod browser;
mod pictures;
mod recorded;

use std::path::Path;

use anyhow::{Context, Result};
use browser::{Opened, WINDOW};
use integration::requirement;
use recorded::Recorded;
use serde_json::Value;

fn number(value: &Value) -> Result<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.with_context(|| format!("no number: {value}"))
}

#[test]
fn the_page_shows_the_recording_as_it_is_and_asks_nobody_for_anything() -> Result<()> {
    let test = "the_page_shows_the_recording_as_it_is_and_asks_nobody_for_anything";
    if !requirement::root(test) {
        return Ok(());
    }
    let Some(chromium) = requirement::program(test, "chromium") else {
        return Ok(());
    };
    let recorded = &Recorded::of_a_service_with_a_hostile_name()?;
    let samples = recorded.correlate()?;
    let page = Opened::new(&chromium, &recorded.page(), WINDOW)?;
    the_services_own_durations_are_beside_the_writes(&page, samples)?;
    figures_are_those_of_the_summary(&page, recorded)?;
    names_stay_text(&page)?;
    the_table_filters_and_sorts(&page, recorded)?;
    a_trace_is_a_link(&page, recorded)?;
    it_can_be_used_by_keyboard(&page)?;
    the_flame_graph_zooms(&page)?;
    dark_is_dark(&page)?;
    assert_eq!(
        page.evaluate("document.getElementById('comparison').hidden")?,
        true
    );
    let heard = page.heard();
    assert_eq!(heard.complaints, [] as [String; 0]);
    let own = format!("file://{}", recorded.page().display());
    let others: Vec<_> = heard
        .requests
        .iter()
        .filter(|url| **url != own && *url != "data:,")
        .collect();
    assert!(others.is_empty(), "{others:?}");
    many_stay_fluid(recorded, &chromium)
}

fn figures_are_those_of_the_summary(page: &Opened, recorded: &Recorded) -> Result<()> {
    let summary = &recorded.recording.summary;
    let figure = |id: &str| {
        number(&page.evaluate(&format!("document.getElementById('figure-{id}').value"))?)
    };
    assert_eq!(figure("writes")?, number(&summary["counts"]["writes"])?);
    assert_eq!(figure("traces")?, number(&summary["counts"]["in_a_trace"])?);
    assert_eq!(figure("lost")?, number(&summary["losses"]["total"])?);
    for percentile in ["p50", "p90", "p99", "max"] {
        assert_eq!(
            figure(percentile)?,
            number(&summary["latency"][percentile])?,
            "{percentile}"
        );
    }
    let nanos: u64 = recorded
        .recording
        .events
        .iter()
        .map(|event| event.duration_nano)
        .sum();
    assert_eq!(figure("time")?, nanos as f64);
    let worst = page.evaluate("document.querySelector('#worst-callers tbody td').textContent")?;
    let worst = worst.as_str().context("a text")?;
    assert!(
        worst.contains("main.(*service).build") && worst.contains(".go:"),
        "{worst}"
    );
    Ok(())
}

fn the_services_own_durations_are_beside_the_writes(page: &Opened, samples: usize) -> Result<()> {
    assert_eq!(page.evaluate("timeline.series.length")?, samples);
    assert_eq!(page.evaluate("timeline.rate.length")?, recorded::REQUESTS);
    let legend = page.evaluate("document.getElementById('legend').textContent")?;
    let most = format!("{} requests/s at most", recorded::REQUESTS - 1);
    assert!(
        legend.as_str().is_some_and(|text| text.contains(&most)),
        "{legend}"
    );
    let told = page.evaluate("document.getElementById('spikes').textContent")?;
    let told = told.as_str().context("a text")?;
    assert!(
        told.contains("p99.csv") && told.contains("1 ms usually"),
        "{told}"
    );
    let rows = page.evaluate("document.querySelectorAll('#spikes tbody tr').length")?;
    assert_eq!(rows, 1, "{told}");
    Ok(())
}

fn names_stay_text(page: &Opened) -> Result<()> {
    assert_eq!(page.evaluate("typeof window.hacked")?, "undefined");
    assert_eq!(
        page.evaluate("document.querySelectorAll('script').length")?,
        2
    );
    assert_eq!(page.evaluate("document.querySelectorAll('img').length")?, 0);
    let services = page.evaluate("[...document.querySelectorAll('#filter-service option')].map((option) => option.textContent)")?;
    assert_eq!(services, serde_json::json!(["all", recorded::HOSTILE]));
    Ok(())
}

fn the_table_filters_and_sorts(page: &Opened, recorded: &Recorded) -> Result<()> {
    let events = &recorded.recording.events;
    let growths = events
        .iter()
        .filter(|event| event.cause == "growth")
        .count();
    assert!(
        growths > 0 && growths < events.len(),
        "{growths} of {}",
        events.len()
    );
    let number = page.evaluate("String(report.causes.indexOf('growth'))")?;
    page.set("#filter-cause", number.as_str().context("a number")?)?;
    assert_eq!(page.evaluate("view.visible.length")?, growths);
    let causes = page.evaluate("[...new Set([...document.querySelectorAll('.body .row > :nth-child(3)')].map((cell) => cell.textContent))]")?;
    assert_eq!(causes, serde_json::json!(["growth"]));
    page.click("#filter-reset")?;
    let goid = events[events.len() / 2].goid;
    page.set("#filter-goid", &goid.to_string())?;
    let of_it = events.iter().filter(|event| event.goid == goid).count();
    assert_eq!(page.evaluate("view.visible.length")?, of_it);
    page.click("#filter-reset")?;
    assert_eq!(page.evaluate("view.visible.length")?, events.len());

    page.click("#sort-took")?;
    let longest = events.iter().map(|event| event.duration_nano).max();
    assert_eq!(
        page.evaluate("rows.took[view.visible[0]]")?.as_u64(),
        longest
    );
    let shown = "[...document.querySelectorAll('.body .row')][0].children[1].textContent === duration(rows.took[view.visible[0]])";
    assert_eq!(page.evaluate(shown)?, true);
    page.click("#sort-took")?;
    let ascending = "view.visible.every((row, index, all) => index === 0 || rows.took[all[index - 1]] <= rows.took[row])";
    assert_eq!(page.evaluate(ascending)?, true);
    Ok(())
}

fn a_trace_is_a_link(page: &Opened, recorded: &Recorded) -> Result<()> {
    let trace = recorded
        .recording
        .events
        .iter()
        .find_map(|event| event.trace_id.as_deref());
    let trace = trace.context("no write in a trace")?;
    page.set("#filter-trace", trace)?;
    let link = page.evaluate("document.querySelector('.body a').href")?;
    assert_eq!(link, recorded::TRACE_URL.replace("{trace_id}", trace));
    page.click("#filter-reset")
}

fn it_can_be_used_by_keyboard(page: &Opened) -> Result<()> {
    page.press("#writes .body", "ArrowDown")?;
    page.press("#writes .body", "ArrowDown")?;
    assert_eq!(page.evaluate("view.visible.indexOf(view.chosen)")?, 1);
    let said = page.evaluate("document.getElementById('details').textContent")?;
    assert!(
        said.as_str()
            .is_some_and(|text| text.contains("main.(*service).build")),
        "{said}"
    );
    page.press("#writes .body", "Escape")?;
    assert_eq!(
        page.evaluate("document.getElementById('details').hidden")?,
        true
    );
    page.press("#timeline", "ArrowRight")?;
    assert_eq!(page.evaluate("view.chosen")?, 0, "the first in time");
    page.press("#timeline", "Escape")
}

fn the_flame_graph_zooms(page: &Opened) -> Result<()> {
    let boxes = "document.querySelectorAll('#flame button').length";
    let widest = "[...document.querySelectorAll('#flame button')].filter((box) => box.style.width === '100%').length";
    let (all, wide) = (page.evaluate(boxes)?, page.evaluate(widest)?);
    page.evaluate("[...document.querySelectorAll('#flame button')].at(-1).click()")
        .ok();
    assert!(page.evaluate(boxes)?.as_u64() < all.as_u64());
    assert!(page.evaluate(widest)?.as_u64() > wide.as_u64());
    page.click("#flame-reset")?;
    assert_eq!(page.evaluate(boxes)?, all);
    page.click("#flame-measure input[value=count]")?;
    let total = page.evaluate("flame.root.count")?;
    assert_eq!(total, page.evaluate("report.overview.count")?);
    Ok(())
}

fn dark_is_dark(page: &Opened) -> Result<()> {
    let ground = "getComputedStyle(document.body).backgroundColor";
    page.prefer_color_scheme("light")?;
    assert_eq!(page.evaluate(ground)?, "rgb(255, 255, 255)");
    page.prefer_color_scheme("dark")?;
    assert_eq!(page.evaluate(ground)?, "rgb(20, 23, 28)");
    Ok(())
}

/// Only what is in sight is an element, and all can be reached.
fn many_stay_fluid(recorded: &Recorded, chromium: &Path) -> Result<()> {
    let many = recorded.repeated(120_000)?;
    let page = Opened::new(chromium, &many.path().join("report.html"), WINDOW)?;
    assert_eq!(
        page.evaluate("report.overview.count")?,
        120_000,
        "figures are of all"
    );
    assert_eq!(
        page.evaluate("rowCount")?,
        100_000,
        "the slowest are there one by one"
    );
    let warnings = page.evaluate(
        "[...document.querySelectorAll('.warning')].map((said) => said.textContent).join()",
    )?;
    assert!(
        warnings
            .as_str()
            .is_some_and(|text| text.contains("100,000 slowest of 120,000")),
        "{warnings}"
    );
    assert!(
        page.evaluate("document.querySelectorAll('*').length")?
            .as_u64()
            < Some(2_000)
    );
    for step in [
        "paintTimeline()",
        "fillRows()",
        "sortBy('caller')",
        "nearest(300, 100)",
    ] {
        let timed = format!(
            "(() => {{ const begin = performance.now(); {step}; return performance.now() - begin; }})()"
        );
        println!("{step}: {} ms", page.evaluate(&timed)?);
    }
    page.evaluate("sortBy('at') === undefined")?;
    page.press("#writes .body", "End")?;
    assert_eq!(page.evaluate("view.chosen")?, 99_999);
    assert_eq!(
        page.evaluate("document.querySelectorAll('.row.chosen').length")?,
        1,
        "it is in sight"
    );
    let compared = page.evaluate("document.querySelector('#comparison tbody tr').textContent")?;
    let after = grouped(recorded.recording.events.len());
    assert!(
        compared
            .as_str()
            .is_some_and(|text| text.contains("120,000") && text.contains(&after)),
        "{compared}"
    );
    assert_eq!(page.heard().complaints, [] as [String; 0]);
    Ok(())
}

/// As the page writes it: `1,933`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}
