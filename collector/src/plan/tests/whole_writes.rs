use super::*;
use crate::model::plan::{ProbePair, WriteProbes};

const FASTSTR: &str = "runtime.mapassign_faststr";

fn roles(writes: &WriteProbes, function: &str) -> Vec<ProbeRole> {
    let of_function = writes.probes.iter().filter(|p| p.function == function);
    of_function.map(|probe| probe.role).collect()
}

#[test]
fn every_function_that_writes_has_an_entry_and_all_its_exits_apart_from_the_other_probes() {
    for (minor, maps) in [
        (20, MapImplementation::Hmap),
        (26, MapImplementation::Swiss),
    ] {
        let plan = planned(&binary(minor, maps));
        assert_eq!(plan.writes.unplaced, []);
        for (function, ..) in &plan.map_assign {
            assert_eq!(
                roles(&plan.writes, function),
                [
                    ProbeRole::WriteEnter,
                    ProbeRole::WriteExit,
                    ProbeRole::WriteExit
                ]
            );
        }
        let hot = |probe: &&crate::model::plan::PlannedProbe| probe.role.pair() == ProbePair::Write;
        assert_eq!(plan.probes.iter().filter(hot).count(), 0);
        assert!(plan.writes.probes.iter().all(|probe| hot(&probe)));
        for probe in &plan.writes.probes {
            let number = usize::from(probe.writer.unwrap());
            assert_eq!(plan.map_assign[number].0, probe.function);
        }
    }
}

#[test]
fn a_function_whose_writes_the_kernel_would_single_step_is_left_alone_and_named() {
    let mut binary = binary(26, MapImplementation::Swiss);
    let function = binary.functions.get_mut(FASTSTR).unwrap();
    function.exits[1].cost = ProbeCost::SingleStepped;
    let writes = planned(&binary).writes;
    assert_eq!(roles(&writes, FASTSTR), []);
    let [unplaced] = writes.unplaced.as_slice() else {
        panic!("{:?}", writes.unplaced);
    };
    assert_eq!(unplaced.function, FASTSTR);
    assert!(
        unplaced.reason.contains("single-step"),
        "{}",
        unplaced.reason
    );
}
