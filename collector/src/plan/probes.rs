//! Which probes go where.

use super::{
    Tables,
    tables::{Arguments, ProbeRow},
};
use crate::model::{
    binary::{Function, GoBinary, ProbeCost, Site},
    plan::{GrowthArguments, PlannedProbe, ProbeRole, Skipped, Unplaced, WriteProbes},
};

/// Roles that say nothing without each other.
const PAIRS: [(ProbeRole, ProbeRole); 4] = [
    (ProbeRole::GrowthEnter, ProbeRole::GrowthExit),
    (ProbeRole::AssistEnter, ProbeRole::AssistExit),
    (ProbeRole::Deschedule, ProbeRole::Resume),
    (ProbeRole::StopWorldEnter, ProbeRole::StopWorldExit),
];

/// Of all functions that write to maps, in all versions: the type, then the map.
/// https://github.com/golang/go/blob/go1.18/src/runtime/map.go#L578
const WRITE_ARGUMENTS: GrowthArguments = GrowthArguments {
    map: Some(1),
    map_type: Some(0),
};

/// The probes, and the functions of the table that get none.
pub(super) fn place(
    binary: &GoBinary,
    tables: &Tables,
) -> Result<(Vec<PlannedProbe>, Vec<Unplaced>), Skipped> {
    let (mut probes, mut unplaced) = (Vec::new(), Vec::new());
    let rows = tables.probes.iter();
    for row in rows.filter(|row| row.is_about(binary)) {
        match place_row(binary, row) {
            Ok(placed) => probes.extend(placed),
            Err(reason) => unplaced.push(Unplaced {
                function: row.function.clone(),
                reason,
            }),
        }
    }
    drop_halves(&mut probes, &mut unplaced);
    if probes
        .iter()
        .any(|probe: &PlannedProbe| probe.role == ProbeRole::GrowthEnter)
    {
        return Ok((probes, unplaced));
    }
    let reasons: Vec<String> = unplaced
        .iter()
        .map(|function| format!("{}: {}", function.function, function.reason))
        .collect();
    Err(Skipped {
        reason: format!("no growth of maps can be probed ({})", reasons.join("; ")),
    })
}

fn place_row(binary: &GoBinary, row: &ProbeRow) -> Result<Vec<PlannedProbe>, String> {
    let function = binary
        .functions
        .get(&row.function)
        .ok_or("not in this binary")?;
    let arguments = arguments(binary, row)?;
    let mut probes = Vec::new();
    let mut add = |role, site| {
        probes.push(PlannedProbe {
            role,
            function: row.function.clone(),
            site,
            arguments,
            writer: None,
        });
    };
    if let Some(role) = row.enter {
        add(
            role,
            function.entry.ok_or("its entry could not be determined")?,
        );
    }
    if let Some(role) = row.exit {
        if function.exits.is_empty() {
            return Err("its exits could not be determined".to_owned());
        }
        function.exits.iter().for_each(|site| add(role, *site));
    }
    Ok(probes)
}

/// A growth is worth knowing even if it is not known of which map.
fn arguments(binary: &GoBinary, row: &ProbeRow) -> Result<GrowthArguments, String> {
    let Arguments {
        map,
        map_type,
        goroutine,
        message,
    } = row.arguments;
    match (row.is_verified(&binary.go_version), goroutine.or(message)) {
        (true, _) => Ok(GrowthArguments { map, map_type }),
        (false, None) => Ok(GrowthArguments::default()),
        (false, Some(_)) => {
            let (major, minor) = binary.go_version.minor();
            Err(format!(
                "its arguments were not verified for Go {major}.{minor}"
            ))
        }
    }
}

fn drop_halves(probes: &mut Vec<PlannedProbe>, unplaced: &mut Vec<Unplaced>) {
    for (enter, exit) in PAIRS {
        for (role, other) in [(enter, exit), (exit, enter)] {
            if probes.iter().any(|probe| probe.role == other) {
                continue;
            }
            let halves = probes.extract_if(.., |probe| probe.role == role);
            let mut functions: Vec<String> = halves.map(|probe| probe.function).collect();
            functions.dedup();
            unplaced.extend(functions.into_iter().map(|function| Unplaced {
                function,
                reason: "what it begins or ends could not be probed at its other end".to_owned(),
            }));
        }
    }
}

/// The ranges of the functions that write to maps.
pub(super) fn map_assign(
    binary: &GoBinary,
    tables: &Tables,
) -> Result<Vec<(String, u64, u64)>, Skipped> {
    let found: Vec<_> = tables
        .map_assign
        .iter()
        .filter_map(|name| binary.functions.get(name))
        .map(range)
        .collect();
    if found.is_empty() {
        return Err(Skipped {
            reason: "the binary has no function that writes to maps".to_owned(),
        });
    }
    Ok(found)
}

/// The probes of whole writes.
pub(super) fn writes(binary: &GoBinary, tables: &Tables) -> WriteProbes {
    let mut writes = WriteProbes::default();
    let functions = tables.map_assign.iter();
    let functions = functions.filter_map(|name| binary.functions.get(name));
    // In the order of `map_assign`.
    for (number, function) in (0..).zip(functions) {
        match whole_write(function) {
            Ok((entry, exits)) => {
                let exits = exits.iter().map(|site| (ProbeRole::WriteExit, *site));
                let sites = [(ProbeRole::WriteEnter, entry)].into_iter().chain(exits);
                writes.probes.extend(sites.map(|(role, site)| PlannedProbe {
                    role,
                    function: function.name.clone(),
                    site,
                    arguments: WRITE_ARGUMENTS,
                    writer: Some(number),
                }));
            }
            Err(reason) => writes.unplaced.push(Unplaced {
                function: function.name.clone(),
                reason: reason.to_owned(),
            }),
        }
    }
    writes
}

/// Only where the kernel emulates what is under the probes: else each write would cost twenty times as much.
fn whole_write(function: &Function) -> Result<(Site, &[Site]), &'static str> {
    let entry = function.entry.ok_or("its entry could not be determined")?;
    if function.exits.is_empty() {
        return Err("its exits could not be determined");
    }
    let mut sites = function.exits.iter().chain([&entry]);
    if sites.any(|site| site.cost == ProbeCost::SingleStepped) {
        return Err("the kernel would have to single-step an instruction of every write");
    }
    Ok((entry, &function.exits))
}

fn range(function: &Function) -> (String, u64, u64) {
    let start = function.address.0;
    (
        function.name.clone(),
        start,
        start.saturating_add(function.size),
    )
}
