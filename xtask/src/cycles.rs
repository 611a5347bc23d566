//! `cargo xtask cycles`: slowmap attached to targets and detached from them, over and over.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use integration::{cycles, machine::alone};

use crate::{interrupt, machine};

/// How often it says how far it is.
const EACH: usize = 50;

/// Attaches to a default target, a PIE and a static PIE and detaches, again and again, and sees that they are unharmed
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many times, all three at once
    #[arg(long, default_value_t = 1000)]
    count: usize,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    machine::need_go()?;
    if !machine::is_root() {
        bail!(
            "attaching probes needs root: {}",
            machine::as_root("cargo xtask cycles")
        );
    }
    let _alone = alone()?;
    let begin = Instant::now();
    let done = cycles::run(|count| {
        if count.is_multiple_of(EACH) {
            println!("{count} cycles, {:.0} s", begin.elapsed().as_secs_f64());
        }
        count < arguments.count && !interrupt::interrupted()
    })?;
    println!("\n{}\n", table(&done));
    let mean = |sum: Duration| sum.as_secs_f64() * 1e3 / done.count.max(1) as f64;
    println!(
        "{} cycles: attached {:.0} ms after slowmap's start, detached {:.0} ms after it was told to end; no target crashed, \
         all checksums are right, all code is as before",
        done.count,
        mean(done.attaching),
        mean(done.detaching)
    );
    interrupt::check()
}

fn table(done: &cycles::Cycles) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "target",
        "bytes of code altered meanwhile",
        "afterwards",
        "map writes",
        "stacks grown",
        "shrunk",
        "garbage collections",
    ]);
    for target in &done.targets {
        let (fewest, most) = target.altered;
        let outcome = &target.outcome;
        table.add_row([
            target.way.to_owned(),
            match fewest == most {
                true => most.to_string(),
                false => format!("{fewest} to {most}"),
            },
            "0".to_owned(), // Otherwise it would have been an error.
            outcome.writes.to_string(),
            outcome.grown.to_string(),
            outcome.shrunk.to_string(),
            outcome.collections.to_string(),
        ]);
    }
    table
}
