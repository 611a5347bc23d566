//! Where functions begin.

use super::*;

#[test]
fn the_entry_is_the_push_after_the_stack_check() {
    let small = program(&[ADD_RSP, POP_RBP, RET]);
    let large = Program::new(&[(
        "f",
        &[
            LEA_R12,
            CMP_R12,
            Op::Jcc(JBE, "grow"),
            Op::Label("entry"),
            PUSH_RBP,
            MOV_RBP_RSP,
            POP_RBP,
            RET,
            Op::Label("grow"),
            Op::Call("runtime.morestack"),
            Op::Jmp("f"),
        ],
    )]);
    for program in [small, large] {
        let address = program.label("f", "entry");
        let offset = offset_of(address).unwrap();
        let site = Site {
            address,
            offset,
            cost: ProbeCost::Emulated,
            condition: None,
            in_frame: false,
        };
        assert_eq!(program.place("f").entry, Some(site));
    }
}

#[test]
fn the_entry_is_the_stack_check_itself_where_no_emulated_instruction_follows_it() {
    let program = Program::new(&[(
        "f",
        &[
            CMP_STACK,
            Op::Label("entry"),
            Op::Jcc(JBE, "grow"),
            SUB_RSP,
            ADD_RSP,
            RET,
            Op::Label("grow"),
            Op::Call("runtime.morestack_noctxt"),
            Op::Jmp("f"),
        ],
    )]);
    let entry = program.place("f").entry.unwrap();
    assert_eq!(entry.address, program.label("f", "entry"));
    assert_eq!(
        entry.condition,
        Some(JumpCondition {
            code: JBE,
            taken: false
        })
    );
    assert_eq!((entry.cost, entry.in_frame), (ProbeCost::Emulated, false));
}

#[test]
fn without_a_stack_check_the_entry_is_the_push_or_else_the_first_instruction() {
    let framed = Program::new(&[(
        "f",
        &[MOV, Op::Label("entry"), PUSH_RBP, MOV_RBP_RSP, POP_RBP, RET],
    )]);
    assert_eq!(
        framed.place("f").entry.unwrap().address,
        framed.label("f", "entry")
    );
    let frameless = Program::new(&[(
        "f",
        &[
            Op::Label("entry"),
            MOV,
            TEST,
            Op::Jcc(JE, "end"),
            PUSH_RBP,
            POP_RBP,
            Op::Label("end"),
            RET,
        ],
    )]);
    let entry = frameless.place("f").entry.unwrap();
    assert_eq!(
        (entry.address, entry.cost),
        (frameless.label("f", "entry"), ProbeCost::SingleStepped)
    );
}
