//! The part of a target's description that leads the BPF programs to the request that a goroutine serves, and to the
//! goroutine's labels.

use std::ops::Range;

use slowmap_abi::{ABSENT, AddressRange, MapGroups, StringMap};

use crate::model::{
    layout::{GroupsLayout, StringMapLayout},
    plan::{LabelKind, LabelSearch, RequestSearch},
};

pub(super) fn search(search: &RequestSearch, bias: u64) -> slowmap_abi::RequestSearch {
    slowmap_abi::RequestSearch {
        server: code(&search.server, bias),
        response: search.response,
        connection: search.connection,
        handler_done: search.handler_done,
        request: search.request,
        header: search.header,
        _reserved: 0,
        map: groups(search.groups),
        fields: string_map(search.fields),
    }
}

pub(super) fn labels(search: &LabelSearch, bias: u64) -> slowmap_abi::LabelSearch {
    slowmap_abi::LabelSearch {
        setter: code(&search.setter, bias),
        g_labels: search.g_labels,
        is_list: u32::from(search.kind == LabelKind::List),
        fields: string_map(search.fields),
    }
}

fn code(range: &Range<u64>, bias: u64) -> AddressRange {
    AddressRange {
        start: range.start.wrapping_add(bias),
        end: range.end.wrapping_add(bias),
    }
}

fn groups(layout: GroupsLayout) -> MapGroups {
    match layout {
        GroupsLayout::Hmap { buckets, old } => MapGroups {
            groups: buckets,
            old_groups: old,
            ..MapGroups::default()
        },
        GroupsLayout::Swiss {
            directory,
            table_groups,
            table_length_mask,
        } => MapGroups {
            groups: directory,
            old_groups: ABSENT,
            table_groups,
            table_length_mask,
        },
    }
}

fn string_map(layout: StringMapLayout) -> StringMap {
    StringMap {
        group_size: layout.group_size,
        key: layout.key,
        key_stride: layout.key_stride,
        value: layout.value,
        value_stride: layout.value_stride,
        overflow: layout.overflow.unwrap_or(ABSENT),
    }
}
