//! Where a field is in the kernel's structures, from the kernel's own description of its types (BTF).
//! https://docs.kernel.org/bpf/btf.html
//!
//! One field is wanted: how long a task has waited for a CPU. The crates that read BTF are made for whole type trees and
//! take tens of MiB for those of a kernel, are not under a licence that this program could be linked with, or are in C.

use std::{fs, path::Path};

const DESCRIPTION: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u32 = 0xeb9f;
const HEADER: usize = 24;
/// Bytes of a type before what its kind adds, and of a member of a structure.
const TYPE: usize = 12;
const MEMBER: usize = 12;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_ENUM64: u32 = 19;

/// Offset of `task_struct.sched_info.run_delay` in bytes: nanoseconds, added to when the task gets a CPU. `None`: the
/// kernel does not count it, or does not describe its types.
pub(super) fn run_delay() -> Option<u64> {
    offset(
        Path::new(DESCRIPTION),
        "task_struct",
        &["sched_info", "run_delay"],
    )
}

fn offset(file: &Path, structure: &str, path: &[&str]) -> Option<u64> {
    let bytes = fs::read(file).ok()?;
    let types = Types::parse(&bytes)?;
    let mut structure = types.iter().find(|found| {
        found.kind == KIND_STRUCT && types.name(found.name) == Some(structure.as_bytes())
    })?;
    let mut sum = 0;
    for (depth, field) in path.iter().enumerate() {
        let (type_id, offset) = types.member(&structure, field)?;
        sum += offset;
        if depth + 1 < path.len() {
            structure = types.nth(type_id)?;
        }
    }
    Some(sum)
}

struct Types<'a> {
    types: &'a [u8],
    names: &'a [u8],
}

struct Type<'a> {
    name: u32,
    kind: u32,
    /// Bit-field sizes stand in the upper byte of members' offsets.
    has_bit_fields: bool,
    members: &'a [u8],
}

impl<'a> Types<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        if word(bytes, 0)? & 0xffff != MAGIC {
            return None;
        }
        let part = |at: usize| -> Option<&'a [u8]> {
            let start = usize::try_from(word(bytes, at)?)
                .ok()?
                .checked_add(HEADER)?;
            let length = usize::try_from(word(bytes, at + 4)?).ok()?;
            bytes.get(start..start.checked_add(length)?)
        };
        Some(Self {
            types: part(8)?,
            names: part(16)?,
        })
    }

    /// In the order of their numbers, which begin at 1.
    fn iter(&self) -> impl Iterator<Item = Type<'a>> + use<'a> {
        let mut rest = self.types;
        std::iter::from_fn(move || {
            let (name, info) = (word(rest, 0)?, word(rest, 4)?);
            let (count, kind) = ((info & 0xffff) as usize, info >> 24 & 0x1f);
            let extra = match kind {
                KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
                KIND_ARRAY => 12,
                KIND_STRUCT | KIND_UNION => MEMBER * count,
                KIND_ENUM | KIND_FUNC_PROTO => 8 * count,
                KIND_DATASEC | KIND_ENUM64 => 12 * count,
                _ => 0,
            };
            let members = rest.get(TYPE..TYPE + extra)?;
            rest = &rest[TYPE + extra..];
            Some(Type {
                name,
                kind,
                has_bit_fields: info >> 31 == 1,
                members,
            })
        })
    }

    fn nth(&self, id: u32) -> Option<Type<'a>> {
        self.iter().nth(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    fn name(&self, offset: u32) -> Option<&'a [u8]> {
        let rest = self.names.get(usize::try_from(offset).ok()?..)?;
        rest.split(|byte| *byte == 0).next()
    }

    /// The type's number and the offset in bytes; also within a structure without a name, one level down.
    fn member(&self, structure: &Type<'a>, field: &str) -> Option<(u32, u64)> {
        let own = self.direct_member(structure, field);
        own.or_else(|| {
            let members = self.members(structure);
            let unnamed = members.filter(|(name, ..)| *name == 0);
            unnamed.into_iter().find_map(|(_, type_id, offset)| {
                let (type_id, within) = self.direct_member(&self.nth(type_id)?, field)?;
                Some((type_id, offset + within))
            })
        })
    }

    fn direct_member(&self, structure: &Type<'a>, field: &str) -> Option<(u32, u64)> {
        let mut members = self.members(structure);
        let found = members.find(|(name, ..)| self.name(*name) == Some(field.as_bytes()))?;
        Some((found.1, found.2))
    }

    fn members(&self, structure: &Type<'a>) -> impl Iterator<Item = (u32, u32, u64)> + use<'a> {
        let bits = if structure.has_bit_fields {
            0x00ff_ffff
        } else {
            u32::MAX
        };
        structure
            .members
            .chunks_exact(MEMBER)
            .filter_map(move |member| {
                let offset = u64::from(word(member, 8)? & bits) / 8;
                Some((word(member, 0)?, word(member, 4)?, offset))
            })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_where_the_kernel_describes_itself() {
        if !Path::new(DESCRIPTION).exists() {
            return; // `slowmap check` says so; there is nothing to read.
        }
        let structure = |path: &[&str]| offset(Path::new(DESCRIPTION), "task_struct", path);
        let (within, of) = (
            structure(&["sched_info", "run_delay"]),
            structure(&["sched_info"]),
        );
        // `pcount` is the first.
        assert_eq!(within, of.map(|of| of + 8));
        assert_eq!(structure(&["no_such_field"]), None);
    }

    #[test]
    fn what_is_cut_off_or_something_else_has_no_field() {
        let Ok(bytes) = fs::read(DESCRIPTION) else {
            return;
        };
        for length in [0, 3, HEADER, 4096, bytes.len() / 2] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), &bytes[..length]).unwrap();
            assert_eq!(offset(file.path(), "task_struct", &["sched_info"]), None);
        }
    }
}
