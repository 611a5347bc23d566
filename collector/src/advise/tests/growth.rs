//! Maps that grow.

use super::*;
use crate::model::advice::Confidence;

#[test]
fn maps_that_a_goroutine_grows_again_and_again_are_to_be_made_with_their_size() {
    let found = advice((0..30).flat_map(|_| growths(1, 4_096)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].rule, found[0].confidence),
        ("regrown", Confidence::High)
    );
    assert!(found[0].advice.contains("make(map[int]int, n)") && found[0].advice.contains("4096"));
    assert_eq!(found[0].subject, "main.fill /src/main.go:7");
    assert!(found[0].evidence[0].contains("30 maps"), "{found:?}");
}

#[test]
fn a_map_for_each_request_is_one_for_each_goroutine() {
    let found = advice((0..30).flat_map(|goid| growths(goid, 4_096)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].evidence[0].contains("29 maps"), "{found:?}");
}

#[test]
fn one_map_that_many_goroutines_fill_is_not_many_maps() {
    let one = growths(0, 1 << 40).enumerate().map(|(index, mut write)| {
        write.goid = Some(index as u64 % 7);
        write
    });
    assert_eq!(only(one).rule, "large_map");
}

/// Growths of maps that come one after the other, each at an address of its own, filled by seven goroutines in turn.
fn one_after_the_other(maps: u64, entries: u64) -> Vec<RecordedWrite> {
    let all = (0..maps).flat_map(|map| growths(map, entries).map(move |write| (map, write)));
    let writes = all.enumerate().map(|(index, (map, mut write))| {
        write.start = Ktime(index as u64);
        write.map_address = Some(VirtualAddress(0xc0_0001_0000 + map * 0x40));
        write.goid = Some(index as u64 % 7);
        write
    });
    writes.collect()
}

#[test]
fn maps_that_many_goroutines_fill_one_after_the_other_are_counted_by_their_addresses() {
    let found = only(one_after_the_other(6, 4_096));
    assert_eq!(found.rule, "regrown");
    assert!(found.evidence[0].contains("6 maps"), "{found:?}");
}

#[test]
fn a_growth_whose_map_is_not_known_is_no_map_of_its_own_where_others_are_known() {
    let mut writes = one_after_the_other(6, 4_096);
    for write in writes.iter_mut().step_by(2) {
        write.map_address = None;
    }
    let found = only(writes);
    assert!(found.evidence[0].contains("6 maps"), "{found:?}");
}

#[test]
fn a_large_map_that_was_begun_anew_meanwhile_is_still_a_large_map() {
    let found = only(one_after_the_other(2, 1 << 40));
    assert_eq!(found.rule, "shared_map");
    let large = only(one_after_the_other(9, 1 << 40));
    assert_eq!(large.rule, "regrown", "one remedy for the line");
}

#[test]
fn a_map_that_has_moved_with_its_stack_is_not_another_one() {
    let moved = growths(1, 1 << 40).enumerate().map(|(index, mut write)| {
        write.map_address = Some(VirtualAddress(0xc0_0001_0000 + index as u64 / 3 * 0x40));
        write
    });
    assert_eq!(only(moved).rule, "large_map");
}

#[test]
fn maps_that_are_made_with_their_size_do_not_grow_and_get_no_advice() {
    let other = (0..100).map(|goid| write(goid, None, Cause::PageFault));
    assert_eq!(advice(other), []);
}

#[test]
fn a_few_maps_are_no_habit() {
    assert_eq!(advice((0..4).flat_map(|_| growths(1, 4_096))), []);
}

/// In a trace of that number.
fn in_trace(mut write: RecordedWrite, trace: u8) -> RecordedWrite {
    write.context = Some(SpanContext {
        trace_id: [trace; 16],
        span_id: [1; 8],
        trace_flags: 1,
    });
    write
}

#[test]
fn maps_that_each_request_makes_anew_may_be_kept() {
    let requests = |traces: u8| {
        (0..30).flat_map(move |map| {
            growths(1, 4_096).map(move |write| in_trace(write, 1 + map % traces))
        })
    };
    let found = only(requests(30));
    assert_eq!(
        (found.rule, found.confidence),
        ("per_request", Confidence::High)
    );
    assert!(found.advice.contains("sync.Pool") && found.advice.contains("make(map[int]int, n)"));
    assert!(found.evidence[0].contains("30 maps") && found.evidence[0].contains("30 traces"));
    assert_eq!(
        only(requests(10)).rule,
        "regrown",
        "a request that makes many maps is no reason to keep them"
    );
}

#[test]
fn a_map_that_several_requests_fill_is_of_none_of_them() {
    let mut number = 0;
    let maps = (0..30).flat_map(|_| growths(1, 4_096)).map(|write| {
        number += 1;
        in_trace(write, number)
    });
    assert_eq!(only(maps).rule, "regrown");
}

/// Growths as a whole at these entries, that take so long.
fn whole(growths: &[(u64, u64)]) -> Vec<RecordedWrite> {
    let growths = growths.iter().enumerate();
    let write = |(index, (entries, nanos)): (usize, &(u64, u64))| {
        let mut write = write(1, Some(*entries), Cause::Growth);
        write.start = Ktime(index as u64);
        write.duration_nano = *nanos;
        write.map_capacity_before = Some(entries * 8 / 6);
        write
    };
    growths.map(write).collect()
}

