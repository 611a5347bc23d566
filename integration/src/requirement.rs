//! What a test needs of the machine. Where it is missing a contributor's run passes the test over, says why
//! and counts it; with `CI=true` the test fails, so that nothing goes unproven there.

use std::{io::Write, path::PathBuf};

/// Whether the test has root's privileges. False only outside CI, after the reason was noted.
pub fn root(test: &str) -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return true;
    }
    skip(test, "needs root, to attach probes");
    false
}

/// Where a program is that the test runs. `None` only outside CI, after the reason was noted.
pub fn program(test: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        skip(test, &format!("needs {name} in PATH"));
    }
    found
}

/// Notes that a test is passed over: on stderr and, for `cargo xtask test`, in the file that
/// `SLOWMAP_SKIPPED` names. Panics where `CI=true`.
pub fn skip(test: &str, reason: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test}: {reason}, and CI=true allows no skips"
    );
    eprintln!("SKIPPED {test}: {reason}");
    let Some(path) = std::env::var_os("SLOWMAP_SKIPPED") else {
        return;
    };
    let noted = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    if let Ok(mut file) = noted {
        // The skip stands on stderr already; the count is a courtesy.
        let _ = writeln!(file, "{test}: {reason}");
    }
}
