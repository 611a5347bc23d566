//! The ELF part of an executable: segments, relocations, sections by name, notes.

use object::{
    LittleEndian as LE,
    elf::{self, FileHeader64, ProgramHeader64, Rela64},
    pod,
    read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, SectionTable},
};

use crate::{
    golang::image::Relocation,
    model::binary::{Architecture, FileOffset, Segment, VirtualAddress},
};

use super::error::InspectError;

type Header = FileHeader64<LE>;

/// Far more than a linker makes of one executable. Names are looked for in all sections, and each of them could be as long as
/// the file.
const MAX_SECTIONS: usize = 1024;
const MAX_SECTION_NAMES: u64 = 1 << 20;
/// The same of segments, which are searched through.
const MAX_SEGMENTS: usize = 128;
/// Of segments with notes, and of bytes in one: a linker makes two or three, and puts ids into them.
const MAX_NOTES: usize = 16;
const MAX_NOTE: u64 = 64 * 1024;
/// In bytes: the largest executables that were tried have a tenth of it.
const MAX_RELOCATIONS: usize = 192 << 20;

/// A 64-bit little-endian executable for an architecture that slowmap knows, whole as its headers say.
pub(super) struct Elf<'data> {
    data: &'data [u8],
    header: &'data Header,
    programs: &'data [ProgramHeader64<LE>],
    sections: SectionTable<'data, Header>,
    pub architecture: Architecture,
}

impl<'data> Elf<'data> {
    pub fn parse(data: &'data [u8]) -> Result<Self, InspectError> {
        if !data.starts_with(&elf::ELFMAG) {
            return Err(InspectError::NotElf);
        }
        let header = header(data)?;
        let architecture = architecture(header)?;
        let elf_type = header.e_type(LE);
        if elf_type != elf::ET_EXEC && elf_type != elf::ET_DYN {
            return Err(InspectError::NotExecutable {
                elf_type: elf_type.0,
            });
        }
        let described = described_size(header, data);
        if described > data.len() as u64 {
            return Err(InspectError::Truncated {
                described,
                present: data.len() as u64,
            });
        }
        let programs = header
            .program_headers(LE, data)
            .map_err(|_| InspectError::NotElf)?;
        // A file without sections, or with ones that make no sense, still has all that the kernel needs.
        let sections = match has_sane_sections(data) {
            true => header.sections(LE, data).unwrap_or_default(),
            false => SectionTable::default(),
        };
        Ok(Self {
            data,
            header,
            programs,
            sections,
            architecture,
        })
    }

    pub fn is_position_independent(&self) -> bool {
        self.header.e_type(LE) == elf::ET_DYN
    }

    /// Neither an interpreter nor a library is asked for.
    pub fn is_statically_linked(&self) -> bool {
        let interpreted = self
            .programs
            .iter()
            .any(|program| program.p_type(LE) == elf::PT_INTERP);
        !interpreted && self.dynamic_values(elf::DT_NEEDED).next().is_none()
    }

    pub fn has_symbols(&self) -> bool {
        self.has_section(".symtab")
    }

    pub fn has_dwarf(&self) -> bool {
        self.has_section(".debug_info") || self.has_section(".zdebug_info")
    }

    /// Up to those that together are longer than the file could be if no part of it were loaded twice; but for the edges of
    /// pages none is.
    pub fn segments(&self) -> Vec<Segment> {
        let mut room = (self.data.len() as u64).saturating_mul(2);
        let loaded = self
            .programs
            .iter()
            .filter(|program| program.p_type(LE) == elf::PT_LOAD);
        loaded
            .take(MAX_SEGMENTS)
            .map_while(|program| {
                room = room.checked_sub(program.p_filesz(LE))?;
                Some(program)
            })
            .map(|program| Segment {
                address: VirtualAddress(program.p_vaddr(LE)),
                offset: FileOffset(program.p_offset(LE)),
                file_size: program.p_filesz(LE),
                executable: program.p_flags(LE).contains(elf::PF_X),
            })
            .collect()
    }

    /// The first section of these names that is loaded.
    pub fn section_address(&self, names: &[&str]) -> Option<VirtualAddress> {
        names.iter().find_map(|name| {
            let (_, section) = self.sections.section_by_name(LE, name.as_bytes())?;
            let address = section.sh_addr(LE);
            (address != 0).then_some(VirtualAddress(address))
        })
    }

