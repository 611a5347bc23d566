//! Each rule on the smallest function that shows it.

mod assembler;
mod entries;
mod hostile;
mod paths;

use assembler::*;

use super::{call_sites, place};
use crate::model::binary::{JumpCondition, ProbeCost, Site, VirtualAddress};

/// A function with the usual beginning; its body ends with `EPILOGUE` or by itself.
fn with_prologue(body: &[Op]) -> Vec<Op> {
    let mut ops = vec![
        CMP_STACK,
        Op::Jcc(JBE, "grow"),
        Op::Label("entry"),
        PUSH_RBP,
        MOV_RBP_RSP,
        SUB_RSP,
    ];
    ops.extend(body);
    ops.extend([
        Op::Label("grow"),
        MOV,
        Op::Call("runtime.morestack_noctxt"),
        MOV,
        Op::Jmp("f"),
    ]);
    ops
}

fn program(body: &[Op]) -> Program {
    Program::new(&[("f", &with_prologue(body))])
}

fn exits(program: &Program) -> Vec<(VirtualAddress, Option<bool>, ProbeCost)> {
    let exits = program.place("f").exits;
    exits
        .iter()
        .map(|site| (site.address, site.condition.map(|c| c.taken), site.cost))
        .collect()
}

/// Emulated sites at labels of `f`, each with the direction that counts.
fn emulated(
    program: &Program,
    sites: &[(&'static str, Option<bool>)],
) -> Vec<(VirtualAddress, Option<bool>, ProbeCost)> {
    let site = |(label, taken): &(&'static str, _)| {
        (program.label("f", label), *taken, ProbeCost::Emulated)
    };
    sites.iter().map(site).collect()
}

#[test]
fn an_exit_is_the_last_branch_and_the_direction_that_leads_to_the_return() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Label("exit"),
        Op::Jcc(JNE, "return"),
        Op::Call("runtime.fatal"),
        NOP,
        Op::Label("return"),
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", Some(true))]));
    assert!(program.place("f").exits[0].in_frame);
}

#[test]
fn a_branch_both_ways_of_which_lead_to_the_return_has_no_condition() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Label("exit"),
        Op::Jcc(JNE, "return"),
        MOV,
        Op::Label("return"),
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", None)]));
}

#[test]
fn a_branch_that_leaves_a_busy_part_counts_only_in_that_direction() {
    let program = program(&[
        TEST,
        Op::Label("early"),
        Op::Jcc(JE, "return"),
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Label("late"),
        Op::Jmp("return"),
        Op::Label("return"),
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(
        exits(&program),
        emulated(&program, &[("early", Some(true)), ("late", None)])
    );
}

#[test]
fn an_exit_before_a_loop_without_calls_is_the_jump_into_it() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        Op::Label("exit"),
        Op::Jmp("test"),
        Op::Label("turn"),
        MOV,
        Op::Label("test"),
        TEST,
        Op::Jcc(JNE, "turn"),
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", None)]));
}

#[test]
fn a_loop_with_calls_is_left_by_the_return_rather_than_by_a_probe_on_each_turn() {
    let program = program(&[
        Op::Label("turn"),
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Jcc(JNE, "turn"),
        ADD_RSP,
        POP_RBP,
        Op::Label("return"),
        RET,
    ]);
    assert_eq!(
        exits(&program),
        [(program.label("f", "return"), None, ProbeCost::SingleStepped)]
    );
    assert!(!program.place("f").exits[0].in_frame);
}

#[test]
fn a_write_barrier_before_the_return_needs_no_second_site() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Label("exit"),
        Op::Jcc(JNE, "barrier"),
        MOV,
        Op::Jmp("store"),
        Op::Label("barrier"),
        Op::Call("runtime.gcWriteBarrier2"),
        MOV,
        Op::Label("store"),
        MOV,
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", None)]));
}

#[test]
fn within_the_frame_is_preferred_and_without_beats_a_single_step() {
    let both = program(&[
        Op::Call("runtime.mallocgc"),
        Op::Label("exit"),
        NOP,
        ADD_RSP,
        POP_RBP,
        NOP,
        RET,
    ]);
    assert_eq!(exits(&both), emulated(&both, &[("exit", None)]));
    let one = program(&[
        Op::Call("runtime.mallocgc"),
        ADD_RSP,
        POP_RBP,
        Op::Label("exit"),
        NOP,
        RET,
    ]);
    assert_eq!(exits(&one), emulated(&one, &[("exit", None)]));
}

#[test]
fn a_brief_last_call_is_a_site_itself() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        Op::Label("exit"),
        Op::Call("runtime.unlock2"),
        ADD_RSP,
        POP_RBP,
        RET,
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", None)]));
}

const CALLEE: [Op; 8] = [
    PUSH_RBP,
    MOV_RBP_RSP,
    Op::Call("runtime.mallocgc"),
    Op::Label("end"),
    Op::Jmp("rest"),
    Op::Label("rest"),
    POP_RBP,
    RET,
];

