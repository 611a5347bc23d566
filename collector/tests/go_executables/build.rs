//! Go executables for tests, built from `tests/testdata` once for each release and way of building.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::SystemTime,
};

/// Ways of building that change what is in the file and where.
pub const MODES: [Mode; 4] = [
    Mode {
        name: "exe",
        arguments: &["-ldflags=-compressdwarf=false"],
    },
    Mode {
        name: "exe-stripped",
        arguments: &["-ldflags=-s -w"],
    },
    Mode {
        name: "pie",
        arguments: &["-buildmode=pie"],
    },
    Mode {
        name: "pie-stripped",
        arguments: &["-buildmode=pie", "-ldflags=-s -w"],
    },
];

/// Linked by the C compiler's linker, which knows no section of Go's.
pub const EXTERNAL: [Mode; 4] = [
    Mode {
        name: "external",
        arguments: &["-ldflags=-linkmode=external"],
    },
    Mode {
        name: "external-stripped",
        arguments: &["-ldflags=-linkmode=external -s -w"],
    },
    Mode {
        name: "external-pie",
        arguments: &["-buildmode=pie", "-ldflags=-linkmode=external"],
    },
    Mode {
        name: "external-pie-stripped",
        arguments: &["-buildmode=pie", "-ldflags=-linkmode=external -s -w"],
    },
];

#[derive(Debug, Clone, Copy)]
pub struct Mode {
    pub name: &'static str,
    arguments: &'static [&'static str],
}

/// The default build: not stripped, fixed addresses.
pub const EXE: Mode = MODES[0];

/// The Go releases to build with: `local` is the one that is installed. `SLOWMAP_TEST_GO` names others, e.g.
/// `go1.18.10,go1.27.4`; Go fetches them itself.
pub fn toolchains() -> Vec<String> {
    let list = env::var("SLOWMAP_TEST_GO").unwrap_or_else(|_| "local,go1.22.12".to_owned());
    list.split(',').map(str::to_owned).collect()
}

/// A Go command of a release.
pub fn go(toolchain: &str) -> Command {
    let mut command = Command::new("go");
    command
        .env("GOTOOLCHAIN", toolchain)
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0");
    command
}

/// The path of `testdata/shapes`, built without cgo; kept for the next test.
pub fn shapes(toolchain: &str, mode: Mode) -> PathBuf {
    build("shapes", toolchain, mode, &[("CGO_ENABLED", "0")])
}

/// The same, for a machine that is not this one.
pub fn shapes_for_arm64(toolchain: &str) -> PathBuf {
    let mode = Mode {
        name: "arm64",
        arguments: &["-buildmode=pie", "-ldflags=-s -w"],
    };
    build(
        "shapes",
        toolchain,
        mode,
        &[("CGO_ENABLED", "0"), ("GOARCH", "arm64")],
    )
}

/// The path of `testdata/native`, built with cgo.
pub fn native(mode: Mode) -> PathBuf {
    build("native", "local", mode, &[("CGO_ENABLED", "1")])
}

fn build(program: &str, toolchain: &str, mode: Mode, variables: &[(&str, &str)]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/testdata")
        .join(program);
    let output =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{program}-{toolchain}-{}", mode.name));
    if is_newer(&output, &source) {
        return output;
    }
    let status = go(toolchain)
        .current_dir(&source)
        .envs(variables.iter().copied())
        .args(["build", "-trimpath", "-o"])
        .arg(&output)
        .args(mode.arguments)
        .arg(".")
        .status()
        .expect("these tests need Go: https://go.dev/doc/install");
    assert!(
        status.success(),
        "go build of testdata/{program} with {toolchain} failed"
    );
    output
}

/// What the executable prints when it is run.
pub fn output_of(executable: &Path, argument: &str) -> String {
    let output = Command::new(executable)
        .arg(argument)
        .output()
        .expect("the test program starts");
    assert!(
        output.status.success(),
        "{} {argument} failed",
        executable.display()
    );
    String::from_utf8(output.stdout).expect("the test program prints text")
}

fn is_newer(output: &Path, source: &Path) -> bool {
    let built = fs::metadata(output)
        .and_then(|metadata| metadata.modified())
        .ok();
    built.is_some_and(|built| newest(source).is_some_and(|edited| edited < built))
}

/// When the last of the files below a directory was edited.
fn newest(directory: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(directory).ok()?.flatten();
    entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            if metadata.is_dir() {
                newest(&entry.path())
            } else {
                metadata.modified().ok()
            }
        })
        .max()
}

/// A running `PROGRAM wait`, ended when it is dropped.
pub struct Running {
    child: Child,
    /// Kept: it would die of a pipe that nobody reads if it printed more than was read.
    _output: BufReader<ChildStdout>,
    pub first_lines: Vec<String>,
}

impl Running {
    /// Starts an executable and reads that many lines.
    pub fn start(executable: &Path, lines: usize) -> Self {
        let mut child = Command::new(executable)
            .arg("wait")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test program starts");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let first_lines = output
            .by_ref()
            .lines()
            .take(lines)
            .map(|line| line.expect("text"))
            .collect();
        Self {
            child,
            _output: output,
            first_lines,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
