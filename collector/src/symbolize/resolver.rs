//! A resolver for Go code, as blazesym knows resolvers.

use std::{borrow::Cow, ffi::OsStr};

use blazesym::{
    Addr, Result,
    symbolize::{
        CodeInfo, FindSymOpts, InlinedFn, Reason, ResolvedSym, SrcLang, Symbolize,
        TranslateFileOffset,
    },
};

use crate::{
    golang::{
        image::Image,
        pclntab::{Call, Pclntab},
    },
    model::binary::{FileOffset, GoBinary},
};

/// Names the Go code of one executable. Addresses are without load bias.
#[derive(Debug)]
pub(super) struct GoResolver<'a> {
    image: &'a Image,
    table: Pclntab<'a>,
    module: Option<&'a OsStr>,
}

impl<'a> GoResolver<'a> {
    pub fn new(binary: &'a GoBinary) -> Option<Self> {
        Some(Self {
            image: &binary.image,
            table: Pclntab::of(binary)?,
            module: binary.path.file_name(),
        })
    }

    /// Whether an address is in Go's own code.
    pub fn covers(&self, address: u64) -> bool {
        self.table.code_range().is_some_and(|range| range.contains(&address))
    }

    /// Bytes between the stack pointer and the return address at an instruction.
    pub fn stack_delta(&self, address: u64) -> Option<i32> {
        self.table.find(address)?.stack_delta(address)
    }
}

impl Symbolize for GoResolver<'_> {
    fn find_sym(
        &self,
        addr: Addr,
        opts: &FindSymOpts,
    ) -> Result<std::result::Result<ResolvedSym<'_>, Reason>> {
        let Some(function) = self.table.find(addr) else { return Ok(Err(Reason::UnknownAddr)) };
        let calls = function.calls(addr);
        let Some((own, inlined)) = calls.split_last() else {
            return Ok(Err(Reason::UnknownAddr));
        };
        let (with_code, with_inlined) = match opts {
            FindSymOpts::CodeInfoAndInlined => (true, true),
            FindSymOpts::CodeInfo => (true, false),
            _ => (false, false),
        };
        let range = function.range();
        // blazesym lists inlined calls from the outermost inwards.
        let inlined = inlined.iter().rev().filter(|_| with_inlined);
        Ok(Ok(ResolvedSym {
            name: function.name(),
            module: self.module,
            addr: range.start,
            size: usize::try_from(range.end - range.start).ok(),
            lang: SrcLang::Unknown,
            code_info: with_code.then(|| code_info(own)).flatten().map(Box::new),
            inlined: inlined
                .map(|call| InlinedFn {
                    name: Cow::Borrowed(call.function),
                    code_info: code_info(call),
                    _non_exhaustive: (),
                })
                .collect(),
            _non_exhaustive: (),
        }))
    }
}

impl TranslateFileOffset for GoResolver<'_> {
    fn file_offset_to_virt_offset(&self, file_offset: u64) -> Result<Option<Addr>> {
        Ok(self.image.address_of(FileOffset(file_offset)).map(|address| address.0))
    }
}

fn code_info<'a>(call: &Call<'a>) -> Option<CodeInfo<'a>> {
    Some(CodeInfo {
        dir: None,
        file: Cow::Borrowed(OsStr::new(call.file?)),
        line: call.line,
        column: None,
        _non_exhaustive: (),
    })
}
