//! docs/case.md, with the figures of the run.

use std::fmt::Write;

use anyhow::{Context, Result};
use integration::{
    case::{P99, Requests, Taken},
    sources,
};

use super::Played;
use crate::bench::Machine;

/// What only people can say of a service.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    title: &'static str,
    /// What it does.
    service: &'static str,
    /// What is not explained, and why.
    limits: &'static str,
    /// What was wrong, and what the code does now.
    repair: &'static str,
    /// Files and functions of `integration/targets/intake`.
    code: [(&'static str, &'static str); 2],
}

pub const LARGE_MAP: Texts = Texts {
    title: "One large map under a lock",
    service: "A service takes in batches of events and remembers their ids, up to 15 million, so that each is passed on once. \
        Requests look their ids up and add them under a lock. When it remembers too many, it begins anew.",
    limits: "What is not explained: while such a map moves its entries over, each write moves some of them, far below the \
        threshold. Where requests bring so many writes that they queue, that alone is a spike.",
    repair: "A map of Go 1.23 and before doubles at once: the write that makes it grow gets an array for twice as many entries, \
        and zeroes it if the memory was used before, for hundreds of megabytes at the end. Who wants the lock waits. \
        Repaired, the ids are in 256 maps with a lock each, made with the size that they get, and emptied by `clear`, \
        which keeps their memory.",
    code: [
        ("intake.go", "func (s *seen) add("),
        ("shards.go", "func (s *shard) add("),
    ],
};

pub const BUILT_ANEW: Texts = Texts {
    title: "A map that is built anew under a lock",
    service: "A service answers what each of 300,000 products costs. Every twelve seconds it gets the whole price list anew. With \
        Go 1.24 and later a map grows by parts of 1,024 entries, so that no single write takes as long as above; \
        there are just hundreds of them in a row.",
    limits: "What the writes do not make up is the time of all the others under the same lock: 300,000 of them are below the \
        threshold.",
    repair: "The map was made without its size, and filled while the lock was held. Repaired, it is made with its size, filled \
        before anybody has to wait for it, and then put in the old one's place.",
    code: [
        ("prices.go", "func (l *priceList) update("),
        ("prices.go", "func (l *priceList) swap("),
    ],
};

pub fn page(played: &[Played]) -> Result<String> {
    let machine = Machine::this()?;
    let mut out = format!(
        "# The case: a P99 that spikes, and nobody knows why\n\n\
         Two services (`integration/targets/intake`) that know nothing of slowmap. Their P99 is some milliseconds; now and then it \
         is a hundred times that. CPU, network and disk look healthy, and so does the garbage collector. \
         `cargo xtask case` runs both, records them with `slowmap record`, as they are and repaired, and writes this \
         page: all figures, texts and pictures are of one such run, on {} cores of an {}, Linux {}. \
         `integration/tests/case.rs` is a small one as a test.\n",
        machine.cpus,
        machine.cpu_model,
        // Without what a distribution appends.
        machine.kernel.split('-').next().unwrap_or_default()
    );
    for one in played {
        section(&mut out, one)?;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    Ok(out)
}

fn section(out: &mut String, played: &Played) -> Result<()> {
    let (name, texts) = (played.name, played.texts);
    let [before, after] = [&played.before, &played.after];
    writeln!(
        out,
        "\n## {} ({})\n",
        texts.title,
        played.go.replace("go", "Go ")
    )?;
    writeln!(out, "{} {}\n", texts.service, load(played.requests))?;
    writeln!(
        out,
        "![The service's P99 over time, as it is and repaired](case/{name}.svg)\n"
    )?;
    table(out, before, after)?;
    writeln!(out, "\n### One command\n")?;
    writeln!(
        out,
        "`slowmap record --pid $(pidof intake) --output before` says at its end:\n"
    )?;
    block(out, "", &before.told)?;
    writeln!(out, "![The top of report.html](case/{name}.png)\n")?;
    writeln!(
        out,
        "And `slowmap correlate` against the Prometheus that scrapes the service, with the query\n`{P99}`:\n"
    )?;
    block(out, "", &before.correlated)?;
    writeln!(out, "{}\n", texts.limits)?;
    let [wrong, right] = texts.code;
    writeln!(out, "### The line, and the repair\n")?;
    block(out, "go", &function(wrong)?)?;
    writeln!(out, "{}\n", texts.repair)?;
    block(out, "go", &function(right)?)?;
    writeln!(
        out,
        "`slowmap report before --compare after` then says what has changed:\n"
    )?;
    // The recording's own lines come first, as above.
    let changed = played.compared.find("before: before");
    block(out, "", changed.map_or("", |at| &played.compared[at..]))
}

fn load(requests: Requests) -> String {
    match requests {
        Requests::Ids { batch, per_second } => {
            format!("The load is {per_second} requests a second with {batch} new ids each.")
        }
        Requests::Prices { per_second } => {
            format!("The load is {per_second} requests a second.")
        }
    }
}

fn table(out: &mut String, before: &Taken, after: &Taken) -> Result<()> {
    writeln!(out, "| | as it is | repaired |\n|---|---|---|")?;
    let mut row = |name: &str, figure: &dyn Fn(&Taken) -> String| {
        writeln!(out, "| {name} | {} | {} |", figure(before), figure(after))
    };
    row("P99, median", &|taken| format!("{:.1} ms", taken.median()))?;
    row("P99, highest", &|taken| {
        format!("{:.1} ms", taken.highest())
    })?;
    row("longest pause by the garbage collector", &|taken| {
        format!("{:.1} ms", taken.gc_pause.as_secs_f64() * 1e3)
    })?;
    row("requests", &|taken| taken.requests.to_string())?;
    Ok(())
}

fn block(out: &mut String, language: &str, text: &str) -> Result<()> {
    let text = text.trim_matches('\n');
    Ok(writeln!(out, "```{language}\n{text}\n```\n")?)
}

/// A function of the service, as it is written there.
fn function((file, begin): (&str, &str)) -> Result<String> {
    let path = sources::repository().join("integration/targets/intake");
    let text = std::fs::read_to_string(path.join(file))?;
    let lines = text.lines().skip_while(|line| !line.starts_with(begin));
    let mut code = String::new();
    for line in lines {
        writeln!(code, "{line}")?;
        if line == "}" {
            return Ok(code);
        }
    }
    Err(anyhow::anyhow!("{file} has no whole {begin}"))
        .context("the case's page shows the service's code")
}
