//! Type descriptors (`internal/abi.Type`): names of types, from the address of the descriptor.

use crate::model::binary::{GoBinary, MapImplementation, VirtualAddress};

use super::{image::Image, layout::Layout, scalar};

/// `abi.TFlag*`
const FLAG_UNCOMMON: u8 = 1;
const FLAG_EXTRA_STAR: u8 = 2;
const FLAG_NAMED: u8 = 4;
/// `abi.Kind`; above it, older releases keep flags in the same byte.
const KIND_MASK: u8 = 31;
pub(super) const KIND_ARRAY: u8 = 17;
const KIND_CHAN: u8 = 18;
const KIND_FUNC: u8 = 19;
const KIND_INTERFACE: u8 = 20;
pub(super) const KIND_MAP: u8 = 21;
pub(super) const KIND_POINTER: u8 = 22;
const KIND_SLICE: u8 = 23;
pub(super) const KIND_STRUCT: u8 = 25;
/// More than any name that the compiler writes for a person to read.
const MAX_NAME: u64 = 64 * 1024;

/// The type descriptors of an executable.
#[derive(Debug, Clone, Copy)]
pub struct Types<'a> {
    pub(super) image: &'a Image,
    pub(super) layout: &'static Layout,
    map: MapImplementation,
    /// `moduledata.types`: what names are counted from.
    base: VirtualAddress,
}

impl<'a> Types<'a> {
    pub fn new(
        image: &'a Image,
        layout: &'static Layout,
        map: MapImplementation,
        base: VirtualAddress,
    ) -> Self {
        Self {
            image,
            layout,
            map,
            base,
        }
    }

    /// The types of an executable that was inspected.
    pub fn of(binary: &'a GoBinary) -> Self {
        Self::new(
            &binary.image,
            binary.layout,
            binary.map_implementation,
            binary.types,
        )
    }

    /// The name as `reflect` writes it, e.g. `map[string]*main.order`: with package names, not paths.
    pub fn name(&self, address: VirtualAddress) -> Option<&'a str> {
        self.descriptor(address)?.name()
    }

    /// The same, of a map's type; `None` for any other.
    pub fn map_name(&self, address: VirtualAddress) -> Option<&'a str> {
        let descriptor = self.descriptor(address)?;
        (descriptor.kind == KIND_MAP).then(|| descriptor.name())?
    }

    /// The name with its package's full path, e.g. `*go.opentelemetry.io/otel/sdk/trace.recordingSpan`. A type
    /// made of others (but a pointer) is written as by [`Types::name`].
    pub fn qualified_name(&self, address: VirtualAddress) -> Option<String> {
        let descriptor = self.descriptor(address)?;
        if descriptor.is_named() {
            return descriptor.with_package_path();
        }
        if descriptor.kind != KIND_POINTER {
            return descriptor.name().map(str::to_owned);
        }
        let element = self.image.word_at(address, self.layout.abi_type.size)?;
        let element = self.descriptor(VirtualAddress(element))?;
        match element.is_named() {
            true => Some(format!("*{}", element.with_package_path()?)),
            false => descriptor.name().map(str::to_owned),
        }
    }

    /// How many methods an interface type has.
    pub fn interface_methods(&self, address: VirtualAddress) -> Option<u64> {
        // interfacetype: the type, the package's name, then the slice of methods.
        self.image
            .word_at(address, self.layout.abi_type.size.checked_add(16)?)
    }

    pub(super) fn descriptor(&self, address: VirtualAddress) -> Option<Descriptor<'a>> {
        let layout = &self.layout.abi_type;
        let bytes = self.image.read(address, layout.size)?;
        Some(Descriptor {
            types: *self,
            address,
            flags: *bytes.get(layout.tflag)?,
            kind: bytes.get(layout.kind)? & KIND_MASK,
            name_offset: scalar::i32_at(bytes, layout.str)?,
        })
    }

    fn text(&self, offset: i32) -> Option<&'a str> {
        let address = self.base.0.checked_add(u64::try_from(offset).ok()?)?;
        self.text_at(VirtualAddress(address))
    }

    /// A name: a byte of flags, the length, the text.
    pub(super) fn text_at(&self, address: VirtualAddress) -> Option<&'a str> {
        let address = address.0.checked_add(1)?;
        let bytes = self.image.read_to_segment_end(VirtualAddress(address))?;
        let (length, start) = scalar::varint(bytes)?;
        if length == 0 || length > MAX_NAME {
            return None;
        }
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        std::str::from_utf8(bytes.get(start..end)?).ok()
    }
}

pub(super) struct Descriptor<'a> {
    types: Types<'a>,
    address: VirtualAddress,
    flags: u8,
    pub(super) kind: u8,
    name_offset: i32,
}

impl<'a> Descriptor<'a> {
    fn is_named(&self) -> bool {
        self.flags & FLAG_NAMED != 0
    }

    fn name(&self) -> Option<&'a str> {
        let text = self.types.text(self.name_offset)?;
        match self.flags & FLAG_EXTRA_STAR != 0 {
            true => text.strip_prefix('*'),
            false => Some(text),
        }
    }

    /// Puts the package's path in the place of its name. Predeclared types have no package.
    fn with_package_path(&self) -> Option<String> {
        let name = self.name()?;
        let Some(path) = self.package_path() else {
            return Some(name.to_owned());
        };
        // The package's name ends at the first period: type arguments come later.
        let (_, type_name) = name.split_once('.')?;
        Some(format!("{path}.{type_name}"))
    }

    fn package_path(&self) -> Option<&'a str> {
        if self.flags & FLAG_UNCOMMON == 0 {
            return None;
        }
        let address = self.address.0.checked_add(self.size()?)?;
        let uncommon = self.types.image.read(VirtualAddress(address), 4)?;
        let offset = scalar::i32_at(uncommon, 0)?;
        (offset != 0).then(|| self.types.text(offset)).flatten()
    }

    /// The size of this kind's descriptor (`internal/abi.*Type`): what is uncommon stands behind it.
    fn size(&self) -> Option<u64> {
        let base = self.types.layout.abi_type.size;
        let extra = match self.kind {
            KIND_POINTER | KIND_SLICE | KIND_FUNC => 8,
            KIND_CHAN => 16,
            KIND_ARRAY => 24,
            KIND_STRUCT | KIND_INTERFACE => 32,
            KIND_MAP => return self.types.layout.map_type_size(self.types.map),
            _ => 0,
        };
        base.checked_add(extra)
    }
}
