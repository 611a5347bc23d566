//! Plans of binaries that are described, not read.

mod fatal;
mod whole_writes;

use std::sync::Arc;

use super::{Tables, plan, wanted};
use crate::golang::{layout::Layout, version};
use crate::model::{
    binary::*,
    layout::MapLayout,
    plan::{GrowthArguments, ProbePlan, ProbeRole},
};

const REHASH: &str = "internal/runtime/maps.(*table).rehash";
const GROW_TO_TABLE: &str = "internal/runtime/maps.(*Map).growToTable";
const HASH_GROW: &str = "runtime.hashGrow";
const SPAN: &str = "go.opentelemetry.io/otel/trace.Span";
const RECORDING_SPAN: &str = "*go.opentelemetry.io/otel/sdk/trace.recordingSpan";

fn site(address: u64) -> Site {
    Site {
        address: VirtualAddress(address),
        offset: FileOffset(address),
        cost: ProbeCost::Emulated,
        condition: None,
        in_frame: false,
    }
}

/// All functions that the tables ask for, each with an entry and two exits.
fn functions() -> impl Iterator<Item = Function> {
    wanted()
        .functions
        .into_iter()
        .zip(1_u64..)
        .map(|(name, number)| Function {
            name,
            address: VirtualAddress(number * 0x1000),
            size: 0x100,
            entry: Some(site(number * 0x1000 + 10)),
            exits: vec![site(number * 0x1000 + 20), site(number * 0x1000 + 30)],
        })
}

fn binary(minor: u32, map_implementation: MapImplementation) -> GoBinary {
    let other_growths: &[&str] = match map_implementation {
        MapImplementation::Hmap => &[REHASH, GROW_TO_TABLE],
        MapImplementation::Swiss => &[HASH_GROW],
    };
    let functions = functions().filter(|function| !other_growths.contains(&&*function.name));
    GoBinary {
        pclntab: Default::default(),
        function_data: Default::default(),
        path: "/service".into(),
        go_version: GoVersion {
            major: 1,
            minor,
            patch: 3,
            raw: format!("go1.{minor}.3"),
            experiments: vec![],
        },
        layout: Layout::of(&version::parse("go1.27").unwrap()).unwrap(),
        architecture: Architecture::Amd64,
        build_mode: None,
        position_independent: false,
        statically_linked: true,
        cgo: false,
        stripped: true,
        has_dwarf: false,
        map_implementation,
        main_module: None,
        dependencies: vec![],
        go_build_id: None,
        gnu_build_id: None,
        segments: vec![],
        text: 0x1000..0x10_0000,
        types: VirtualAddress(0x20_0000),
        functions: functions
            .map(|function| (function.name.clone(), function))
            .collect(),
        itabs: vec![],
        dwarf_offsets: Default::default(),
        image: Arc::default(),
    }
}

/// A Swiss-map binary with the SDK and its itabs.
fn traced_binary(sdk: &str) -> GoBinary {
    let module = |path: &str| Module {
        path: path.to_owned(),
        version: sdk.to_owned(),
    };
    let itabs = wanted()
        .itabs
        .into_iter()
        .zip(1_u64..)
        .map(|((interface, concrete), number)| Itab {
            interface,
            concrete,
            address: VirtualAddress(0x30_0000 + number),
            concrete_type: VirtualAddress(0x20_0000 + number),
        });
    GoBinary {
        dependencies: [
            "go.opentelemetry.io/otel/sdk",
            "go.opentelemetry.io/otel/trace",
        ]
        .map(module)
        .into(),
        itabs: itabs.collect(),
        ..binary(26, MapImplementation::Swiss)
    }
}

fn planned(binary: &GoBinary) -> ProbePlan {
    plan(binary, &Tables::embedded()).unwrap()
}

fn reason(binary: &GoBinary) -> String {
    plan(binary, &Tables::embedded()).unwrap_err().reason
}

fn growths(plan: &ProbePlan) -> Vec<(&str, GrowthArguments)> {
    let entries = plan
        .probes
        .iter()
        .filter(|probe| probe.role == ProbeRole::GrowthEnter);
    entries
        .map(|probe| (probe.function.as_str(), probe.arguments))
        .collect()
}

