//! The P99 of a service over the time of its recording, as it was and repaired.

use std::path::Path;

use anyhow::{Result, anyhow};
use integration::case::Sample;
use plotters::prelude::*;

use super::Played;

const SIZE: (u32, u32) = (900, 340);
/// Told apart by those who see no red as well, and on dark pages.
const BEFORE: RGBColor = RGBColor(213, 94, 0);
const AFTER: RGBColor = RGBColor(0, 114, 178);

pub fn draw(played: &Played, path: &Path) -> Result<()> {
    // Its errors are not Send.
    lines(played, path).map_err(|error| anyhow!("draw {}: {error}", path.display()))
}

fn lines(played: &Played, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let all = || played.before.p99.iter().chain(&played.after.p99);
    let end = all().map(|sample| sample.seconds).fold(1.0, f64::max);
    let top = all().map(|sample| sample.millis).fold(1.0, f64::max) * 1.05;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("seconds of the recording")
        .y_desc("P99, ms")
        .x_label_formatter(&|seconds| format!("{seconds:.0}"))
        .y_label_formatter(&|millis| format!("{millis:.0}"))
        .draw()?;
    let both = [
        ("as it is", &played.before.p99, BEFORE),
        ("repaired", &played.after.p99, AFTER),
    ];
    for (name, samples, color) in both {
        let point = |sample: &Sample| (sample.seconds, sample.millis);
        let line = LineSeries::new(samples.iter().map(point), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
