//! Executables of running processes.

use std::path::Path;

use slowmap::{
    inspect::{Wanted, inspect, process},
    model::process::Pid,
};

use crate::{
    build::{EXTERNAL, MODES, Running, native, shapes},
    inspect::{bias, inspected},
};

#[test]
fn the_load_bias_of_a_running_process_is_found() {
    let executables = MODES.map(|mode| shapes("local", mode));
    for executable in executables.into_iter().chain(EXTERNAL.map(native)) {
        let wanted = Wanted {
            functions: &["main.main"],
            ..Wanted::default()
        };
        let binary = inspected(&executable, &wanted);
        let running = Running::start(&executable, 1);
        let found = process::load_bias_of(Pid(running.pid()), &binary);
        assert_eq!(
            found.unwrap(),
            bias(&binary, &running.first_lines[0]),
            "{executable:?}"
        );
    }
}

#[test]
fn a_running_process_is_read_through_its_own_link_to_the_executable() {
    let copy = tempfile::tempdir().unwrap();
    let executable = copy.path().join("service");
    std::fs::copy(shapes("local", MODES[2]), &executable).unwrap();
    let running = Running::start(&executable, 1);
    std::fs::remove_file(&executable).unwrap();
    let link = format!("/proc/{}/exe", running.pid());
    let wanted = Wanted {
        functions: &["main.main"],
        ..Wanted::default()
    };
    let binary = inspect(Path::new(&link), &executable, &wanted).unwrap();
    assert_eq!(binary.path, executable);
    let found = process::load_bias_of(Pid(running.pid()), &binary).unwrap();
    assert_eq!(found, bias(&binary, &running.first_lines[0]));
}
