//! The file.

use std::{fmt, io::Write, path::Path, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{data::Data, names::Names, rows::Rows, stacks::Stacks, totals::Totals};
use crate::{
    model::{cause::Cause, recorded::RecordedWrite},
    report::{
        error::ReportError,
        files::{Asked, Reported},
        output::Output,
        recording::Recording,
        spikes::kept,
    },
};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = concat!(
    include_str!("style/page.css"),
    include_str!("style/charts.css"),
    include_str!("style/table.css"),
);
/// Each declares what it is named after, for those behind it.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("script/element.js"),
    include_str!("script/format.js"),
    include_str!("script/data.js"),
    include_str!("script/colors.js"),
    include_str!("script/overview.js"),
    include_str!("script/advice.js"),
    include_str!("script/comparison.js"),
    include_str!("script/spikes.js"),
    include_str!("script/histogram.js"),
    include_str!("script/callers.js"),
    include_str!("script/flame.js"),
    include_str!("script/details.js"),
    include_str!("script/filter.js"),
    include_str!("script/table.js"),
    include_str!("script/timeline.js"),
    include_str!("script/limits.js"),
    include_str!("script/main.js"),
);

/// Where a trace can be looked at: a URL with `{trace_id}` in it, and `{span_id}` if wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TraceUrl(String);

impl FromStr for TraceUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_the_web = text.starts_with("https://") || text.starts_with("http://");
        if !of_the_web || !text.contains("{trace_id}") {
            return Err(
                "must begin with https:// or http:// and have {trace_id} in it, e.g. \
                 https://jaeger.example/trace/{trace_id}"
                    .into(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TraceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Default)]
pub struct Page {
    names: Names,
    totals: Totals,
    stacks: Stacks,
    rows: Rows,
}

impl Page {
    pub fn add(&mut self, write: &RecordedWrite) {
        self.totals.add(write, &mut self.names);
        self.stacks.add(write, &mut self.names);
        self.rows.add(write, &mut self.names);
    }

    pub fn write(
        self,
        recording: &Recording,
        reported: &Reported,
        asked: &Asked,
    ) -> Result<(), ReportError> {
        let data = Data {
            directory: name(&recording.directory),
            summary: recording.summary.as_ref(),
            unread: reported.unread,
            advice: &reported.advice,
            trace_url: asked.trace_url.as_ref(),
            comparison: asked.comparison.as_ref(),
            spikes: kept(&recording.directory, recording.summary.as_ref()),
            causes: Cause::ALL.iter().map(|cause| cause.name()).collect(),
            overview: self.totals.into_overview(),
            names: self.names,
            stacks: self.stacks,
            rows: self.rows.into_columns(asked.since_start),
        };
        let mut output = Output::create(&recording.directory, "report.html")?;
        let written = write_page(&data, &mut output);
        written.map_err(|source| output.failed(source))?;
        output.finish()
    }
}

/// The template with its places filled in: `<!--style-->` and the like.
fn write_page(data: &Data<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let json = data.to_json()?;
    let mut rest = TEMPLATE;
    while let Some((before, place)) = rest.split_once("<!--") {
        let (place, after) = place.split_once("-->").unwrap_or((place, ""));
        out.write_all(before.as_bytes())?;
        match place {
            "policy" => write!(out, "{}", policy())?,
            "style" => write!(out, "<style>{STYLE}</style>")?,
            "data" => write!(
                out,
                "<script type=\"application/json\" id=\"data\">{json}</script>"
            )?,
            "script" => write!(out, "<script>{SCRIPT}</script>")?,
            _ => {}
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// The browser runs this script and loads nothing, whatever names may be in the page.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{}'; \
         style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'\">",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// The directory's own name.
fn name(directory: &Path) -> String {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let name = directory.file_name().unwrap_or(directory.as_os_str());
    name.to_string_lossy().into_owned()
}
