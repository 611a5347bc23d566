//! Programs in Python with packages that others read slowmap's files with, installed once into the cache.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{cache, program::succeed};

/// DuckDB, DataFusion, and what the latter needs.
const READERS: [&str; 5] = [
    "duckdb==2.0.1",
    "datafusion==55.0.0",
    "pyarrow==26.0.1",
    "cloudpickle==3.1.2",
    "typing-extensions==4.15.0",
];

/// `python3 SCRIPT`, which can import them. The first call installs them, with pip: 400 MB on disk.
pub fn with_readers(script: &Path) -> Result<Command> {
    let packages = readers()?;
    let mut command = command();
    command.env("PYTHONPATH", packages).arg(script);
    Ok(command)
}

fn readers() -> Result<PathBuf> {
    // Packages in machine code are of one version of Python, e.g. cpython-313.
    let tag = ["-c", "import sys; print(sys.implementation.cache_tag)"];
    let tag = String::from_utf8(succeed(command().args(tag))?)?;
    let names = READERS.join("-").replace("==", "-");
    let key = format!("python/{}/{names}", tag.trim());
    cache::file(Path::new(&key), |made| {
        let mut pip = command();
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
        // None is built: that would run what its author wrote.
        pip.arg("--only-binary=:all:");
        pip.arg("--target").arg(made).args(READERS);
        succeed(&mut pip).map(drop)
    })
}

/// `python3`, with its standard library and nothing of the user's.
pub fn command() -> Command {
    let mut command = Command::new("python3");
    command.arg("-s").env_remove("PYTHONPATH");
    command
}
