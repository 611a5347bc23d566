//! `runtime.moduledata`: where text, types and function data are. It has no symbol in a stripped file; it is
//! known by its pointers to the tables of pclntab.

use std::ops::Range;

use crate::model::binary::VirtualAddress;

use super::{
    image::Image,
    layout::{Layout, ModuledataLayout},
    pclntab::Header,
};

/// What the runtime knows of the executable's own module. Addresses are without load bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moduledata {
    /// The range of Go's own code; an external linker may put C code around it.
    pub text: Range<u64>,
    pub types: Range<u64>,
    /// What function data is counted from.
    pub function_data: VirtualAddress,
    /// In how many separate parts the text was linked; positions are only computed for one.
    pub text_sections: u64,
    pub itabs: ItabTable,
}

/// How a release lists the itabs that the compiler laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItabTable {
    /// An array of pointers.
    Links { address: VirtualAddress, count: u64 },
    /// The itabs themselves, one after the other.
    Packed(Range<u64>),
}

impl Moduledata {
    /// Finds the structure that points to the tables of `header`.
    pub fn find(image: &Image, layout: &Layout, header: &Header) -> Option<Moduledata> {
        candidates(image, header.address)
            .filter(|at| names_all_tables(image, &layout.moduledata, header, *at))
            .find_map(|at| Self::read(image, &layout.moduledata, at))
    }

    fn read(image: &Image, layout: &ModuledataLayout, at: VirtualAddress) -> Option<Moduledata> {
        let word = |offset| image.word_at(at, offset);
        let text = word(layout.text)?..word(layout.etext)?;
        let types = word(layout.types)?..word(layout.etypes)?;
        let itabs = match (layout.itablinks, layout.itaboffset, layout.itabsize) {
            (Some(links), ..) => ItabTable::Links {
                address: VirtualAddress(word(links)?),
                count: word(links.checked_add(8)?)?,
            },
            (None, Some(offset), Some(size)) => {
                let start = types.start.checked_add(word(offset)?)?;
                ItabTable::Packed(start..start.checked_add(word(size)?)?)
            }
            _ => return None,
        };
        let moduledata = Moduledata {
            text,
            types,
            function_data: VirtualAddress(word(layout.gofunc)?),
            text_sections: word(layout.textsectmap.checked_add(8)?)?,
            itabs,
        };
        moduledata.is_plausible().then_some(moduledata)
    }

    fn is_plausible(&self) -> bool {
        self.text.start < self.text.end && self.types.start < self.types.end
    }
}

/// Places that hold the header's address: words of the file, or relocations to it.
fn candidates(image: &Image, header: VirtualAddress) -> impl Iterator<Item = VirtualAddress> {
    let wanted = header.0.to_le_bytes();
    // The last segment first: it is the data, and what comes before is as large as the file.
    let words = image
        .segments()
        .rev()
        .filter(|(segment, _)| !segment.executable)
        .flat_map(move |(segment, bytes)| {
            let matching = bytes.chunks_exact(8).enumerate();
            matching
                .filter(move |(_, word)| *word == wanted)
                .filter_map(move |(index, _)| {
                    let offset = u64::try_from(index).ok()?.checked_mul(8)?;
                    Some(VirtualAddress(segment.address.0.checked_add(offset)?))
                })
        });
    let relocated = image
        .relocations()
        .iter()
        .filter(move |known| known.value == header);
    relocated.map(|known| known.address).chain(words)
}

fn names_all_tables(
    image: &Image,
    layout: &ModuledataLayout,
    header: &Header,
    at: VirtualAddress,
) -> bool {
    [
        (layout.funcnametab, header.names),
        (layout.cutab, header.compilation_units),
        (layout.filetab, header.files),
        (layout.pctab, header.values),
        (layout.pclntable, header.functions),
        (layout.ftab, header.functions),
    ]
    .into_iter()
    .all(|(offset, table)| image.word_at(at, offset) == Some(table))
}
