//! `discover` against real processes.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use glob::Pattern;
use slowmap::{
    discover::{PassedOver, Reason, Scan, Selector, Watcher, thread_ids},
    model::process::{GoProcess, Pid, TargetPid},
};

/// Ends its process when it goes out of scope.
struct Target(Child);

impl Target {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped());
        // A file is busy as long as a child of another test, just forked, has the descriptor that wrote it.
        Self(eventually("the start of a program", || {
            match command.spawn() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
                started => Some(started.expect("start")),
            }
        }))
    }

    fn sleep() -> Self {
        Self::start(Command::new("sleep").arg("60"))
    }

    fn pid(&self) -> Pid {
        Pid(self.0.id())
    }

    fn stdin(&mut self) -> ChildStdin {
        self.0.stdin.take().expect("stdin is piped")
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn by_pid(pid: Pid) -> Selector {
    Selector {
        pids: vec![pid],
        ..Selector::default()
    }
}

fn scan(selector: &Selector) -> Scan {
    selector.scan().expect("/proc is mounted")
}

fn candidate(pid: Pid) -> GoProcess {
    let scan = scan(&by_pid(pid));
    assert_eq!(scan.passed_over, []);
    scan.candidates.into_iter().next().expect("a candidate")
}

fn passed_over(pid: Pid) -> PassedOver {
    let scan = scan(&by_pid(pid));
    assert_eq!(scan.candidates, []);
    scan.passed_over.into_iter().next().expect("passed over")
}

fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
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
fn is_root() -> bool {
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

fn which(program: &str) -> PathBuf {
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
fn sleep_as(directory: &Path, name: &OsStr) -> PathBuf {
    let copy = directory.join(name);
    std::fs::copy(which("sleep"), &copy).expect("copy");
    copy
}

#[test]
fn a_process_is_described_by_its_executable_its_arguments_and_its_environment() {
    let target = Target::start(
        Command::new("sleep")
            .arg("60")
            .env("OTEL_SERVICE_NAME", "shop")
            .env(
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.version=1%2C2,deployment.environment.name=test",
            ),
    );
    let found = candidate(target.pid());
    let file = std::fs::metadata(which("sleep")).expect("metadata");
    assert_eq!(found.pid, target.pid());
    assert_eq!(found.executable, which("sleep"));
    assert_eq!(found.executable_inode, (file.dev(), file.ino()));
    assert_eq!(found.command_line, ["sleep", "60"]);
    assert_eq!(found.service_name.as_deref(), Some("shop"));
    let expected = [
        ("service.version", "1,2"),
        ("deployment.environment.name", "test"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(found.resource_attributes, expected);
    assert!(found.start_ticks > 0);
}

/// Starting a program returns as soon as the kernel has let go of the starter's memory, which is before the
/// program has its arguments.
#[test]
fn a_process_that_has_just_been_started_is_described_as_fully() {
    for round in 0..200 {
        let name = format!("shop-{round}");
        let target = Target::start(
            Command::new("sleep")
                .arg("60")
                .env("OTEL_SERVICE_NAME", &name),
        );
        let found = candidate(target.pid());
        assert_eq!(found.command_line, ["sleep", "60"]);
        assert_eq!(found.service_name, Some(name));
    }
}

#[test]
fn a_pattern_selects_by_the_executables_name() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = sleep_as(directory.path(), OsStr::new("shop-for-a-pattern"));
    let target = Target::start(Command::new(&shop).arg("60"));
    let executables = vec![Pattern::new("shop-for-a-*").expect("pattern")];
    let found = scan(&Selector {
        executables,
        ..Selector::default()
    });
    let pids: Vec<_> = found.candidates.iter().map(|process| process.pid).collect();
    assert_eq!(pids, [target.pid()]);
    assert!(
        found
            .passed_over
            .iter()
            .any(|other| other.reason == Reason::NotSelected)
    );
    assert!(found.explain().contains("its executable was not asked for"));
}

#[test]
fn an_executable_that_was_removed_keeps_its_name_without_the_kernels_mark() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = sleep_as(directory.path(), OsStr::new("shop"));
    let target = Target::start(Command::new(&shop).arg("60"));
    std::fs::remove_file(&shop).expect("remove");
    assert_eq!(candidate(target.pid()).executable, shop);
}

#[test]
fn a_name_that_ends_like_the_kernels_mark_is_kept() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = sleep_as(directory.path(), OsStr::new("shop (deleted)"));
    let target = Target::start(Command::new(&shop).arg("60"));
    assert_eq!(candidate(target.pid()).executable, shop);
}

#[test]
fn a_name_that_is_no_text_is_no_obstacle() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = sleep_as(directory.path(), OsStr::from_bytes(b"sh\xff: \x1b[2J)\nop"));
    let target = Target::start(Command::new(&shop).arg("60"));
    let found = candidate(target.pid());
    assert_eq!(found.executable, shop);
    assert_eq!(found.target_pid, TargetPid(target.pid().0));
    let executables = vec![Pattern::new("nothing").expect("pattern")];
    let others = scan(&Selector {
        executables,
        ..Selector::default()
    });
    let other = others
        .passed_over
        .iter()
        .find(|other| other.pid == target.pid());
    let shown = other.expect("passed over").to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

#[test]
fn what_is_no_candidate_is_passed_over_with_its_reason() {
    let mut ended = Command::new("true").spawn().expect("start");
    let zombie = eventually("the end of a process", || {
        let found = scan(&by_pid(Pid(ended.id())))
            .passed_over
            .into_iter()
            .next();
        found.filter(|found| found.reason == Reason::Zombie)
    });
    assert_eq!(zombie.executable, None);
    ended.wait().expect("wait");
    assert_eq!(passed_over(Pid(ended.id())).reason, Reason::NoSuchProcess);
    assert_eq!(passed_over(Pid(u32::MAX)).reason, Reason::NoSuchProcess);
    assert_eq!(passed_over(Pid(std::process::id())).reason, Reason::Slowmap);
}

#[test]
fn a_threads_number_is_answered_with_its_process() {
    // The number of a thread that is not its process's first.
    let tid = std::thread::spawn(|| {
        // SAFETY: gettid(2) has no arguments and never fails.
        let tid = unsafe { libc::gettid() };
        passed_over(Pid(u32::try_from(tid).expect("tid")))
    });
    let found = tid.join().expect("thread");
    assert_eq!(
        found.reason,
        Reason::Thread {
            of: Pid(std::process::id())
        }
    );
}

#[test]
fn kernel_threads_are_told_from_programs() {
    let everything = scan(&Selector {
        all: true,
        ..Selector::default()
    });
    let kernel = everything
        .passed_over
        .iter()
        .filter(|found| found.reason == Reason::KernelThread);
    // In a pid namespace of its own there are none.
    let visible = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n");
    assert_eq!(kernel.count() > 0, visible);
}

#[test]
fn a_process_with_more_capabilities_is_passed_over_for_lack_of_one() {
    if !is_root() {
        return;
    }
    let target = Target::sleep();
    let pid = target.pid();
    // Capabilities are a thread's own: this one now has fewer than the target.
    let found = std::thread::spawn(move || {
        caps::clear(None, caps::CapSet::Effective).expect("dropping is always permitted");
        passed_over(pid)
    });
    let found = found.join().expect("thread");
    assert!(
        matches!(found.reason, Reason::NotPermitted { .. }),
        "{found}"
    );
    assert!(found.to_string().contains("CAP_SYS_PTRACE"));
}

#[test]
fn a_process_in_a_pid_namespace_of_its_own_has_the_numbers_of_both() {
    if !is_root() {
        return;
    }
    let unshare = [
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        "sleep",
        "60",
    ];
    let outer = Target::start(Command::new("unshare").args(unshare));
    let children = format!("/proc/{0}/task/{0}/children", outer.pid());
    let pid = eventually("the start of the inner process", || {
        let pid: u32 = std::fs::read_to_string(&children)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        (executable == which("sleep")).then_some(Pid(pid))
    });
    let found = candidate(pid);
    assert_eq!((found.pid, found.target_pid), (pid, TargetPid(1)));
    let threads = thread_ids(pid).expect("threads");
    assert_eq!(threads.into_iter().collect::<Vec<_>>(), [(pid.0, 1)]);
}

#[test]
fn the_watcher_reports_a_process_once_and_its_end_once() {
    let target = Target::sleep();
    let pid = target.pid();
    let mut watcher = Watcher::new(by_pid(pid));
    let first = watcher.changes().expect("look");
    assert_eq!(
        first
            .started
            .iter()
            .map(|found| found.pid)
            .collect::<Vec<_>>(),
        [pid]
    );
    let second = watcher.changes().expect("look");
    assert!(second.started.is_empty() && second.exited.is_empty() && second.passed_over.is_empty());
    drop(target);
    assert_eq!(watcher.changes().expect("look").exited, [pid]);
    let last = watcher.changes().expect("look");
    assert!(last.exited.is_empty() && last.started.is_empty());
}

#[test]
fn a_process_that_ended_but_is_not_reaped_has_ended() {
    let mut target = Target::start(Command::new("sleep").arg("60"));
    let mut watcher = Watcher::new(by_pid(target.pid()));
    assert_eq!(watcher.changes().expect("look").started.len(), 1);
    target.0.kill().expect("kill");
    eventually("the end of the process", || {
        let exited = watcher.changes().expect("look").exited;
        (exited == [target.pid()]).then_some(())
    });
}

#[test]
fn a_process_that_executes_another_program_has_ended_and_started() {
    let script = "read _; exec sleep 60";
    let mut target = Target::start(Command::new("sh").args(["-c", script]));
    let mut watcher = Watcher::new(by_pid(target.pid()));
    let before = watcher.changes().expect("look").started.remove(0);
    assert_eq!(before.executable, which("sh"));
    target.stdin().write_all(b"\n").expect("write");
    let after = eventually("the execution of another program", || {
        let changes = watcher.changes().expect("look");
        if changes.exited.is_empty() {
            assert!(changes.started.is_empty());
            return None;
        }
        assert_eq!(changes.exited, [target.pid()]);
        changes.started.into_iter().next()
    });
    assert_eq!(after.start_ticks, before.start_ticks);
    // Seen in the instant of the change itself, it is seen again at the next look.
    let after = watcher
        .changes()
        .expect("look")
        .started
        .pop()
        .unwrap_or(after);
    assert_eq!(after.executable, which("sleep"));
    assert_eq!(after.command_line, ["sleep", "60"]);
}

#[test]
fn a_process_that_executes_its_own_program_again_has_ended_and_started() {
    let script = "if [ -z \"$AGAIN\" ]; then read _; AGAIN=1 exec sh -c 'read _'; fi";
    let mut target = Target::start(Command::new("sh").args(["-c", script]));
    let mut watcher = Watcher::new(by_pid(target.pid()));
    let before = watcher.changes().expect("look").started.remove(0);
    target.stdin().write_all(b"\n").expect("write");
    let changes = eventually("the execution of the same program", || {
        let changes = watcher.changes().expect("look");
        (!changes.exited.is_empty()).then_some(changes)
    });
    if let Some(after) = changes.started.first() {
        assert_eq!(after.executable_inode, before.executable_inode);
    }
}

#[test]
fn a_process_that_comes_to_run_what_was_asked_for_is_found() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = sleep_as(directory.path(), OsStr::new("shop-started-by-a-shell"));
    let script = format!("read _; exec {} 60", shop.display());
    let mut target = Target::start(Command::new("sh").args(["-c", &script]));
    let executables = vec![Pattern::new("shop-started-by-a-shell").expect("pattern")];
    let mut watcher = Watcher::new(Selector {
        executables,
        ..Selector::default()
    });
    assert!(watcher.changes().expect("look").started.is_empty());
    target.stdin().write_all(b"\n").expect("write");
    let started = eventually("the start of the shop", || {
        let changes = watcher.changes().expect("look");
        assert_eq!(changes.exited, [], "the shell had never been reported");
        changes.started.into_iter().next()
    });
    assert_eq!(started.executable, shop);
}
