//! The table of functions, lines and inlined calls that every Go executable carries, stripped or not
//! (`src/runtime/symtab.go`, `src/internal/abi/symtab.go` in Go's own tree).

mod function;
mod header;
mod pcvalue;
mod stack_map;

pub use function::{Call, Function};
pub use header::Header;
pub use stack_map::{FrameWord, Liveness};

use std::ops::Range;

use crate::model::binary::{GoBinary, VirtualAddress};

use super::{image::Image, layout::Layout, scalar};

/// An entry of the function table: offset of the code in the text, offset of the `_func` in the table.
const FTAB_ENTRY: usize = 8;

/// The tables of an executable, ready for look-ups.
#[derive(Debug, Clone, Copy)]
pub struct Pclntab<'a> {
    layout: &'static Layout,
    image: &'a Image,
    text: u64,
    function_count: usize,
    /// The unit of code addresses in bytes: 1 on amd64, 4 on arm64.
    quantum: u64,
    names: &'a [u8],
    compilation_units: &'a [u8],
    files: &'a [u8],
    values: &'a [u8],
    /// The function table, with the `_func` structures behind it.
    functions: &'a [u8],
    /// What function data is counted from (`moduledata.gofunc`).
    function_data: VirtualAddress,
}

impl<'a> Pclntab<'a> {
    /// `None` where the header names tables outside the image.
    pub fn new(
        image: &'a Image,
        layout: &'static Layout,
        header: &Header,
        text: u64,
        function_data: VirtualAddress,
    ) -> Option<Self> {
        let table = |range: Range<u64>| {
            image.read(
                VirtualAddress(range.start),
                range.end.checked_sub(range.start)?,
            )
        };
        let functions = image.read_to_segment_end(VirtualAddress(header.functions))?;
        // One entry more than functions: its code offset is where the last function ends.
        let ftab_size = header
            .function_count
            .checked_mul(FTAB_ENTRY)?
            .checked_add(4)?;
        (ftab_size <= functions.len()).then_some(Self {
            layout,
            image,
            text,
            function_count: header.function_count,
            quantum: u64::from(header.quantum),
            names: table(header.names..header.compilation_units)?,
            compilation_units: table(header.compilation_units..header.files)?,
            files: table(header.files..header.values)?,
            values: table(header.values..header.functions)?,
            functions,
            function_data,
        })
    }

    /// The tables of an executable that was inspected.
    pub fn of(binary: &'a GoBinary) -> Option<Self> {
        let layout = binary.layout;
        let header = Header::read(&binary.image, layout, binary.pclntab)?;
        Self::new(
            &binary.image,
            layout,
            &header,
            binary.text.start,
            binary.function_data,
        )
    }

    /// The function that covers an address, padding behind it included.
    pub fn find(&self, address: u64) -> Option<Function<'a>> {
        let offset = u32::try_from(address.checked_sub(self.text)?).ok()?;
        let (mut low, mut high) = (0, self.function_count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.code_offset(middle)? <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.function(low.checked_sub(1)?)
            .filter(|function| function.range().contains(&address))
    }

    /// The caller that a walk of frame pointers loses: before the leaf has saved its caller's frame pointer, the register is
    /// the caller's own, so that the walk goes from the leaf to the caller's caller. The tables say how far the return
    /// address is from the stack pointer then: not at all, or by the one word that the push of the frame pointer takes.
    /// `leaf` and what is returned are run-time addresses.
    pub fn lost_caller(&self, bias: u64, leaf: u64, top_words: [u64; 2]) -> Option<u64> {
        let leaf = leaf.wrapping_sub(bias);
        let word = match self.find(leaf)?.stack_delta(leaf)? {
            0 => top_words[0],
            8 => top_words[1],
            _ => return None,
        };
        let caller = word.wrapping_sub(bias).wrapping_sub(1);
        self.code_range()?.contains(&caller).then_some(word)
    }

    /// All functions, by address; those whose entry makes no sense are left out.
    pub fn functions(&self) -> impl Iterator<Item = Function<'a>> + '_ {
        (0..self.function_count).filter_map(|index| self.function(index))
    }

    /// Where the first function begins and the last one ends.
    pub fn code_range(&self) -> Option<Range<u64>> {
        Some(self.code_address(0)?..self.code_address(self.function_count)?)
    }

    fn function(&self, index: usize) -> Option<Function<'a>> {
        let position = index.checked_mul(FTAB_ENTRY)?.checked_add(4)?;
        let structure = usize::try_from(scalar::u32_at(self.functions, position)?).ok()?;
        let range = self.code_address(index)?..self.code_address(index.checked_add(1)?)?;
        Function::new(*self, range, self.functions.get(structure..)?)
    }

    fn code_offset(&self, index: usize) -> Option<u32> {
        scalar::u32_at(self.functions, index.checked_mul(FTAB_ENTRY)?)
    }

    fn code_address(&self, index: usize) -> Option<u64> {
        self.text.checked_add(u64::from(self.code_offset(index)?))
    }

    fn name(&self, offset: u32) -> Option<&'a str> {
        scalar::text_at(self.names, usize::try_from(offset).ok()?)
    }

    /// The path of a compilation unit's `number`th file.
    fn file(&self, compilation_unit: u32, number: i32) -> Option<&'a str> {
        let index = compilation_unit.checked_add(u32::try_from(number).ok()?)?;
        let position = usize::try_from(index).ok()?.checked_mul(4)?;
        let offset = scalar::u32_at(self.compilation_units, position)?;
        scalar::text_at(self.files, usize::try_from(offset).ok()?)
    }
}
