//! Random functions, walked at random: what every placement promises.

use super::{super::Placement, assembler::*};

/// Xorshift: the same functions in each run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

const LABELS: [&str; 8] = ["a", "b", "c", "d", "e", "g", "h", "i"];

/// Straight code, branches, jumps, loops, calls that matter and calls that do not, in any order.
fn random_function(random: &mut Random) -> Vec<Op> {
    let mut ops = vec![PUSH_RBP, MOV_RBP_RSP];
    for label in LABELS {
        ops.push(Op::Label(label));
        for _ in 0..random.below(4) {
            let to = LABELS[random.below(LABELS.len())];
            ops.push(match random.below(12) {
                0 | 1 => Op::Call("runtime.mallocgc"),
                2 => Op::Call("runtime.gcWriteBarrier1"),
                3 => Op::Call("runtime.panicIndex"),
                4..=6 => Op::Jcc(JE, to),
                7 => Op::Jmp(to),
                8 => NOP,
                9 => RET,
                _ => MOV,
            });
        }
    }
    ops.extend([POP_RBP, RET]);
    ops
}

/// One way through the function: what is passed, in order. `None` if it does not return.
fn walk(program: &Program, ops: &[Op], random: &mut Random) -> Option<Vec<(u64, &'static str)>> {
    let mut addresses = vec![program.code("f").address.0];
    for op in ops {
        addresses.push(addresses[addresses.len() - 1] + size(op));
    }
    let position = |label| {
        ops.iter()
            .position(|op| matches!(op, Op::Label(l) if *l == label))
            .unwrap()
    };
    let mut passed = Vec::new();
    let mut at = 0;
    for _ in 0..500 {
        let address = addresses[at];
        let (what, next) = match ops[at] {
            Op::Jcc(_, to) if random.below(2) == 0 => ("taken", position(to)),
            Op::Jcc(..) => ("not taken", at + 1),
            Op::Jmp(to) => ("", position(to)),
            Op::Call("runtime.panicIndex") => return None,
            Op::Call("runtime.mallocgc") => ("call", at + 1),
            Op::Bytes([0xc3]) => {
                passed.push((address, ""));
                return Some(passed);
            }
            Op::Label(_) => {
                at += 1;
                continue;
            }
            _ => ("", at + 1),
        };
        passed.push((address, what));
        at = next;
    }
    None
}

/// The positions in a walk at which an exit counts.
fn counted(placement: &Placement, passed: &[(u64, &'static str)]) -> Vec<usize> {
    let counts = |(address, what): &(u64, &str)| {
        placement.exits.iter().any(|site| {
            let direction = site
                .condition
                .is_none_or(|c| *what == if c.taken { "taken" } else { "not taken" });
            site.address.0 == *address && direction
        })
    };
    (0..passed.len())
        .filter(|position| counts(&passed[*position]))
        .collect()
}

#[test]
fn on_every_way_to_a_return_an_exit_counts_and_no_call_follows_it() {
    let mut random = Random(7);
    let (mut walks, mut twice) = (0, 0);
    for _ in 0..3_000 {
        let ops = random_function(&mut random);
        let program = Program::new(&[("f", &ops)]);
        let placement = program.place("f");
        for _ in 0..30 {
            let Some(passed) = walk(&program, &ops, &mut random) else {
                continue;
            };
            let counted = counted(&placement, &passed);
            walks += 1;
            twice += usize::from(counted.len() > 1);
            let Some(first) = counted.first() else {
                panic!("no exit\n{ops:?}\n{passed:x?}\n{placement:x?}")
            };
            let calls_after = passed[*first..]
                .iter()
                .filter(|(_, what)| *what == "call")
                .count();
            assert_eq!(calls_after, 0, "{ops:?}\n{passed:x?}\n{placement:x?}");
        }
    }
    assert!(walks > 10_000, "{walks}");
    println!("{twice} of {walks} walks counted twice");
    assert!(
        twice * 100 < walks,
        "{twice} of {walks} walks counted twice"
    );
}
