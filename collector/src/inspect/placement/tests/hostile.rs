//! Code that no compiler made.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{
    super::{Code, CodeSource, call_sites, place},
    assembler::{START, offset_of},
    paths::Random,
};
use crate::model::binary::{Architecture, VirtualAddress};

/// Answers for every address with the same bytes, so that all calls lead on.
struct Everywhere(Vec<u8>);

impl CodeSource for Everywhere {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>> {
        Some(Code {
            architecture: Architecture::Amd64,
            name: "main.f",
            address,
            bytes: &self.0,
        })
    }
}

fn place_all(bytes: Vec<u8>) {
    for address in [START, 0, u64::MAX - 8] {
        let address = VirtualAddress(address);
        let source = Everywhere(bytes.clone());
        let code = source.function_at(address).unwrap();
        let placement = place(&code, &source, &offset_of);
        let sites = placement.exits.iter().chain(&placement.entry);
        assert!(
            sites
                .into_iter()
                .all(|site| offset_of(site.address) == Some(site.offset))
        );
        call_sites(&code, VirtualAddress(START), &offset_of);
    }
}

#[test]
fn random_bytes_are_placed_or_not_but_never_panic() {
    let mut random = Random(1);
    for _ in 0..1_000 {
        let length = random.below(300);
        place_all((0..length).map(|_| random.below(256) as u8).collect());
    }
}

#[test]
fn random_control_flow_is_placed_or_not_but_never_panics() {
    let opcodes = [
        0x55, 0x5d, 0x70, 0x74, 0x75, 0x76, 0x90, 0xc3, 0xe8, 0xe9, 0xeb, 0xff, 0x00, 0x0f,
    ];
    let mut random = Random(2);
    for _ in 0..1_000 {
        let length = random.below(300);
        place_all(
            (0..length)
                .map(|_| match random.below(3) {
                    0 => random.below(24) as u8,
                    1 => 0xff - random.below(24) as u8,
                    _ => opcodes[random.below(opcodes.len())],
                })
                .collect(),
        );
    }
}

#[test]
fn a_huge_function_takes_no_huge_time() {
    // Not what others had of the CPU meanwhile.
    let used = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let start = used();
    // Branches over branches, calls at every end, loops in loops, and returns everywhere.
    for pattern in [
        &[0x75, 0x02, 0x74, 0xfc][..],
        &[0xe8, 1, 2, 3, 0, 0xc3],
        &[0x75, 0x01, 0xc3],
        &[0xc3],
    ] {
        let bytes: Vec<u8> = pattern.iter().copied().cycle().take(1 << 16).collect();
        let source = Everywhere(bytes);
        let code = source.function_at(VirtualAddress(START)).unwrap();
        place(&code, &source, &offset_of);
    }
    let used = used() - start;
    assert!(used.as_secs() < 20, "{used:?}");
    let too_long = Everywhere(vec![0x90; (1 << 16) + 1]);
    let code = too_long.function_at(VirtualAddress(START)).unwrap();
    assert_eq!(
        place(&code, &too_long, &offset_of),
        super::super::Placement::default()
    );
}
