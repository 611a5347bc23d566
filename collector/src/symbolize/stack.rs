//! Which addresses a stack consists of: those that the kernel walked, and the caller that the walk loses where
//! the leaf's frame is not set up.

use crate::model::write::RawStack;

use super::resolver::GoResolver;

/// An address of a stack, and the one to look up for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub address: u64,
    /// For a caller: within the call that it will return from.
    pub lookup: u64,
}

pub(super) fn places(resolver: &GoResolver<'_>, bias: u64, stack: &RawStack) -> Vec<Place> {
    let Some((leaf, callers)) = stack.addresses.split_first() else {
        return Vec::new();
    };
    let lost = lost_caller(resolver, bias, *leaf, stack.top_words)
        .filter(|address| callers.first() != Some(address));
    let returns = lost.into_iter().chain(callers.iter().copied());
    std::iter::once(Place {
        address: *leaf,
        lookup: *leaf,
    })
    .chain(returns.map(|address| Place {
        address,
        lookup: address.saturating_sub(1),
    }))
    .collect()
}

/// A frame-pointer walk begins at the frame that the frame pointer names. Before the leaf has saved its caller's
/// frame pointer that is the caller's own frame, so the walk goes from the leaf to the caller's caller. Go's
/// tables say how far the return address is from the stack pointer then: not at all, or by the one word that
/// the push of the frame pointer takes.
fn lost_caller(
    resolver: &GoResolver<'_>,
    bias: u64,
    leaf: u64,
    top_words: [u64; 2],
) -> Option<u64> {
    let word = match resolver.stack_delta(leaf.wrapping_sub(bias))? {
        0 => top_words[0],
        8 => top_words[1],
        _ => return None,
    };
    let caller = word.wrapping_sub(bias).wrapping_sub(1);
    resolver.covers(caller).then_some(word)
}
