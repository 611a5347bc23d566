//! The two rules of ARCHITECTURE.md, held against the source: stages never import each other, and every library
//! has its fence.

mod source;

use source::{Reference, SourceFile};

/// The stages, and the machine check, which is none but is bound by the same rule. All else at the root of the
/// crate (`pipeline`, `examine`, `config`, the command line) joins them.
const STAGES: [&str; 20] = [
    "advise",
    "alert",
    "assemble",
    "attach",
    "attribute",
    "check",
    "correlate",
    "discover",
    "distribution",
    "explain",
    "export",
    "governor",
    "inspect",
    "kubernetes",
    "live",
    "plan",
    "query",
    "receive",
    "report",
    "symbolize",
];

/// What stages share.
const SHARED: [&str; 2] = ["golang", "model"];

struct Fence {
    /// Crates, or the beginning of a path in the file system.
    fenced: &'static [&'static str],
    /// Modules at the root of the crate.
    within: &'static [&'static str],
}

const LIBRARIES: [Fence; 12] = [
    Fence {
        fenced: &["aya", "aya_obj"],
        within: &["attach", "receive"],
    },
    Fence {
        fenced: &["object", "gimli", "iced_x86"],
        within: &["inspect"],
    },
    Fence {
        fenced: &["blazesym"],
        within: &["symbolize"],
    },
    Fence {
        fenced: &[
            "opentelemetry",
            "opentelemetry_proto",
            "opentelemetry_sdk",
            "tonic",
            "tonic_prost",
            "tonic_types",
            "hyper",
            "hyper_util",
            "http_body_util",
            "prometheus_client",
            "zstd",
            "crc32fast",
        ],
        within: &["export"],
    },
    Fence {
        fenced: &["ratatui"],
        within: &["live"],
    },
    Fence {
        fenced: &["reqwest"],
        within: &["export", "kubernetes", "query"],
    },
    Fence {
        fenced: &["parquet", "inferno", "statrs"],
        within: &["report"],
    },
    Fence {
        fenced: &["csv"],
        within: &["query", "report"],
    },
    Fence {
        fenced: &["chrono"],
        within: &["query"],
    },
    Fence {
        fenced: &["prost", "flate2"],
        within: &["export", "report"],
    },
    Fence {
        fenced: &["procfs", "procfs_core"],
        within: &["discover", "inspect", "correlate"],
    },
    // A stage has an error type of its own; what joins them need not tell one from another.
    Fence {
        fenced: &["anyhow"],
        within: &["cli", "failure", "main", "pipeline"],
    },
];

/// `check` asks the machine itself, not its processes.
const PROC: Fence = Fence {
    fenced: &["/proc"],
    within: &["check", "correlate", "discover", "inspect"],
};

fn violations(forbidden: impl Fn(&SourceFile, &Reference) -> Option<String>) -> Vec<String> {
    let files = source::files();
    assert!(files.len() > STAGES.len(), "the source was not found");
    let mut violations = Vec::new();
    for file in &files {
        for reference in &file.references {
            if let Some(why) = forbidden(file, reference) {
                violations.push(format!("{}:{}: {why}", file.path.display(), reference.line));
            }
        }
    }
    violations
}

#[test]
fn stages_import_nothing_of_each_other_nor_of_what_joins_them() {
    let violations = violations(|file, reference| {
        let module = reference.own_module()?;
        let own = file.root_module();
        let permitted = !STAGES.contains(&own) || module == own || SHARED.contains(&module);
        (!permitted).then(|| format!("{own} imports {module}"))
    });
    assert_eq!(violations, [] as [String; 0]);
}

#[test]
fn what_stages_share_imports_no_stage() {
    let violations = violations(|file, reference| {
        let module = reference.own_module()?;
        let own = file.root_module();
        let permitted = !SHARED.contains(&own) || SHARED.contains(&module);
        (!permitted).then(|| format!("{own} imports {module}"))
    });
    assert_eq!(violations, [] as [String; 0]);
}

#[test]
fn every_library_stays_within_its_fence() {
    let violations = violations(|file, reference| {
        let name = reference.library()?;
        let fence = LIBRARIES
            .iter()
            .find(|fence| fence.fenced.contains(&name))?;
        let permitted = fence.within.contains(&file.root_module());
        (!permitted).then(|| format!("{name} is for {:?} only", fence.within))
    });
    assert_eq!(violations, [] as [String; 0]);
}

#[test]
fn the_process_file_system_is_read_within_its_fence() {
    let violations = violations(|file, reference| {
        let text = reference.text()?;
        let fenced = PROC.fenced.iter().any(|path| text.starts_with(path));
        let permitted = !fenced || PROC.within.contains(&file.root_module());
        (!permitted).then(|| format!("{text} is for {:?} only", PROC.within))
    });
    assert_eq!(violations, [] as [String; 0]);
}

#[test]
fn the_rules_see_through_groups_nesting_and_macros() {
    let code = r#"
        use crate::{model::time::Ktime, attach::{self, Link}};
        use super::super::plan;
        mod inner { use super::super::receive::Ring; fn f() { super::own(); } }
        fn f() { crate::export::go(); tracing::info!("{}", crate::report::draw(aya::VERSION)); }
        const PATH: &str = "/proc/self";
        fn g() { format!("/proc/{}", 1); }
    "#;
    // As if it stood in collector/src/discover/process.rs.
    let references = source::references(code, &["discover", "process"]);
    let modules: Vec<_> = references
        .iter()
        .filter_map(Reference::own_module)
        .collect();
    for module in ["model", "attach", "plan", "export", "report", "discover"] {
        assert!(modules.contains(&module), "{module} in {modules:?}");
    }
    // `inner` is a level deeper: its grandparent is `discover`, not the root.
    assert!(!modules.contains(&"receive"), "{modules:?}");
    assert!(
        references
            .iter()
            .filter_map(Reference::library)
            .any(|name| name == "aya")
    );
    let texts: Vec<_> = references.iter().filter_map(Reference::text).collect();
    assert_eq!(texts, ["{}", "/proc/self", "/proc/{}"]);
}
