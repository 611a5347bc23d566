//! A Go program of 100 MB that writes to a map: many functions, as large services have, and tables embedded in it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use integration::cache;

use super::SWISS;
use crate::run;

const FUNCTIONS: usize = 20_000;
const FUNCTIONS_IN_A_FILE: usize = 1_000;
const TABLE_BYTES: usize = 96 << 20;

/// Takes the flag of the other targets for their log, and makes no use of it.
const MAIN: &str = r#"package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

//go:embed table.bin
var table string

var sums = map[string]int{}

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("READY", os.Getpid())
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			for i, function := range functions {
				sums[lines.Text()+table[i:i+8]] += function(i)
			}
		}
	}()
	<-end
}
"#;

/// Built once; it changes with this file only.
pub fn executable() -> Result<PathBuf> {
    let key = format!("targets/bulk-{FUNCTIONS}-{TABLE_BYTES}/bulk");
    cache::file(Path::new(&key), build)
}

fn build(made: &Path) -> Result<()> {
    let module = tempfile::tempdir()?;
    let put = |name: &str, content: &[u8]| {
        fs::write(module.path().join(name), content).with_context(|| format!("write {name}"))
    };
    put("go.mod", b"module slowmap.test/bulk\n\ngo 1.21\n")?;
    put("main.go", MAIN.as_bytes())?;
    put("table.bin", &table())?;
    put("functions.go", listing().as_bytes())?;
    for first in (0..FUNCTIONS).step_by(FUNCTIONS_IN_A_FILE) {
        put(&format!("part{first}.go"), part(first).as_bytes())?;
    }
    let mut go = SWISS.command();
    go.current_dir(module.path())
        .args(["build", "-o"])
        .arg(made)
        .arg(".");
    run::succeed(go)
}

/// No two lines the same, or it could be folded away.
fn table() -> Vec<u8> {
    let line = |i: usize| format!("{i:015}\n").into_bytes();
    (0..TABLE_BYTES / 16).flat_map(line).collect()
}

fn listing() -> String {
    let names: Vec<String> = (0..FUNCTIONS).map(|i| format!("f{i}")).collect();
    let names = names.join(",\n\t");
    format!("package main\n\nvar functions = []func(int) int{{\n\t{names},\n}}\n")
}

fn part(first: usize) -> String {
    let mut source = "package main\n".to_owned();
    for i in first..first + FUNCTIONS_IN_A_FILE {
        // Writing to a string cannot fail.
        let _ = write!(
            source,
            "\nfunc f{i}(n int) int {{\n\tfor j := 0; j < n; j++ {{\n\t\tn -= j ^ {i}\n\t}}\n\treturn n\n}}\n"
        );
    }
    source
}
