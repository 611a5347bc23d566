//! Maps that libraries write to for their callers.

use super::*;

fn through(
    functions: &[&str],
    map_type: &str,
    entries: u64,
    count: usize,
) -> impl Iterator<Item = RecordedWrite> {
    let mut write = write(1, Some(entries), Cause::PageFault);
    write.stack = stack(functions);
    write.map_type = Some(map_type.into());
    std::iter::repeat_n(write, count)
}

const ANY: &str = "map[string]interface {}";

#[test]
fn objects_that_become_maps_of_anything_should_become_structs() {
    let nested = [
        "encoding/json.(*decodeState).objectInterface",
        "encoding/json.(*decodeState).valueInterface",
        "encoding/json.Unmarshal",
        "main.handle",
        "main.main",
    ];
    let of_the_callers = [
        "reflect.Value.SetMapIndex",
        "encoding/json.(*decodeState).object",
        "encoding/json.Unmarshal",
        "main.handle",
    ];
    for functions in [&nested[..], &of_the_callers[..]] {
        let found = only(through(functions, ANY, 12, 30));
        assert_eq!(found.rule, "json");
        assert_eq!(found.subject, "main.handle /src/main.go:7");
        assert!(found.advice.contains("struct"), "{found:?}");
        assert!(found.evidence[1].contains("12 entries"), "{found:?}");
    }
    assert_eq!(advice(through(&nested, ANY, 12, 19)), []);
}

#[test]
fn objects_of_very_many_keys_are_data_and_become_typed_maps_with_a_size() {
    let functions = [
        "encoding/json.(*decodeState).objectInterface",
        "main.handle",
    ];
    let found = only(through(&functions, ANY, 5_000, 30));
    assert!(found.advice.contains("map[string]T"), "{found:?}");
}

#[test]
fn what_is_no_map_of_anything_that_json_fills_gets_no_such_advice() {
    let typed = ["encoding/json.(*decodeState).object", "main.handle"];
    assert_eq!(advice(through(&typed, "map[string]int", 12, 200)), []);
    let encoder = ["encoding/json.mapEncoder.encode", "main.handle"];
    assert_eq!(
        advice(through(&encoder, "map[interface {}]struct {}", 12, 200)),
        []
    );
    assert_eq!(advice(through(&["main.fill"], ANY, 12, 200)), []);
    let alike = ["encoding/jsonx.decode", "main.handle"];
    assert_eq!(advice(through(&alike, ANY, 12, 200)), []);
}

#[test]
fn a_sync_map_that_gets_ever_new_keys_should_be_another_map() {
    let map_type = "map[interface {}]*sync.entry";
    let store = ["sync.(*Map).Swap", "sync.(*Map).Store", "main.put"];
    let copy = ["sync.(*Map).dirtyLocked", "sync.(*Map).Swap", "main.put"];
    let writes = through(&store, map_type, 900, 20).chain(through(&copy, map_type, 900, 5));
    let found = only(writes);
    assert_eq!(found.rule, "sync_map");
    assert_eq!(found.subject, "main.put /src/main.go:7");
    assert!(found.evidence[0].contains("25 slow writes"), "{found:?}");
    assert!(found.evidence[0].contains("In 5 of them"), "{found:?}");
    assert_eq!(advice(through(&store, map_type, 900, 19)), []);
}