#[test]
fn what_the_next_growth_of_a_large_map_will_take_is_told_from_the_last_ones() {
    let steady = [
        (106_496, 1_000_000),
        (212_992, 2_200_000),
        (425_984, 4_000_000),
        (851_968, 8_000_000),
    ];
    let found = only(whole(&steady));
    assert_eq!(
        (found.rule, found.confidence),
        ("large_map", Confidence::Medium)
    );
    assert!(
        found
            .advice
            .contains("make(map[int]int, n), with n above 851968")
    );
    assert!(found.advice.contains("split it by a hash"), "{found:?}");
    let next = &found.evidence[1];
    assert!(
        next.starts_with("The next, at 1703936 entries, will take 16 ms to 17.6 ms"),
        "{next}"
    );
    let mut erratic = steady;
    erratic[2].1 = 400_000;
    assert_eq!(only(whole(&erratic)).evidence.len(), 1, "nothing to go by");
}

#[test]
fn a_large_map_that_grows_by_tables_grows_in_pieces_that_splitting_would_not_shorten() {
    let mut writes = whole(&[(0, 0); 60]);
    for (index, write) in writes.iter_mut().enumerate() {
        write.map_len = Some(20_000 + index as u64 * 3_000);
        write.map_capacity_before = Some(1_024);
    }
    let found = only(writes.clone());
    assert_eq!(found.rule, "large_map");
    assert!(!found.advice.contains("split"), "{found:?}");
    assert_eq!(found.evidence.len(), 1);
    writes.truncate(40);
    assert_eq!(advice(writes), [], "of so few pieces nobody suffers");
}

/// Growths of one map by tables, in turn by these goroutines.
fn by_tables(goids: impl IntoIterator<Item = u64>) -> Vec<RecordedWrite> {
    let mut writes = whole(&[(0, 30_000); 240]);
    for ((index, write), goid) in writes.iter_mut().enumerate().zip(goids) {
        write.map_len = Some(20_000 + index as u64 * 3_000);
        write.map_capacity_before = Some(1_024);
        write.map_address = Some(VirtualAddress(0xc0_0001_0040));
        write.goid = Some(goid);
    }
    writes
}

#[test]
fn a_large_map_that_goroutines_take_turns_at_makes_them_wait_for_its_lock() {
    let found = only(by_tables((0..240).map(|index| index % 8)));
    assert_eq!(
        (found.rule, found.confidence),
        ("shared_map", Confidence::High)
    );
    assert!(found.advice.contains("make(map[int]int, n), with n above"));
    assert!(found.advice.contains("a lock of its own"), "{found:?}");
    let turns = &found.evidence[1];
    assert!(
        turns.contains("at 0xc000010040, to which 8 goroutines write in turn: 239 of 239 times"),
        "{turns}"
    );
    let of_requests = only(by_tables((0..240).map(|index| index / 40)));
    assert_eq!(
        (of_requests.rule, of_requests.confidence),
        ("shared_map", Confidence::Medium),
        "each goroutine has one turn"
    );
}

#[test]
fn a_map_that_is_handed_on_or_not_known_to_be_one_is_shared_by_nobody() {
    let handed_on = by_tables((0..240).map(|index| index / 100 % 2));
    assert_eq!(only(handed_on).rule, "large_map", "given back once");
    let mut several = by_tables((0..240).map(|index| index % 8));
    several[120].map_address = Some(VirtualAddress(0xc0_0001_0080));
    assert_eq!(only(several.clone()).rule, "large_map");
    several[120].map_address = None;
    assert_eq!(only(several.clone()).rule, "shared_map", "the others tell");
    for write in several.iter_mut().skip(100) {
        write.map_address = None;
    }
    assert_eq!(only(several).rule, "large_map", "most are not known");
}

#[test]
fn what_shrinks_or_is_small_is_no_large_map_that_keeps_growing() {
    let small = [(1_000, 1), (2_000, 2), (4_000, 4), (8_000, 8)];
    assert_eq!(advice(whole(&small)), []);
    let again = [(106_496, 1), (851_968, 2), (425_984, 4), (1_703_936, 8)];
    assert_eq!(advice(whole(&again)), []);
}

#[test]
fn values_of_many_bytes_are_to_be_pointers_as_long_as_the_map_itself_holds_them() {
    let of = |key, value| {
        (0..40).map(move |_| {
            let mut write = write(1, Some(1_000), Cause::Growth);
            (write.map_key_size, write.map_value_size) = (Some(key), Some(value));
            write.map_capacity_after = Some(2_048);
            write
        })
    };
    let found = only(of(8, 120));
    assert_eq!(
        (found.rule, found.confidence),
        ("large_entries", Confidence::Medium)
    );
    assert!(found.advice.contains("pointers"), "{found:?}");
    assert!(found.evidence[0].contains("128 bytes a slot, and 16 if"));
    assert!(found.evidence[1].contains("256 KiB"), "{found:?}");
    assert!(only(of(96, 8)).advice.contains("smaller key"));
    assert_eq!(advice(of(8, 8)), []);
    assert_eq!(advice(of(16, 200)), [], "Go keeps a pointer already");
    assert_eq!(advice(of(8, 120).take(10)), []);
}
