//! The resolver that blazesym asks about the target's executable: Go code by Go's own tables, C code that cgo
//! linked into it by blazesym's.

use std::sync::Arc;

use blazesym::{
    Addr, Result,
    helper::ElfResolver,
    symbolize::{
        FindSymOpts, ProcessMemberInfo, ProcessMemberType, Reason, Resolve, ResolvedSym, Symbolize,
        TranslateFileOffset,
    },
};

use crate::model::binary::{FileOffset, GoBinary};

use super::resolver::GoResolver;

#[derive(Debug)]
pub(super) struct ExecutableResolver {
    binary: Arc<GoBinary>,
    /// `None` where the file cannot be opened any more: C code stays without names then.
    native: Option<ElfResolver>,
}

/// What to ask about a part of a process's memory: `None`, which is blazesym itself, for all but the mapping
/// that has the executable's Go code.
pub(super) fn dispatch(
    binary: &Arc<GoBinary>,
    bias: u64,
    member: &ProcessMemberInfo<'_>,
) -> Option<Box<dyn Resolve>> {
    let ProcessMemberType::Path(path) = member.member_entry else {
        return None;
    };
    if !member.range.contains(&binary.text.start.wrapping_add(bias)) {
        return None;
    }
    // The mapping's own file, /proc/PID/map_files/RANGE, takes more privileges than /proc/PID/exe beside it.
    let process = path.maps_file.ancestors().nth(2)?;
    let native = ElfResolver::open(process.join("exe")).ok();
    Some(Box::new(ExecutableResolver {
        binary: Arc::clone(binary),
        native,
    }))
}

impl Symbolize for ExecutableResolver {
    fn find_sym(
        &self,
        addr: Addr,
        opts: &FindSymOpts,
    ) -> Result<std::result::Result<ResolvedSym<'_>, Reason>> {
        let go = GoResolver::new(&self.binary).filter(|resolver| resolver.covers(addr));
        match (go, &self.native) {
            (Some(go), _) => Ok(go.resolve(addr, opts).ok_or(Reason::UnknownAddr)),
            (None, Some(native)) => native.find_sym(addr, opts),
            (None, None) => Ok(Err(Reason::MissingSyms)),
        }
    }
}

impl TranslateFileOffset for ExecutableResolver {
    fn file_offset_to_virt_offset(&self, file_offset: u64) -> Result<Option<Addr>> {
        Ok(self
            .binary
            .image
            .address_of(FileOffset(file_offset))
            .map(|address| address.0))
    }
}
