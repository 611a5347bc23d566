//! `flamegraph.svg`: the folded stacks as a picture that any browser shows; a click zooms.

use std::{io::Write, path::Path};

use inferno::flamegraph::{self, Options};

use crate::report::{error::ReportError, output::Output};

/// The picture of nothing.
const EMPTY: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"40\">\
<text x=\"12\" y=\"26\" font-family=\"sans-serif\">No slow map write was recorded.</text></svg>\n";

/// Of folded lines.
pub fn write_flamegraph(directory: &Path, lines: &[String]) -> Result<(), ReportError> {
    let mut output = Output::create(directory, "flamegraph.svg")?;
    let written = if lines.is_empty() {
        output.write_all(EMPTY.as_bytes())
    } else {
        draw(lines, &mut output)
    };
    written.map_err(|source| output.failed(source))?;
    output.finish()
}

fn draw(lines: &[String], output: &mut Output) -> std::io::Result<()> {
    let mut options = Options::default();
    options.title = "Slow map writes".into();
    options.subtitle = Some("width: time lost".into());
    options.count_name = "ns".into();
    // The same function has the same colour in every recording.
    options.hash = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), output)
}
