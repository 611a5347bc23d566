//! Go code by its own tables, in blazesym's terms.

use std::{borrow::Cow, ffi::OsStr};

use blazesym::{
    Addr,
    symbolize::{CodeInfo, FindSymOpts, InlinedFn, ResolvedSym, SrcLang},
};

use crate::{
    golang::pclntab::{Call, Pclntab},
    model::{binary::GoBinary, frame::Frame},
};

const PANICS: [&str; 3] = ["runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap"];

/// Names the Go code of one executable. Addresses are without load bias.
#[derive(Debug)]
pub(super) struct GoResolver<'a> {
    table: Pclntab<'a>,
    module: Option<&'a OsStr>,
}

impl<'a> GoResolver<'a> {
    pub fn new(binary: &'a GoBinary) -> Option<Self> {
        Some(Self {
            table: Pclntab::of(binary)?,
            module: binary.path.file_name(),
        })
    }

    /// Whether an address is in Go's own code.
    pub fn covers(&self, address: u64) -> bool {
        self.table
            .code_range()
            .is_some_and(|range| range.contains(&address))
    }

    /// The caller that a walk of frame pointers loses.
    pub fn lost_caller(&self, bias: u64, leaf: u64, top_words: [u64; 2]) -> Option<u64> {
        self.table.lost_caller(bias, leaf, top_words)
    }

    /// Whether Go's own tracebacks leave the function at an address out: a wrapper, but where it is what panicked.
    /// https://github.com/golang/go/blob/go1.22.0/src/runtime/traceback.go#L1185
    pub fn is_left_out(&self, address: u64, callee: Option<&Frame>) -> bool {
        let callee = callee.and_then(|frame| frame.function.as_deref());
        let panics = callee.is_some_and(|name| PANICS.contains(&name));
        let function = self.table.find(address);
        !panics && function.is_some_and(|function| function.is_wrapper())
    }

    /// The function at an address, the calls inlined into it, and their lines.
    pub fn resolve(&self, address: Addr, opts: &FindSymOpts) -> Option<ResolvedSym<'a>> {
        let function = self.table.find(address)?;
        let calls = function.calls(address);
        let (own, inlined) = calls.split_last()?;
        let (with_code, with_inlined) = match opts {
            FindSymOpts::CodeInfoAndInlined => (true, true),
            FindSymOpts::CodeInfo => (true, false),
            _ => (false, false),
        };
        let range = function.range();
        // blazesym lists inlined calls from the outermost inwards.
        let inlined = inlined.iter().rev().filter(|_| with_inlined);
        Some(ResolvedSym {
            name: function.name(),
            module: self.module,
            addr: range.start,
            size: range
                .end
                .checked_sub(range.start)
                .and_then(|size| usize::try_from(size).ok()),
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
        })
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