#[test]
fn each_verified_go_version_has_all_its_probes_and_a_layout() {
    for minor in 18..=27 {
        for maps in [MapImplementation::Hmap, MapImplementation::Swiss] {
            let exists = match maps {
                MapImplementation::Hmap => minor <= 25,
                MapImplementation::Swiss => minor >= 24,
            };
            let plan = plan(&binary(minor, maps), &Tables::embedded());
            assert_eq!(plan.is_ok(), exists, "1.{minor} {maps:?}: {plan:?}");
            assert!(
                plan.is_err() || plan.unwrap().unplaced.is_empty(),
                "1.{minor} {maps:?}"
            );
        }
    }
}

#[test]
fn growths_of_swiss_maps_are_probed_with_their_registers() {
    let plan = planned(&binary(26, MapImplementation::Swiss));
    let arguments = |map, map_type| GrowthArguments {
        map: Some(map),
        map_type: Some(map_type),
    };
    assert_eq!(
        growths(&plan),
        [(REHASH, arguments(2, 1)), (GROW_TO_TABLE, arguments(0, 1))]
    );
    let exits = plan
        .probes
        .iter()
        .filter(|probe| probe.role == ProbeRole::GrowthExit);
    assert_eq!(exits.count(), 4);
    assert!(matches!(
        plan.layout.map,
        MapLayout::Swiss { dir_ptr: 16, .. }
    ));
    assert_eq!(
        (
            plan.layout.g_goid,
            plan.layout.g_sched_bp,
            plan.layout.m_curg
        ),
        (152, 96, 184)
    );
    assert_eq!(plan.layout.g_parent_goid, Some(280));
}

#[test]
fn growths_of_hmaps_are_probed_with_their_registers() {
    let plan = planned(&binary(22, MapImplementation::Hmap));
    assert_eq!(
        growths(&plan),
        [(
            HASH_GROW,
            GrowthArguments {
                map: Some(1),
                map_type: Some(0)
            }
        )]
    );
    assert_eq!(plan.layout.map, MapLayout::Hmap { count: 0, b: 9 });
    assert_eq!(
        planned(&binary(20, MapImplementation::Hmap))
            .layout
            .g_parent_goid,
        None
    );
}

#[test]
fn ranges_of_map_writes_are_those_in_the_binary() {
    let plan = planned(&binary(26, MapImplementation::Swiss));
    assert_eq!(plan.map_assign.len(), 6);
    assert!(
        plan.map_assign
            .iter()
            .all(|(name, start, end)| name.contains("mapassign") && end - start == 0x100)
    );
}

#[test]
fn a_function_that_is_missing_or_has_no_exit_is_named_and_the_others_are_probed() {
    let mut binary = binary(26, MapImplementation::Swiss);
    binary.functions.remove("runtime.gcParkAssist");
    binary.functions.get_mut(REHASH).unwrap().exits.clear();
    let plan = planned(&binary);
    let unplaced: Vec<_> = plan
        .unplaced
        .iter()
        .map(|u| (&*u.function, &*u.reason))
        .collect();
    assert_eq!(
        unplaced,
        [
            (REHASH, "its exits could not be determined"),
            ("runtime.gcParkAssist", "not in this binary")
        ]
    );
    assert_eq!(growths(&plan).len(), 1);
    assert!(plan.probes.iter().all(|probe| probe.function != REHASH));
}

#[test]
fn what_would_begin_and_never_end_is_not_probed() {
    let mut binary = binary(26, MapImplementation::Swiss);
    binary.functions.remove("runtime.execute");
    let plan = planned(&binary);
    assert!(
        plan.probes
            .iter()
            .all(|probe| probe.role != ProbeRole::Deschedule)
    );
    assert_eq!(plan.unplaced.len(), 3);
}

#[test]
fn a_binary_without_growth_or_map_writes_is_skipped() {
    let mut no_growth = binary(26, MapImplementation::Swiss);
    no_growth
        .functions
        .retain(|name, _| name != REHASH && name != GROW_TO_TABLE);
    assert!(
        reason(&no_growth).starts_with("no growth of maps can be probed"),
        "{}",
        reason(&no_growth)
    );
    let mut no_writes = binary(26, MapImplementation::Swiss);
    no_writes
        .functions
        .retain(|name, _| !name.contains("mapassign"));
    assert_eq!(
        reason(&no_writes),
        "the binary has no function that writes to maps"
    );
}

#[test]
fn an_unknown_go_version_is_skipped_without_dwarf() {
    let reason = reason(&binary(99, MapImplementation::Swiss));
    assert!(
        reason.starts_with("Go 1.99 is not in the tables, and the binary has no DWARF"),
        "{reason}"
    );
}

