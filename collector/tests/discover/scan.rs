//! One look.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    process::Command,
};

use glob::Pattern;
use slowmap::{
    discover::{Reason, Selector, thread_ids},
    model::process::{Pid, TargetPid},
};

use crate::target::{
    Target, by_pid, candidate, eventually, is_root, passed_over, scan, sleep_as, which,
};

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
    let other = Target::sleep();
    let executables = vec![Pattern::new("shop-for-a-*").expect("pattern")];
    let found = scan(&Selector {
        executables,
        ..Selector::default()
    });
    let pids: Vec<_> = found.candidates.iter().map(|process| process.pid).collect();
    assert_eq!(pids, [target.pid()]);
    let passed = found
        .passed_over
        .iter()
        .find(|passed| passed.pid == other.pid());
    assert_eq!(passed.expect("passed over").reason, Reason::NotSelected);
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
