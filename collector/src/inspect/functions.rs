//! The functions that were asked for, with their probe sites.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    golang::{
        image::Image,
        pclntab::{self, Pclntab},
    },
    model::binary::{Architecture, Function, VirtualAddress},
};

use super::{
    error::InspectError,
    patience::Patience,
    placement::{self, Code, CodeSource},
};

/// What the linker fills the space between functions with on amd64: `int3`.
const PADDING: u8 = 0xcc;

/// A function that tells the map implementation: only the one with buckets has it.
const HMAP_GROWTH: &str = "runtime.hashGrow";
/// What every executable with cgo in it begins its functions' names with.
const CGO_PACKAGE: &str = "runtime/cgo.";

/// The function table as code.
pub(super) struct Text<'a> {
    pub image: &'a Image,
    pub table: Pclntab<'a>,
    pub architecture: Architecture,
}

/// What a walk through all functions finds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub functions: BTreeMap<String, Function>,
    pub has_hmap: bool,
    pub has_cgo: bool,
}

impl Text<'_> {
    pub fn survey(&self, wanted: &[&str], patience: &mut Patience) -> Result<Survey, InspectError> {
        let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
        let mut survey = Survey::default();
        let mut chosen: BTreeMap<&str, pclntab::Function<'_>> = BTreeMap::new();
        for function in self.table.functions() {
            patience.step()?;
            let name = function.name();
            survey.has_hmap |= name == HMAP_GROWTH;
            survey.has_cgo |= name.starts_with(CGO_PACKAGE);
            // An adapter between calling conventions has the name of what it adapts.
            let known = chosen.get(name).is_some_and(|known| !known.is_wrapper());
            if wanted.contains(name) && !known {
                chosen.insert(name, function);
            }
        }
        for (name, function) in chosen {
            patience.check()?;
            let placed = self.place(&function);
            survey
                .functions
                .extend(placed.map(|placed| (name.to_owned(), placed)));
        }
        Ok(survey)
    }

    fn place(&self, function: &pclntab::Function<'_>) -> Option<Function> {
        let code = self.code(function)?;
        let placement = placement::place(&code, self, &|address| self.image.offset_of(address));
        Some(Function {
            name: code.name.to_owned(),
            address: code.address,
            size: code.bytes.len() as u64,
            entry: placement.entry,
            exits: placement.exits,
        })
    }

    fn code<'s>(&'s self, function: &pclntab::Function<'s>) -> Option<Code<'s>> {
        let range = function.range();
        let address = VirtualAddress(range.start);
        let bytes = self
            .image
            .read(address, range.end.checked_sub(range.start)?)?;
        Some(Code {
            architecture: self.architecture,
            name: function.name(),
            address,
            bytes: self.without_padding(bytes),
        })
    }

    fn without_padding<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let used = match self.architecture {
            Architecture::Amd64 => bytes.iter().rposition(|byte| *byte != PADDING),
            Architecture::Arm64 => bytes.len().checked_sub(1),
        };
        used.and_then(|last| bytes.get(..=last)).unwrap_or_default()
    }
}

impl CodeSource for Text<'_> {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>> {
        let function = self.table.find(address.0)?;
        (function.range().start == address.0)
            .then(|| self.code(&function))
            .flatten()
    }
}
