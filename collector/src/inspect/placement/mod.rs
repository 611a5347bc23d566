//! (another person's; replaced at merge)

use crate::model::binary::{FileOffset, Site, VirtualAddress};

pub trait CodeSource {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>>;
}

#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    pub name: &'a str,
    pub address: VirtualAddress,
    pub bytes: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    pub entry: Option<Site>,
    pub exits: Vec<Site>,
}

pub fn place(
    _code: &Code<'_>,
    _source: &dyn CodeSource,
    _offset_of: &dyn Fn(VirtualAddress) -> Option<FileOffset>,
) -> Placement {
    Placement::default()
}