    /// `R_*_RELATIVE` relocations. Packed ones (`DT_RELR`) have their values in place and need none of this.
    pub fn relocations(&self) -> Vec<Relocation> {
        let relative = match self.architecture {
            Architecture::Amd64 => elf::R_X86_64_RELATIVE,
            Architecture::Arm64 => elf::R_AARCH64_RELATIVE,
        };
        let entries = self.relocation_entries().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry.r_type(LE, false) == relative)
            .map(|entry| Relocation {
                address: VirtualAddress(entry.r_offset.get(LE)),
                value: VirtualAddress(entry.r_addend.get(LE).cast_unsigned()),
            })
            .collect()
    }

    /// The Go build id and the GNU build id, the latter in hex.
    pub fn build_ids(&self) -> (Option<String>, Option<String>) {
        let (mut go, mut gnu) = (None, None);
        let segments = self
            .programs
            .iter()
            .filter(|program| program.p_filesz(LE) <= MAX_NOTE)
            .filter_map(|program| program.notes(LE, self.data).ok()?)
            .take(MAX_NOTES);
        for note in segments.flatten().flatten() {
            match (note.name(), note.n_type(LE)) {
                // NT_GO_BUILD_ID, src/cmd/link/internal/ld/elf.go
                (b"Go", elf::NoteType(4)) => {
                    go = std::str::from_utf8(note.desc()).ok().map(str::to_owned);
                }
                (elf::ELF_NOTE_GNU, elf::NT_GNU_BUILD_ID) => gnu = Some(hex(note.desc())),
                _ => {}
            }
        }
        (go, gnu)
    }

    fn has_section(&self, name: &str) -> bool {
        self.sections.section_by_name(LE, name.as_bytes()).is_some()
    }

    fn relocation_entries(&self) -> Option<&'data [Rela64<LE>]> {
        let address = self.dynamic_values(elf::DT_RELA).next()?;
        let size = usize::try_from(self.dynamic_values(elf::DT_RELASZ).next()?).ok()?;
        if size > MAX_RELOCATIONS {
            return None;
        }
        let bytes = self.programs.iter().find_map(|program| {
            let within = address.checked_sub(program.p_vaddr(LE))?;
            let loaded = program.p_type(LE) == elf::PT_LOAD && within < program.p_filesz(LE);
            let bytes = loaded.then(|| program.data(LE, self.data).ok())??;
            bytes.get(usize::try_from(within).ok()?..)?.get(..size)
        })?;
        let count = size / size_of::<Rela64<LE>>();
        pod::slice_from_bytes(bytes, count)
            .ok()
            .map(|(entries, _)| entries)
    }

    fn dynamic_values(&self, tag: elf::DynamicTag) -> impl Iterator<Item = u64> + '_ {
        // There is one; the loader looks at no other.
        let mut tables = self
            .programs
            .iter()
            .filter_map(|program| program.dynamic(LE, self.data).ok()?);
        let table = tables.next();
        table
            .into_iter()
            .flatten()
            .map(|entry| (entry.d_tag.get(LE), entry.d_val.get(LE)))
            .take_while(|(known, _)| *known != elf::DT_NULL)
            .filter(move |(known, _)| *known == tag)
            .map(|(_, value)| value)
    }
}

/// Whether there are few enough, with short names, to be looked through.
pub(super) fn has_sane_sections(data: &[u8]) -> bool {
    let sections = || {
        let header = Header::parse(data).ok()?;
        let sections = header.section_headers(LE, data).ok()?;
        let names = header.section_strings_index(LE, data).ok()?;
        let names = sections.get(names.0)?;
        Some((sections.len(), names.sh_size(LE)))
    };
    sections().is_some_and(|(count, names)| count <= MAX_SECTIONS && names <= MAX_SECTION_NAMES)
}

fn header(data: &[u8]) -> Result<&Header, InspectError> {
    let truncated = InspectError::Truncated {
        described: size_of::<Header>() as u64,
        present: data.len() as u64,
    };
    let (Some(class), Some(encoding), Some(machine)) = (data.get(4), data.get(5), data.get(18..20))
    else {
        return Err(truncated);
    };
    let machine: [u8; 2] = machine.try_into().unwrap_or_default();
    let machine = match elf::DataEncoding(*encoding) == elf::ELFDATA2MSB {
        true => u16::from_be_bytes(machine),
        false => u16::from_le_bytes(machine),
    };
    let readable = elf::FileClass(*class) == elf::ELFCLASS64
        && elf::DataEncoding(*encoding) == elf::ELFDATA2LSB;
    if !readable {
        return Err(InspectError::WrongArchitecture {
            machine: machine_name(machine),
        });
    }
    if data.len() < size_of::<Header>() {
        return Err(truncated);
    }
    Header::parse(data).map_err(|_| InspectError::NotElf)
}

fn architecture(header: &Header) -> Result<Architecture, InspectError> {
    match header.e_machine(LE) {
        elf::EM_X86_64 => Ok(Architecture::Amd64),
        elf::EM_AARCH64 => Ok(Architecture::Arm64),
        other => Err(InspectError::WrongArchitecture {
            machine: machine_name(other.0),
        }),
    }
}

/// As Go names it (GOARCH), where Go has a name.
fn machine_name(machine: u16) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_386 => "386",
        elf::EM_ARM => "arm",
        elf::EM_MIPS => "mips",
        elf::EM_PPC64 => "ppc64",
        elf::EM_S390 => "s390x",
        elf::EM_RISCV => "riscv64",
        elf::EM_LOONGARCH => "loong64",
        elf::EM_X86_64 => "32-bit amd64",
        _ => return format!("ELF machine {machine}"),
    };
    name.to_owned()
}

/// How long the file must be to hold what its headers name.
fn described_size(header: &Header, data: &[u8]) -> u64 {
    let table = |offset: u64, count: u16, size: u16| match offset {
        0 => 0,
        _ => offset.saturating_add(u64::from(count) * u64::from(size)),
    };
    let programs = table(
        header.e_phoff(LE),
        header.e_phnum(LE),
        header.e_phentsize(LE),
    );
    let sections = table(
        header.e_shoff(LE),
        header.e_shnum(LE),
        header.e_shentsize(LE),
    );
    let segments = header.program_headers(LE, data).unwrap_or_default().iter();
    segments
        .filter(|program| program.p_type(LE) == elf::PT_LOAD)
        .map(|program| program.p_offset(LE).saturating_add(program.p_filesz(LE)))
        .fold(programs.max(sections), u64::max)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
