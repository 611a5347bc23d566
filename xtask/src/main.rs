//! `cargo xtask`: what is done with the project beside building it.

mod bench;
mod case;
mod cycles;
mod demo;
mod dist;
mod ebpf;
mod fuzz;
mod image;
mod interrupt;
mod machine;
mod run;
mod tables;
mod test;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the slowmap project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Shows slowmap at work: a shop, a load, and the worst write's trace as it was received
    Demo(demo::Arguments),
    /// Proves the project: lints, unit tests, the BPF rebuild, end-to-end tests on the real kernel
    Test,
    /// Measures what slowmap finds and what it costs
    Bench(bench::Arguments),
    /// Records services whose P99 spikes, and the same repaired, and writes docs/case.md about them
    Case,
    /// Attaches to services that work and detaches, a thousand times, and sees that they are unharmed
    Cycles(cycles::Arguments),
    /// Tries the readers of executables on hostile input
    Fuzz(fuzz::Arguments),
    /// Compares the tables of what a Go release changes with the DWARF of programs that it builds
    Tables(tables::Arguments),
    /// Makes the container image, without a container engine
    Image(image::Arguments),
    /// Builds the static executable that is handed out, for this architecture or another
    Dist(dist::Arguments),
    /// Tries slowmap on other kernels, booted in emulation
    Vm(vm::Arguments),
    /// Rebuilds the BPF objects that the collector embeds
    Ebpf(ebpf::Arguments),
}

fn main() -> ExitCode {
    let done = interrupt::listen().and_then(|()| match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test => test::run(),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Case => case::run(),
        Task::Cycles(arguments) => cycles::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Tables(arguments) => tables::run(&arguments),
        Task::Image(arguments) => image::run(&arguments),
        Task::Dist(arguments) => dist::run(&arguments),
        Task::Vm(arguments) => vm::run(&arguments),
        Task::Ebpf(arguments) => ebpf::run(&arguments),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if interrupt::interrupted() => {
            eprintln!("{error:#}");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