#[test]
fn a_function_that_ends_with_a_call_ends_where_its_callee_ends() {
    let body = with_prologue(&[Op::Call("own.callee"), ADD_RSP, POP_RBP, RET]);
    let program = Program::new(&[("f", &body), ("own.callee", &CALLEE)]);
    assert_eq!(
        exits(&program),
        [(
            program.label("own.callee", "end"),
            None,
            ProbeCost::Emulated
        )]
    );
}

#[test]
fn a_callee_that_is_called_before_or_shared_by_the_runtime_lends_no_exit() {
    let twice = [
        Op::Call("own.callee"),
        Op::Call("own.callee"),
        ADD_RSP,
        POP_RBP,
        Op::Label("return"),
        RET,
    ];
    let shared = [
        Op::Call("runtime.callee"),
        ADD_RSP,
        POP_RBP,
        Op::Label("return"),
        RET,
    ];
    for body in [&twice[..], &shared[..]] {
        let program = Program::new(&[
            ("f", &with_prologue(body)),
            ("own.callee", &CALLEE),
            ("runtime.callee", &CALLEE),
        ]);
        assert_eq!(
            exits(&program),
            [(program.label("f", "return"), None, ProbeCost::SingleStepped)]
        );
    }
}

#[test]
fn functions_that_end_with_calls_of_each_other_have_exits_all_the_same() {
    let f = with_prologue(&[
        Op::Call("own.g"),
        ADD_RSP,
        POP_RBP,
        Op::Label("return"),
        RET,
    ]);
    let program = Program::new(&[("f", &f), ("own.g", &[Op::Call("f"), RET])]);
    assert_eq!(
        exits(&program),
        [(program.label("f", "return"), None, ProbeCost::SingleStepped)]
    );
}

#[test]
fn a_jump_to_another_function_is_an_exit() {
    let program = Program::new(&[
        (
            "f",
            &with_prologue(&[
                Op::Call("runtime.mallocgc"),
                ADD_RSP,
                POP_RBP,
                Op::Label("exit"),
                Op::Jmp("own.g"),
            ]),
        ),
        ("own.g", &[RET]),
    ]);
    assert_eq!(exits(&program), emulated(&program, &[("exit", None)]));
}

#[test]
fn a_function_with_a_jump_table_is_left_by_its_returns() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        JMP_TABLE,
        MOV,
        Op::Jmp("first"),
        Op::Label("first"),
        ADD_RSP,
        POP_RBP,
        Op::Label("return"),
        RET,
    ]);
    assert_eq!(
        exits(&program),
        [(program.label("f", "return"), None, ProbeCost::SingleStepped)]
    );
}

#[test]
fn an_open_coded_defer_is_no_call_that_matters() {
    let program = program(&[
        Op::Call("runtime.mallocgc"),
        TEST,
        Op::Label("exit"),
        Op::Jcc(JE, "return"),
        MOV,
        CALL_RAX,
        Op::Label("return"),
        ADD_RSP,
        POP_RBP,
        RET,
        Op::Call("runtime.deferreturn"),
        ADD_RSP,
        POP_RBP,
        Op::Label("recovered"),
        RET,
    ]);
    let mut expected = emulated(&program, &[("exit", None)]);
    expected.push((
        program.label("f", "recovered"),
        None,
        ProbeCost::SingleStepped,
    ));
    assert_eq!(exits(&program), expected);
}

#[test]
fn the_same_shape_without_a_defer_is_a_call_like_any_other() {
    let program = program(&[
        TEST,
        Op::Jcc(JE, "return"),
        MOV,
        CALL_RAX,
        Op::Label("return"),
        ADD_RSP,
        POP_RBP,
        Op::Label("ret"),
        RET,
    ]);
    assert_eq!(
        exits(&program),
        [(program.label("f", "ret"), None, ProbeCost::SingleStepped)]
    );
}

#[test]
fn a_function_that_never_returns_has_no_exits() {
    assert_eq!(exits(&program(&[Op::Call("runtime.gogo"), NOP])), []);
}

#[test]
fn sites_that_are_not_in_the_file_are_no_sites() {
    let program = program(&[Op::Call("runtime.mallocgc"), NOP, ADD_RSP, POP_RBP, RET]);
    let placement = place(&program.code("f"), &program, &|_| None);
    assert_eq!(placement, super::Placement::default());
}

#[test]
fn calls_of_a_function_are_found() {
    let program = program(&[
        Op::Label("one"),
        Op::Call("own.g"),
        Op::Call("own.h"),
        Op::Label("two"),
        Op::Call("own.g"),
        RET,
    ]);
    let sites = call_sites(
        &program.code("f"),
        program.code("own.g").address,
        &offset_of,
    );
    let addresses: Vec<_> = sites.iter().map(|site| site.address).collect();
    assert_eq!(
        addresses,
        ["one", "two"].map(|label| program.label("f", label))
    );
    assert!(
        sites
            .iter()
            .all(|site| site.in_frame && site.cost == ProbeCost::Emulated)
    );
}
