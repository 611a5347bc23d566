//! What the search for the request that a goroutine serves needs: which function serves requests, and how its
//! arguments lead to the request's header. The types of the executable itself say where fields are, stripped or not.

use std::ops::Range;

use super::{Tables, offsets::Offsets};
use crate::{
    golang::{structs::Field, types::Types},
    model::{
        binary::{GoBinary, MapImplementation, VirtualAddress},
        layout::{GroupsLayout, StringMapLayout},
        plan::RequestSearch,
    },
};

/// Its frame is on the stack of each handler of HTTP/1.
const SERVER: &str = "net/http.(*conn).serve";
const RESPONSE_WRITER: &str = "net/http.ResponseWriter";
const RESPONSE: &str = "*net/http.response";

pub(super) fn wanted_functions() -> impl Iterator<Item = String> {
    [SERVER.to_owned()].into_iter()
}

pub(super) fn wanted_itabs() -> impl Iterator<Item = (String, String)> {
    [(RESPONSE_WRITER.to_owned(), RESPONSE.to_owned())].into_iter()
}

/// What is needed to find requests, or why they will not be looked for.
pub(super) fn search(binary: &GoBinary, tables: &Tables) -> Result<RequestSearch, String> {
    let (server, response) =
        server(binary).ok_or("no HTTP server of package net/http is in this binary")?;
    let groups = groups(binary, tables)?;
    let found = request(Types::of(binary), response, server, groups);
    found.ok_or_else(|| "the types of package net/http are not as they were known".to_owned())
}

/// The server's code and the type of a pointer to its response.
fn server(binary: &GoBinary) -> Option<(Range<u64>, VirtualAddress)> {
    let function = binary.functions.get(SERVER)?;
    let start = function.address.0;
    let mut itabs = binary.itabs.iter();
    let response =
        itabs.find(|itab| itab.interface == RESPONSE_WRITER && itab.concrete == RESPONSE)?;
    Some((
        start..start.checked_add(function.size)?,
        response.concrete_type,
    ))
}

fn request(
    types: Types<'_>,
    response: VirtualAddress,
    server: Range<u64>,
    groups: GroupsLayout,
) -> Option<RequestSearch> {
    let response = types.pointee(response)?;
    let of_response = |name| types.field(response, name);
    let (connection, request) = (of_response("conn")?, of_response("req")?);
    let at_work = types.field(types.pointee(connection.type_address)?, "curReq")?;
    let header = types.field(types.pointee(request.type_address)?, "Header")?;
    Some(RequestSearch {
        server,
        response: small(at_work.offset.checked_add(pointer_in(types, at_work))?)?,
        connection: small(connection.offset)?,
        handler_done: small(of_response("handlerDone")?.offset)?,
        request: small(request.offset)?,
        header: small(header.offset)?,
        groups,
        fields: string_map(types, header.type_address)?,
    })
}

/// Where an atomic variable has its pointer: `atomic.Value` in an interface, behind its type; `atomic.Pointer` at once.
fn pointer_in(types: Types<'_>, atomic: Field) -> u64 {
    let value = types.field(atomic.type_address, "v");
    let size = value.and_then(|value| types.size_of(value.type_address));
    match size {
        Some(16) => 8,
        _ => 0,
    }
}

pub(super) fn groups(binary: &GoBinary, tables: &Tables) -> Result<GroupsLayout, String> {
    let (major, minor) = binary.go_version.minor();
    let subject = format!("Go {major}.{minor}");
    let offsets = Offsets {
        subject: &subject,
        row: tables.go_row(&binary.go_version).map(|row| &row.offsets),
        dwarf: &binary.dwarf_offsets,
    };
    let in_table = |field: &str| {
        let field = format!("internal/runtime/maps.groupsReference.{field}");
        offsets.nested("internal/runtime/maps.table.groups", &field)
    };
    Ok(match binary.map_implementation {
        MapImplementation::Hmap => GroupsLayout::Hmap {
            buckets: offsets.required("runtime.hmap.buckets")?,
            old: offsets.required("runtime.hmap.oldbuckets")?,
        },
        MapImplementation::Swiss => GroupsLayout::Swiss {
            directory: offsets.required("internal/runtime/maps.Map.dirPtr")?,
            table_groups: in_table("data")?,
            table_length_mask: in_table("lengthMask")?,
        },
    })
}

/// A bucket has arrays of keys and elements; a group has one of both, or two arrays.
fn string_map(types: Types<'_>, map: VirtualAddress) -> Option<StringMapLayout> {
    let group = types.map_group(map)?;
    let stride = |array: Field| types.size_of(types.array_element(array.type_address)?);
    let layout = match types.field(group, "slots") {
        Some(slots) => {
            let slot = types.array_element(slots.type_address)?;
            let (key, value) = (types.field(slot, "key")?, types.field(slot, "elem")?);
            let (key, value) = (
                slots.offset.checked_add(key.offset)?,
                slots.offset.checked_add(value.offset)?,
            );
            [key, stride(slots)?, value, stride(slots)?]
        }
        None => {
            let (keys, values) = (types.field(group, "keys")?, types.field(group, "elems")?);
            [keys.offset, stride(keys)?, values.offset, stride(values)?]
        }
    };
    let overflow = types.field(group, "overflow");
    Some(StringMapLayout {
        group_size: small(types.size_of(group)?)?,
        key: small(layout[0])?,
        key_stride: small(layout[1])?,
        value: small(layout[2])?,
        value_stride: small(layout[3])?,
        overflow: match overflow {
            Some(field) => Some(small(field.offset)?),
            None => None,
        },
    })
}

/// No struct of a server is as large; what says so is not to be computed with.
fn small(offset: u64) -> Option<u32> {
    u16::try_from(offset).ok().map(u32::from)
}
