//! A function of the table: its name, its lines and the calls that were inlined into it.

use std::{cell::Cell, ops::Range};

use crate::{golang::scalar, model::binary::VirtualAddress};

use super::{Pclntab, pcvalue};

/// `abi.PCDATA_InlTreeIndex` and `abi.FUNCDATA_InlTree`
const PCDATA_INLINE_INDEX: usize = 2;
const FUNCDATA_INLINE_TREE: usize = 3;
/// Far deeper than the compiler inlines; a damaged table may have a cycle.
const MAX_INLINE_DEPTH: usize = 256;
/// How many runs of its tables are looked at for one function: many times what the longest that are known have. A damaged
/// table may have as many as the file has room for, and each inlined call goes through them anew.
const FUEL: u32 = 4 << 20;

/// A function with code of its own.
#[derive(Debug, Clone)]
pub struct Function<'a> {
    pub(super) table: Pclntab<'a>,
    range: Range<u64>,
    structure: &'a [u8],
    name: &'a str,
    fuel: Cell<u32>,
}

/// A call that is being executed at an address: the function's own, or one inlined into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    pub function: &'a str,
    pub file: Option<&'a str>,
    pub line: Option<u32>,
    pub inlined: bool,
}

impl<'a> Function<'a> {
    pub(super) fn new(table: Pclntab<'a>, range: Range<u64>, structure: &'a [u8]) -> Option<Self> {
        let name = table.name(scalar::u32_at(structure, table.layout.func.name)?)?;
        (range.start < range.end).then_some(Self {
            table,
            range,
            structure,
            name,
            fuel: Cell::new(FUEL),
        })
    }

    /// Fully qualified, as Go's own tracebacks write it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Without load bias, up to the next function: padding included.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Whether the compiler wrote it to adapt one calling convention or receiver to another.
    pub fn is_wrapper(&self) -> bool {
        self.structure.get(self.table.layout.func.func_id) == Some(&self.table.layout.wrapper)
    }

    /// Bytes between the stack pointer and the return address at an instruction of this function.
    pub fn stack_delta(&self, address: u64) -> Option<i32> {
        self.value(self.table.layout.func.pcsp, address)
    }

    /// The calls in execution at an instruction, innermost first; the last is the function itself.
    pub fn calls(&self, address: u64) -> Vec<Call<'a>> {
        let mut calls = Vec::new();
        let mut at = address;
        while let Some((name, parent)) = self.inlined_call(at) {
            calls.push(self.call(at, name, true));
            if calls.len() == MAX_INLINE_DEPTH {
                break;
            }
            at = parent;
        }
        calls.push(self.call(at, self.name, false));
        calls
    }

    fn call(&self, address: u64, function: &'a str, inlined: bool) -> Call<'a> {
        let line = self.value(self.table.layout.func.pcln, address);
        Call {
            function,
            file: self.file(address),
            line: line.and_then(|line| u32::try_from(line).ok()),
            inlined,
        }
    }

    fn file(&self, address: u64) -> Option<&'a str> {
        let number = self.value(self.table.layout.func.pcfile, address)?;
        self.table.file(
            scalar::u32_at(self.structure, self.table.layout.func.cu_offset)?,
            number,
        )
    }

    /// The innermost inlined call at an address: its name, and the address whose line is the place of the call.
    fn inlined_call(&self, address: u64) -> Option<(&'a str, u64)> {
        let layout = &self.table.layout.inline_tree;
        let index = self.pcdata(PCDATA_INLINE_INDEX, address)?;
        let offset = u64::try_from(index)
            .ok()?
            .checked_mul(u64::try_from(layout.size).ok()?)?;
        let tree = self.function_data(FUNCDATA_INLINE_TREE)?;
        let entry = VirtualAddress(tree.0.checked_add(offset)?);
        let entry = self
            .table
            .image
            .read(entry, u64::try_from(layout.size).ok()?)?;
        let name = self.table.name(scalar::u32_at(entry, layout.name)?)?;
        let parent = u64::try_from(scalar::i32_at(entry, layout.parent_pc)?).ok()?;
        Some((name, self.range.start.checked_add(parent)?))
    }

    pub(super) fn pcdata(&self, kind: usize, address: u64) -> Option<i32> {
        let count = scalar::u32_at(self.structure, self.table.layout.func.npcdata)?;
        if kind >= usize::try_from(count).ok()? {
            return None;
        }
        self.value(
            self.table
                .layout
                .func
                .size
                .checked_add(kind.checked_mul(4)?)?,
            address,
        )
    }

    pub(super) fn function_data(&self, kind: usize) -> Option<VirtualAddress> {
        let layout = &self.table.layout.func;
        let pcdata_count = usize::try_from(scalar::u32_at(self.structure, layout.npcdata)?).ok()?;
        if kind >= usize::from(*self.structure.get(layout.nfuncdata)?) {
            return None;
        }
        let index = pcdata_count.checked_add(kind)?;
        let offset = scalar::u32_at(
            self.structure,
            layout.size.checked_add(index.checked_mul(4)?)?,
        )?;
        let address = self.table.function_data.0.checked_add(u64::from(offset))?;
        (offset != u32::MAX).then_some(VirtualAddress(address))
    }

    /// The value, at an address, of the table whose offset stands at `field`; zero there means no table.
    fn value(&self, field: usize, address: u64) -> Option<i32> {
        let offset = scalar::u32_at(self.structure, field)?;
        if offset == 0 {
            return None;
        }
        let table = self.table.values.get(usize::try_from(offset).ok()?..)?;
        let target = address.checked_sub(self.range.start)?;
        let mut fuel = self.fuel.get();
        let value = pcvalue::value_at(table, self.table.quantum, target, &mut fuel);
        self.fuel.set(fuel);
        value
    }
}
