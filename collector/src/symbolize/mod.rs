//! Addresses to names.
//!
//! In: a stack as the kernel walked it, and the executable it is from. Out: frames, leaf first, inlined calls
//! expanded. Go code is always named by our own resolver over pclntab, so stripped executables and processes
//! that have gone make no difference; the rest (C code, the vDSO) is blazesym's own. Never waits, attaches or
//! changes anything; what cannot be named keeps its address.

mod executable;
mod foreign;
mod frames;
mod resolver;
mod stack;

use std::fmt;

use blazesym::symbolize::FindSymOpts;

use crate::{
    golang::types::Types,
    model::{
        binary::{GoBinary, VirtualAddress},
        frame::Frame,
        process::Pid,
        text::printable,
        write::{EntrySize, RawStack},
    },
};

use foreign::ForeignCode;
use resolver::GoResolver;
use stack::Place;

/// What the runtime's map writes begin with; the suffix tells the kind of key.
const MAP_ASSIGN: &str = "runtime.mapassign";

/// Names the addresses of stacks.
#[derive(Default)]
pub struct Symbolizer {
    foreign: ForeignCode,
}

impl Symbolizer {
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames of a stack, leaf first. `bias` is what the process adds to the executable's addresses.
    pub fn symbolize(
        &self,
        pid: Pid,
        binary: &GoBinary,
        bias: u64,
        stack: &RawStack,
    ) -> Vec<Frame> {
        let resolver = binary
            .image
            .is_unchanged()
            .then(|| GoResolver::new(binary))
            .flatten();
        let Some(resolver) = resolver else {
            return stack
                .addresses
                .iter()
                .copied()
                .map(frames::unknown)
                .collect();
        };
        let places = stack::places(&resolver, bias, stack);
        let is_go = |place: &Place| resolver.covers(place.lookup.wrapping_sub(bias));
        let foreign: Vec<Place> = places
            .iter()
            .copied()
            .filter(|place| !is_go(place))
            .collect();
        let foreign = self.foreign.frames(pid, binary, bias, &foreign);
        let mut result = Vec::with_capacity(places.len());
        for (index, place) in places.into_iter().enumerate() {
            match foreign.get(&place) {
                Some(frames) => result.extend_from_slice(frames),
                None => {
                    let at = place.lookup.wrapping_sub(bias);
                    let found = resolver.resolve(at, &FindSymOpts::CodeInfoAndInlined);
                    // As in Go's own tracebacks: what the compiler wrote to make the call is no caller.
                    let is_left_out = index > 0 && resolver.is_left_out(at, result.last());
                    frames::push(&mut result, place.address, found.as_ref());
                    if is_left_out {
                        result.pop();
                    }
                }
            }
        }
        result
    }

    /// The name of a type, in Go syntax and safe to show, from the run-time address of its descriptor. Types that the program
    /// made while running (`reflect.MapOf`) are not in the file: `None`.
    pub fn map_type_name(&self, binary: &GoBinary, bias: u64, type_address: u64) -> Option<String> {
        let (types, address) = type_in(binary, bias, type_address)?;
        let name = types.map_name(address)?;
        Some(printable(name).into_owned())
    }

    /// What a key and a value of that map type take.
    pub fn map_entry_size(
        &self,
        binary: &GoBinary,
        bias: u64,
        type_address: u64,
    ) -> Option<EntrySize> {
        let (types, address) = type_in(binary, bias, type_address)?;
        let (key, value) = types.map_entry(address)?;
        Some(EntrySize {
            key: types.size_of(key)?,
            value: types.size_of(value)?,
        })
    }

    /// Drops what is remembered of a process, whose id may now be another's.
    pub fn forget(&self, pid: Pid) {
        self.foreign.forget(pid);
    }
}

impl fmt::Debug for Symbolizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbolizer").finish_non_exhaustive()
    }
}

/// The types of an executable, and where one of them is in its file.
fn type_in(binary: &GoBinary, bias: u64, address: u64) -> Option<(Types<'_>, VirtualAddress)> {
    let address = VirtualAddress(address.checked_sub(bias)?);
    let unchanged = binary.image.is_unchanged();
    unchanged.then(|| (Types::of(binary), address))
}

/// The runtime function by which the program wrote to the map, e.g. `runtime.mapassign_faststr`.
pub fn map_assign_entry(frames: &[Frame]) -> Option<String> {
    let names = frames.iter().filter_map(|frame| frame.function.as_deref());
    names
        .into_iter()
        .find(|name| name.starts_with(MAP_ASSIGN))
        .map(str::to_owned)
}
