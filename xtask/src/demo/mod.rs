//! `cargo xtask demo`: a service, a load, slowmap beside it, and what a backend has received of both.

mod backend;
mod page;
mod proof;
mod scene;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use integration::{
    cargo, go,
    go::Toolchain,
    slowmap, sources,
    trace::{
        slow::SlowSpan,
        span::Span,
        text,
        tree::{self, slow_writes_with_parent},
    },
};

use crate::{interrupt, machine, run};
use backend::{Backend, Choice};
use scene::Scene;

/// Writes in the table; the page has more.
const SHOWN_WRITES: usize = 15;

/// How long what was sent may be under way.
const ARRIVAL: Duration = Duration::from_secs(20);

/// No new slow write for so long: all have arrived.
const SETTLED: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Leave everything running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Where traces go: embedded (in this process), jaeger (built once, some minutes), or the URL of an OTLP
    /// endpoint that speaks gRPC, e.g. http://localhost:4317
    #[arg(long, default_value = "embedded", value_name = "embedded|jaeger|URL")]
    backend: Choice,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if !machine::is_root() {
        let command = format!("cargo xtask demo --backend {}", arguments.backend);
        bail!(
            "the demo needs root, to attach probes; run: {}",
            machine::as_root(&command)
        );
    }
    machine::need_go()?;
    let shop = build()?;
    interrupt::check()?;
    let backend = Backend::start(&arguments.backend)?;
    let scene = Scene::start(&shop, &backend)?;
    println!("shop at {}, pid {}", scene.address, scene.shop.pid());
    scene.load()?;
    // A remote endpoint cannot be asked; slowmap says at its end what was accepted there.
    if let Some(spans) = settled(&backend)? {
        show(&spans, &backend)?;
    }
    if arguments.keep {
        keep(&scene, &backend)?;
    }
    let sent = scene.end()?;
    if let Backend::Remote { .. } = backend {
        look_there(&sent, &backend)?;
    }
    sent.shop_ended_well()
}

/// slowmap and the shop.
fn build() -> Result<PathBuf> {
    if std::env::var_os("SLOWMAP_BIN").is_none() {
        println!("building slowmap");
        let mut build = cargo::command();
        build.args(["build", "--release", "--bin", "slowmap"]);
        run::succeed(build)?;
    }
    slowmap::binary()?;
    interrupt::check()?;
    println!("building the shop");
    go::target("shop", Toolchain::Installed)
}

/// What was received, once nothing more comes. `None`: the backend cannot be asked.
fn settled(backend: &Backend) -> Result<Option<Vec<Span>>> {
    let (deadline, mut last, mut since) = (Instant::now() + ARRIVAL, 0, Instant::now());
    loop {
        let Some(spans) = backend.spans()? else {
            return Ok(None);
        };
        let writes = spans.iter().filter_map(SlowSpan::of).count();
        if writes != last {
            (last, since) = (writes, Instant::now());
        }
        let quiet = writes > 0 && since.elapsed() >= SETTLED;
        if quiet || Instant::now() >= deadline {
            return Ok(Some(spans));
        }
        interrupt::sleep(Duration::from_millis(500))?;
    }
}

fn show(spans: &[Span], backend: &Backend) -> Result<()> {
    let writes = slow_writes_with_parent(spans);
    let proven = proof::of(spans, &writes, backend.precision())?;
    println!(
        "\n{} slow map writes inside of requests, as {} received them; the slowest:\n",
        writes.len(),
        backend.name()
    );
    print!("{}", text::table(&writes, SHOWN_WRITES));
    let trace = &proven.write.span.trace_id;
    println!("\nThe request with the slowest of the shop's own code, trace {trace}:\n");
    let roots = tree::roots(spans, trace);
    println!("{}", text::tree(&roots, proven.write.span));
    println!("{}", proven.summary());
    match proof::below_outer_span(spans, &writes) {
        0 => {}
        outer => println!(
            "{outer} of the {} are below an outer span of their request, not the innermost",
            writes.len()
        ),
    }
    let page = page::write(
        &sources::repository().join("target/demo"),
        &writes,
        &roots,
        &proven,
    )?;
    println!("the same as a page: file://{}", page.display());
    if let Some(url) = backend.trace_url(trace) {
        println!("the same from Jaeger: {url}");
    }
    Ok(())
}

fn keep(scene: &Scene, backend: &Backend) -> Result<()> {
    println!("\nleft up until Ctrl-C:");
    for path in scene::PATHS {
        println!("  curl http://{}{path}", scene.address);
    }
    println!("  OTLP (gRPC) at {}", backend.endpoint());
    if let Backend::Jaeger(jaeger) = backend {
        println!("  Jaeger at {}", jaeger.query_url());
    }
    while !interrupt::interrupted() {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("ending");
    Ok(())
}

/// An endpoint that cannot be asked: what slowmap itself says it has sent there.
fn look_there(sent: &scene::Sent, backend: &Backend) -> Result<()> {
    let exported = sent
        .exported
        .context("slowmap did not say what it has sent")?;
    if exported == 0 {
        bail!(
            "nothing arrived at {}: is it an OTLP endpoint that speaks gRPC?\n{}",
            backend.endpoint(),
            sent.log
        );
    }
    println!(
        "{exported} slow map writes were accepted there. Look for the service `{}` and the span `{}`.",
        scene::SERVICE,
        integration::trace::slow::SPAN_NAME
    );
    Ok(())
}
