//! Where probes on a function go: enters its machine code, leaves the site of its entry and those of its exits,
//! each with what it costs. Never reads files or symbols: code and names come through `CodeSource`.
//!
//! The rules, and what they are worth, are in docs/probes.md. In short, on amd64: the kernel emulates push, call, jmp, jcc
//! and nop and single-steps all else, returns included, at twenty times the price; so the entry is the push
//! after the stack check, and an exit is the last emulated instruction before a return that is in no loop and
//! after which no call is left.

mod body;
mod calls;
mod decode;
mod entry;
mod exits;
mod graph;
mod loops;
mod selection;

use crate::model::binary::{Architecture, FileOffset, Site, VirtualAddress};

/// The functions of a binary.
pub trait CodeSource {
    /// Name, address and code of the function that starts at this address.
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>>;
}

/// A function's machine code.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    pub architecture: Architecture,
    pub name: &'a str,
    pub address: VirtualAddress,
    pub bytes: &'a [u8],
}

/// Where a function can be probed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// After the stack check. `None`: no code, or none that is in the file.
    pub entry: Option<Site>,
    /// By address. Every way to a return passes one that counts; they may be in functions whose call is the
    /// last thing that this one does. Empty: it never returns, or its exits could not be determined.
    pub exits: Vec<Site>,
}

/// Places probes on a function. `offset_of` says where in the file an address is.
pub fn place(
    code: &Code<'_>,
    source: &dyn CodeSource,
    offset_of: &dyn Fn(VirtualAddress) -> Option<FileOffset>,
) -> Placement {
    exits::Search::new(source, offset_of)
        .place(code)
        .map(|(entry, exits)| Placement { entry, exits })
        .unwrap_or_default()
}

/// The direct calls of `callee` in a function's body, by address.
pub fn call_sites(
    code: &Code<'_>,
    callee: VirtualAddress,
    offset_of: &dyn Fn(VirtualAddress) -> Option<FileOffset>,
) -> Vec<Site> {
    decode::decode(code)
        .into_iter()
        .filter(|instruction| instruction.flow == decode::Flow::Call(callee.0))
        .filter_map(|instruction| {
            let address = VirtualAddress(instruction.address);
            let offset = offset_of(address)?;
            Some(Site {
                address,
                offset,
                cost: instruction.cost,
                condition: None,
                in_frame: true,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
