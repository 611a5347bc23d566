//! Processes to be found.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use slowmap::{
    discover::{PassedOver, Scan, Selector},
    model::process::{GoProcess, Pid},
};

/// Ends its process when it goes out of scope.
pub struct Target(pub Child);

impl Target {
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped());
        // A file is busy as long as a child of another test, just forked, has the descriptor that wrote it.
        Self(eventually("the start of a program", || {
            match command.spawn() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
                started => Some(started.expect("start")),
            }
        }))
    }

    pub fn sleep() -> Self {
        Self::start(Command::new("sleep").arg("60"))
    }

    pub fn pid(&self) -> Pid {
        Pid(self.0.id())
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.0.stdin.take().expect("stdin is piped")
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub fn by_pid(pid: Pid) -> Selector {
    Selector {
        pids: vec![pid],
        ..Selector::default()
    }
}

pub fn scan(selector: &Selector) -> Scan {
    selector.scan().expect("/proc is mounted")
}

pub fn candidate(pid: Pid) -> GoProcess {
    let scan = scan(&by_pid(pid));
    assert_eq!(scan.passed_over, []);
    scan.candidates.into_iter().next().expect("a candidate")
}

pub fn passed_over(pid: Pid) -> PassedOver {
    let scan = scan(&by_pid(pid));
    assert_eq!(scan.candidates, []);
    scan.passed_over.into_iter().next().expect("passed over")
}

pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within ten seconds"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a test that needs root can run. Fails in CI, where it must.
pub fn is_root() -> bool {
    // SAFETY: geteuid(2) has no arguments and never fails.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "this test needs root"
        );
        eprintln!("skipped: this test needs root");
    }
    root
}

pub fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.exists());
    found
        .expect("the program exists")
        .canonicalize()
        .expect("canonical path")
}

/// A copy of `sleep` under a name of the test's choice. Not a link: programs of many calls look at their name.
pub fn sleep_as(directory: &Path, name: &OsStr) -> PathBuf {
    let copy = directory.join(name);
    std::fs::copy(which("sleep"), &copy).expect("copy");
    copy
}
