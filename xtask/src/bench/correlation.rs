//! How many slow writes are linked to the requests that they slowed down, behind frameworks and with releases of the SDK
//! from the oldest to the newest, and what that costs the service.

use std::time::Duration;

use anyhow::Result;
use integration::{
    frameworks::{self, Linked, ROWS},
    observation,
    truth::{Truth, TruthTarget},
};
use serde::Serialize;

use super::{
    PATIENCE, Scale,
    figure::{Figures, Samples},
};
use crate::interrupt;

/// Requests of each build, with 256 in flight.
const REQUESTS: u32 = 100_000;
const REQUESTS_QUICK: u32 = 5_000;
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize)]
pub struct Correlation {
    pub builds: Vec<Build>,
    pub cost: Figures,
}

#[derive(Debug, Serialize)]
pub struct Build {
    pub name: String,
    pub requests: u32,
    /// Writes under a sampled open span that have an event.
    pub in_spans: usize,
    pub right_trace_percent: f64,
    pub right_span_percent: f64,
    /// Linked to another request's trace, or to any where no span was open.
    pub wrong: usize,
    /// Under no open span, and not linked.
    pub rightly_not: usize,
}

pub fn build() -> Result<()> {
    ROWS.iter().try_for_each(|row| row.build().map(drop))
}

pub fn measure(scale: Scale) -> Result<Correlation> {
    let requests = if scale.quick {
        REQUESTS_QUICK
    } else {
        REQUESTS
    };
    let mut builds = Vec::new();
    for row in ROWS {
        let name = row.name()?;
        eprintln!("correlation, {name}");
        interrupt::check()?;
        let mut all = Linked::default();
        for linked in row.observe(requests, LIMIT)?.values() {
            all.add(linked);
        }
        let (right_trace_percent, right_span_percent) = all.right_percent();
        builds.push(Build {
            name,
            requests,
            in_spans: all.in_spans(),
            right_trace_percent,
            right_span_percent,
            wrong: all.wrong + all.unsampled_wrong,
            rightly_not: all.rightly_not,
        });
    }
    Ok(Correlation {
        builds,
        cost: cost(scale, requests / 5)?,
    })
}

/// With slowmap's own threshold and budget; which of the two goes first changes from round to round.
fn cost(scale: Scale, requests: u32) -> Result<Figures> {
    let [.., newest, _] = ROWS;
    let target = || Ok::<_, anyhow::Error>(frameworks::command(&newest.build()?, requests));
    let without = || -> Result<Truth> {
        let directory = tempfile::tempdir()?;
        let mut target = TruthTarget::start(target()?, directory.path())?;
        target.begin()?;
        target.finish(LIMIT + PATIENCE)
    };
    let with = || Ok::<_, anyhow::Error>(observation::of(target()?, &[], LIMIT)?.truth);
    let mut samples = Samples::default();
    for round in 1..=scale.rounds {
        eprintln!("cost of correlation, round {round}");
        interrupt::check()?;
        let (without, with) = if round % 2 == 0 {
            (without()?, with()?)
        } else {
            let with = with()?;
            (without()?, with)
        };
        let [without, with] = [without, with].map(|truth| truth.outcome.throughput);
        samples.add("requests_per_second_without", without);
        samples.add("requests_per_second_with", with);
        samples.add("lost_percent", (1.0 - with / without) * 100.0);
    }
    Ok(samples.figures())
}
