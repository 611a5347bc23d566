//! blazesym's symbols as frames. Names are safe to show.

use blazesym::symbolize::{CodeInfo, InlinedFn, ResolvedSym, Sym};

use crate::model::{binary::VirtualAddress, frame::Frame, text::printable};

/// A frame of which only the address is known.
pub(super) fn unknown(address: u64) -> Frame {
    frame(address, None, None, false)
}

/// Appends what a resolver found at an address, innermost call first.
pub(super) fn push(frames: &mut Vec<Frame>, address: u64, symbol: Option<&ResolvedSym<'_>>) {
    match symbol {
        Some(symbol) => {
            let code = symbol.code_info.as_deref();
            expand(frames, address, symbol.name, code, &symbol.inlined);
        }
        None => frames.push(unknown(address)),
    }
}

/// What blazesym found at an address. A symbol that does not reach as far is another function's: blazesym takes
/// the nearest one before the address, and a stripped library has few. What comes from debug information has no
/// size, but a line.
pub(super) fn of_symbol(address: u64, symbol: Option<&Sym<'_>>) -> Vec<Frame> {
    let reaches = |symbol: &&Sym<'_>| match symbol.size {
        Some(size) => symbol.offset < size,
        None => symbol.code_info.is_some(),
    };
    let mut frames = Vec::new();
    match symbol.filter(reaches) {
        Some(symbol) => {
            let code = symbol.code_info.as_deref();
            expand(&mut frames, address, &symbol.name, code, &symbol.inlined);
        }
        None => frames.push(unknown(address)),
    }
    frames
}

/// blazesym lists inlined calls from the outermost inwards, each with the place that is being executed in it.
fn expand(
    frames: &mut Vec<Frame>,
    address: u64,
    function: &str,
    code: Option<&CodeInfo<'_>>,
    inlined: &[InlinedFn<'_>],
) {
    for call in inlined.iter().rev() {
        frames.push(frame(
            address,
            Some(&call.name),
            call.code_info.as_ref(),
            true,
        ));
    }
    frames.push(frame(address, Some(function), code, false));
}

fn frame(
    address: u64,
    function: Option<&str>,
    code: Option<&CodeInfo<'_>>,
    inlined: bool,
) -> Frame {
    Frame {
        function: function.map(|name| printable(name).into_owned()),
        file: code.map(|code| printable(&code.to_path().to_string_lossy()).into_owned()),
        line: code.and_then(|code| code.line),
        inlined,
        address: VirtualAddress(address),
    }
}