#[test]
fn an_unknown_go_version_with_dwarf_is_probed_as_far_as_no_argument_is_needed() {
    let mut binary = binary(99, MapImplementation::Swiss);
    let fields = wanted()
        .fields
        .into_iter()
        .filter(|field| !field.ends_with("parentGoid"));
    binary.dwarf_offsets = fields.zip((8..).step_by(8)).collect();
    let plan = planned(&binary);
    assert_eq!(
        growths(&plan),
        [REHASH, GROW_TO_TABLE].map(|name| (name, GrowthArguments::default()))
    );
    let at = |field: &str| binary.dwarf_offsets[field] as u32;
    assert_eq!(plan.layout.g_goid, at("runtime.g.goid"));
    assert_eq!(
        plan.layout.g_stack_hi,
        at("runtime.g.stack") + at("runtime.stack.hi")
    );
    assert_eq!(plan.layout.g_parent_goid, None);
    let unplaced: Vec<_> = plan.unplaced.iter().map(|u| &*u.function).collect();
    assert_eq!(
        unplaced,
        [
            "runtime.goschedImpl",
            "runtime.preemptPark",
            "runtime.execute",
            "runtime.fatal"
        ]
    );
}

#[test]
fn offsets_in_a_target_s_dwarf_may_be_anything() {
    let mut binary = binary(99, MapImplementation::Swiss);
    for offset in [u64::MAX, u64::from(u32::MAX)] {
        binary.dwarf_offsets = wanted()
            .fields
            .into_iter()
            .map(|field| (field, offset))
            .collect();
        reason(&binary);
    }
}

#[test]
fn spans_are_searched_for_by_the_layout_of_the_sdk_release() {
    for (release, expected) in [
        ("v1.0.1", 232),
        ("v1.10.0", 176),
        ("v1.20.0", 192),
        ("v1.47.0", 192),
    ] {
        let binary = traced_binary(release);
        let search = planned(&binary).span_search.unwrap();
        let span = binary
            .itabs
            .iter()
            .find(|itab| itab.interface == SPAN && itab.concrete == RECORDING_SPAN);
        assert_eq!(
            (search.sdk_version.as_str(), search.layout.span_context),
            (release, expected)
        );
        assert_eq!(
            (
                search.layout.trace_id,
                search.layout.span_id,
                search.layout.trace_flags
            ),
            (0, 16, 24)
        );
        assert_eq!(
            (search.span_itab, search.span_type),
            span.map(|i| (i.address, i.concrete_type)).unwrap()
        );
        assert_eq!(search.context_itabs.len(), 6);
        assert!(search.context_itabs.contains(&search.value_context_itab));
        assert!(search.non_recording_itab.is_some() && search.non_recording_type.is_some());
    }
}

#[test]
fn releases_between_which_a_layout_changed_and_pre_releases_are_not_guessed() {
    for release in [
        "v1.0.0",
        "v1.3.1",
        "v1.19.1",
        "v1.47.1",
        "v1.47.0-rc.1",
        "v2.0.0",
        "(devel)",
        "",
    ] {
        let plan = planned(&traced_binary(release));
        let reason = plan.span_search.unwrap_err();
        assert!(
            reason.contains(&format!("sdk {release} is not in the tables")),
            "{reason}"
        );
    }
}

#[test]
fn an_unknown_release_with_dwarf_is_searched_by_it() {
    let mut binary = traced_binary("v1.99.0");
    binary.dwarf_offsets = wanted().fields.into_iter().zip((8..).step_by(8)).collect();
    let layout = planned(&binary).span_search.unwrap().layout;
    let name = "go.opentelemetry.io/otel/sdk/trace.recordingSpan.name";
    assert_eq!(u64::from(layout.name), binary.dwarf_offsets[name]);
}

#[test]
fn without_the_sdk_no_span_is_searched_for() {
    let plan = planned(&binary(26, MapImplementation::Swiss));
    assert_eq!(
        plan.span_search.unwrap_err(),
        "the OpenTelemetry SDK for Go is not in this binary"
    );
}

#[test]
fn a_table_that_cannot_be_read_says_where() {
    let error = Tables::parse("[[probe]]\nfunction = 3", "", "")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("probes.toml: ") && error.contains("line 2"),
        "{error}"
    );
}
