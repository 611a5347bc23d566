//! The programs' code as aya would load it: its references to maps and to other functions resolved.

use std::{
    collections::HashSet,
    ffi::CString,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
};

use aya::{
    Ebpf,
    maps::{Map, MapData},
};
use aya_obj::{Function, Object};

use super::{AttachError, system_call};

pub(super) struct Relocated {
    object: Object,
    btf: OwnedFd,
}

/// All that the kernel asks of a program.
pub(super) struct Code<'a> {
    pub function: &'a Function,
    pub license: &'a CString,
    pub btf: &'a OwnedFd,
}

impl Relocated {
    pub(super) fn parse(object: &[u8], ebpf: &Ebpf) -> Result<Self, AttachError> {
        let mut object = Object::parse(object).map_err(unusable)?;
        let btf = load_btf(&mut object)?;
        let text: HashSet<usize> = object
            .functions
            .keys()
            .map(|(section, _)| *section)
            .collect();
        // What relocating takes beside the functions that it changes.
        let maps = object.maps.clone();
        let known = ebpf.maps().filter_map(|(name, map)| {
            let (name, description) = maps.get_key_value(name)?;
            Some((name.as_str(), descriptor(map)?, description))
        });
        object.relocate_maps(known, &text).map_err(unusable)?;
        object.relocate_calls(&text).map_err(unusable)?;
        object.sanitize_functions(aya::features());
        Ok(Self { object, btf })
    }

    pub(super) fn program(&self, name: &'static str) -> Result<Code<'_>, AttachError> {
        let program = self.object.programs.get(name);
        let program = program.ok_or(AttachError::Object(name))?;
        let function = self.object.functions.get(&program.function_key());
        Ok(Code {
            function: function.ok_or(AttachError::Object(name))?,
            license: &program.license,
            btf: &self.btf,
        })
    }
}

/// Without type information the kernel takes no callbacks, which the search for a span is made of.
fn load_btf(object: &mut Object) -> Result<OwnedFd, AttachError> {
    let features = aya::features().btf();
    let features = features.ok_or_else(|| AttachError::Load("the kernel has no BTF".to_owned()))?;
    let btf = object.fixup_and_sanitize_btf(features).map_err(unusable)?;
    let btf = btf.ok_or(AttachError::Object(".BTF"))?;
    let loaded = system_call::load_btf(&btf.to_bytes());
    loaded.map_err(|error: io::Error| AttachError::Load(format!("BTF: {error}")))
}

/// Of the kinds of maps that the programs have.
fn descriptor(map: &Map) -> Option<RawFd> {
    let data: &MapData = match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::PerCpuHashMap(data)
        | Map::RingBuf(data) => data,
        _ => return None,
    };
    Some(data.fd().as_fd().as_raw_fd())
}

fn unusable(error: impl std::error::Error) -> AttachError {
    AttachError::Load(error.to_string())
}
