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
    let lost = resolver
        .lost_caller(bias, *leaf, stack.top_words)
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
