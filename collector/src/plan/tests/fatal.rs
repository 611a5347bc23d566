//! The probe on what ends a program.

use super::*;

#[test]
fn what_ends_a_program_is_probed_where_go_calls_it() {
    for minor in 18..=27 {
        let maps = match minor {
            ..=23 => MapImplementation::Hmap,
            _ => MapImplementation::Swiss,
        };
        let plan = planned(&binary(minor, maps));
        let fatal = plan
            .probes
            .iter()
            .filter(|probe| probe.role == ProbeRole::Fatal);
        let functions: Vec<&str> = fatal.map(|probe| &*probe.function).collect();
        let expected = match minor {
            18 => "runtime.throw",
            _ => "runtime.fatal",
        };
        assert_eq!(functions, [expected], "1.{minor}");
    }
}

#[test]
fn a_binary_without_it_is_probed_all_the_same() {
    let mut binary = binary(26, MapImplementation::Swiss);
    binary.functions.remove("runtime.fatal");
    let plan = planned(&binary);
    assert_eq!(plan.unplaced.len(), 1);
    assert_eq!(growths(&plan).len(), 2);
}
