//! One look after another.

use std::{ffi::OsStr, io::Write, process::Command};

use glob::Pattern;
use slowmap::discover::{Selector, Watcher};

use crate::target::{Target, by_pid, eventually, sleep_as, which};

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

#[test]
fn a_look_at_some_processes_sees_what_became_of_them_and_takes_the_others_for_what_they_were() {
    let (one, other) = (Target::sleep(), Target::sleep());
    let pids = [one.pid(), other.pid()];
    let mut watcher = Watcher::new(Selector {
        pids: pids.to_vec(),
        ..Selector::default()
    });
    assert_eq!(watcher.changes_of([one.pid()]).started.len(), 1);
    assert_eq!(watcher.changes_of(pids).started.len(), 1);
    drop((one, other));
    assert_eq!(watcher.changes_of([pids[0]]).exited, [pids[0]]);
    let again = watcher.changes_of([pids[0]]);
    assert!(again.exited.is_empty() && again.passed_over.is_empty());
    assert_eq!(watcher.changes().expect("look").exited, [pids[1]]);
}

#[test]
fn a_process_that_was_not_asked_for_is_not_looked_at() {
    let (asked_for, other) = (Target::sleep(), Target::sleep());
    let mut watcher = Watcher::new(by_pid(asked_for.pid()));
    let changes = watcher.changes_of([other.pid()]);
    assert!(changes.started.is_empty() && changes.passed_over.is_empty());
}
