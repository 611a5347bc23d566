//! The pictures of `docs/report.md`: a real recording of the demo's shop, as Chromium shows it.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use integration::{
    go::{self, Toolchain},
    load::Load,
    machine,
    program::Program,
    requirement, slowmap,
};

use crate::{
    browser::Opened,
    recorded::{self, succeed},
};

/// Set to anything: the pictures of the docs are replaced by new ones.
const RENEW: &str = "SLOWMAP_RENEW_PICTURES";

/// So high that nothing has to be scrolled to.
const WINDOW: (u32, u32) = (1_400, 8_000);

const RECORDED: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(60);

/// A part of the page, from one element to another.
struct Picture {
    name: &'static str,
    first: &'static str,
    last: &'static str,
    scheme: &'static str,
    /// Done to the page before.
    prepared: fn(&Opened) -> Result<()>,
}

const PICTURES: [Picture; 5] = [
    Picture {
        name: "first-screen",
        first: "#overview",
        last: "#advice",
        scheme: "light",
        prepared: |_| Ok(()),
    },
    Picture {
        name: "timeline",
        first: "#timeline-title",
        last: "#callers",
        scheme: "light",
        prepared: |_| Ok(()),
    },
    Picture {
        name: "flame-graph",
        first: "#flame-title",
        last: "#flame",
        scheme: "light",
        prepared: |_| Ok(()),
    },
    Picture {
        name: "each-write",
        first: "#writes-title",
        last: "#details",
        scheme: "light",
        prepared: |page| {
            page.click("#sort-took")?;
            page.press("#writes .body", "ArrowDown")
        },
    },
    Picture {
        name: "dark",
        first: "#timeline-title",
        last: "#timeline",
        scheme: "dark",
        prepared: |page| page.press("#writes .body", "Escape"),
    },
];

#[test]
fn the_pictures_in_the_docs_are_those_of_the_page() -> Result<()> {
    let test = "the_pictures_in_the_docs_are_those_of_the_page";
    if !requirement::root(test) {
        return Ok(());
    }
    let Some(chromium) = requirement::program(test, "chromium") else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out");
    record_the_shop(&out)?;
    let page = Opened::new(&chromium, &out.join("report.html"), WINDOW)?;
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = fs::read_to_string(docs.join("report.md")).context("read docs/report.md")?;
    for picture in &PICTURES {
        page.prefer_color_scheme(picture.scheme)?;
        (picture.prepared)(&page)?;
        let taken = page.picture(picture.first, picture.last)?;
        let path = format!("report/{}.png", picture.name);
        assert!(text.contains(&path), "docs/report.md does not show {path}");
        let path = docs.join(path);
        if std::env::var_os(RENEW).is_some() {
            fs::write(&path, &taken).with_context(|| format!("write {}", path.display()))?;
        }
        let shown = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        println!("{}: {} bytes", picture.name, taken.len());
        // As high as there are rows, that may differ; less of it can only be a page that has lost something.
        let (now, then) = (size(&taken)?, size(&shown)?);
        assert_eq!(
            now.0, then.0,
            "{}: another width, set {RENEW}",
            picture.name
        );
        assert!(now.1 * 2 > then.1, "{}: {now:?}, set {RENEW}", picture.name);
        assert!(
            taken.len() * 2 > shown.len(),
            "{}: there is less on it, set {RENEW}",
            picture.name
        );
    }
    assert_eq!(page.heard().complaints, [] as [String; 0]);
    Ok(())
}

fn record_the_shop(out: &std::path::Path) -> Result<()> {
    let _alone = machine::alone()?;
    let mut shop = Command::new(go::target_with(
        "shop",
        Toolchain::Installed,
        // Where it was built is nobody's business.
        &["-trimpath"],
    )?);
    shop.args(["-listen", "127.0.0.1:0"]);
    shop.env("OTEL_SERVICE_NAME", "shop");
    let mut shop = Program::start(shop)?;
    let ready = shop.line(PATIENCE, |line| line.starts_with("listening on "))?;
    let base = ready.replace("listening on ", "http://");
    let load = Load {
        base,
        paths: ["/checkout", "/import", "/inventory"]
            .map(str::to_owned)
            .to_vec(),
        requests: u64::MAX,
        clients: 2,
        pause: Duration::from_millis(10),
        // It goes on a little longer than slowmap looks.
        limit: RECORDED + Duration::from_secs(2),
    };
    let mut record = slowmap::command(["record", "--trace-url", recorded::TRACE_URL])?;
    // So low that a fast machine has something to show, too.
    record.args(["--threshold", "50us", "--pid"]);
    record.arg(shop.pid().to_string()).arg("--duration");
    record
        .arg(format!("{}s", RECORDED.as_secs()))
        .arg("--output")
        .arg(out);
    let loaded = std::thread::scope(|scope| {
        let loaded = scope.spawn(|| load.run());
        succeed(record)?;
        loaded.join().ok().context("the load panicked")
    })?;
    ensure!(loaded.failed == 0, "{loaded:?}");
    let ended = shop.stop(PATIENCE)?;
    ensure!(ended.code() == Some(0), "{}", ended.stderr);
    Ok(())
}

/// Width and height in pixels, which PNG has after its signature and the head of its first chunk.
fn size(png: &[u8]) -> Result<(u32, u32)> {
    let number = |from: usize| {
        let bytes = png.get(from..from + 4).context("no PNG")?;
        Ok::<u32, anyhow::Error>(u32::from_be_bytes(bytes.try_into()?))
    };
    Ok((number(16)?, number(20)?))
}
