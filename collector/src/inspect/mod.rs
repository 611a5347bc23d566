//! What a Go executable is, and where probes can go in it.
//!
//! In: a path, and the functions, itabs and fields that a plan may need. Out: a [`GoBinary`], or the reason why
//! the file is not one that slowmap can look into. Reads files only and needs no privileges; never runs,
//! attaches or writes anything.

mod dwarf;
mod elf;
mod error;
mod functions;
mod patience;
pub mod placement;
// Reads /proc, and so no input that a fuzzer makes.
#[cfg(not(fuzzing))]
pub mod process;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub use error::InspectError;

use crate::{
    golang::{
        buildinfo::BuildInfo,
        derived,
        image::{FileBytes, Image},
        itabs,
        layout::Layout,
        moduledata::Moduledata,
        pclntab::{Header, Pclntab},
        types::Types,
        version,
    },
    model::binary::{GoBinary, GoMinor, GoVersion, Itab, MapImplementation, VirtualAddress},
};

use elf::Elf;
use functions::{Survey, Text};
use patience::Patience;

/// No linker makes as much of Go code; a file with a hole in it can be as long as it says.
const MAX_FILE: u64 = 4 << 30;

/// The GOEXPERIMENT that keeps the older maps in releases that have both.
const NO_SWISS_MAP: &str = "noswissmap";

/// What garble writes in place of the release.
/// https://github.com/burrowers/garble/blob/v0.16.0/main.go
const HIDDEN_VERSION: &str = "unknown";

/// What a plan may need of an executable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Full names, as in Go's tracebacks.
    pub functions: &'a [&'a str],
    /// Interface and concrete type, both with their package's full path.
    pub itabs: &'a [(&'a str, &'a str)],
    /// Struct fields, e.g. `runtime.g.goid`, whose offsets are read from debug information.
    pub dwarf_fields: &'a [&'a str],
    /// What an executable is taken for whose release no table has.
    pub assumed: Option<GoMinor>,
}

/// Looks into the executable at `path`, which may be `/proc/PID/exe`; `display_path` is what users know it by.
pub fn inspect(
    path: &Path,
    display_path: &Path,
    wanted: &Wanted<'_>,
) -> Result<GoBinary, InspectError> {
    let bytes = FileBytes::map(path).map_err(|source| InspectError::Unreadable {
        path: display_path.to_owned(),
        source,
    })?;
    let original = bytes.original();
    let inspected = inspect_bytes(bytes, display_path, wanted);
    // Where it has, that is the reason for whatever else was found wrong with it.
    match original.is_none_or(|original| original.is_unchanged()) {
        true => inspected,
        false => Err(InspectError::Changed),
    }
}

/// The same for a file that is in memory already.
pub fn inspect_bytes(
    bytes: FileBytes,
    display_path: &Path,
    wanted: &Wanted<'_>,
) -> Result<GoBinary, InspectError> {
    let mut patience = Patience::begin(bytes.original());
    let file = File::read(bytes)?;
    let go = GoParts::find(&file, wanted.assumed)?;
    let layout = go.layout;
    let table = Pclntab::new(
        &file.image,
        layout,
        &go.header,
        go.moduledata.text.start,
        go.moduledata.function_data,
    )
    .ok_or_else(|| malformed("the function table", &go.version))?;
    let text = Text {
        image: &file.image,
        table,
        architecture: file.architecture,
    };
    let Survey {
        functions,
        has_hmap,
        has_cgo,
    } = text.survey(wanted.functions, &mut patience)?;
    let map_implementation = go.map_implementation(has_hmap);
    let base = VirtualAddress(go.moduledata.types.start);
    let types = Types::new(&file.image, layout, map_implementation, base);
    let itabs = wanted_itabs(
        &file.image,
        types,
        &go.moduledata,
        wanted.itabs,
        &mut patience,
    )?;
    Ok(GoBinary {
        path: display_path.to_owned(),
        build_mode: go.build.settings.get("-buildmode").cloned(),
        go_version: go.version,
        layout,
        architecture: file.architecture,
        position_independent: file.position_independent,
        statically_linked: file.statically_linked,
        cgo: has_cgo,
        stripped: file.stripped,
        has_dwarf: file.has_dwarf,
        map_implementation,
        main_module: go.build.main,
        dependencies: go.build.dependencies,
        go_build_id: file.build_ids.0,
        gnu_build_id: file.build_ids.1,
        segments: file.image.segments().map(|(segment, _)| *segment).collect(),
        text: go.moduledata.text,
        pclntab: go.header.address,
        function_data: go.moduledata.function_data,
        types: base,
        functions,
        itabs,
        dwarf_offsets: dwarf::field_offsets(file.image.file(), wanted.dwarf_fields),
        image: Arc::new(file.image),
    })
}

/// What ELF says of the file.
struct File {
    image: Image,
    architecture: crate::model::binary::Architecture,
    position_independent: bool,
    statically_linked: bool,
    stripped: bool,
    has_dwarf: bool,
    build_ids: (Option<String>, Option<String>),
    build_info_section: Option<VirtualAddress>,
    pclntab_section: Option<VirtualAddress>,
}

impl File {
    fn read(bytes: FileBytes) -> Result<Self, InspectError> {
        let size = bytes.as_slice().len() as u64;
        if size > MAX_FILE {
            return Err(InspectError::TooLarge {
                size,
                most: MAX_FILE,
            });
        }
        let elf = Elf::parse(bytes.as_slice())?;
        let architecture = elf.architecture;
        let position_independent = elf.is_position_independent();
        let statically_linked = elf.is_statically_linked();
        let (stripped, has_dwarf) = (!elf.has_symbols(), elf.has_dwarf());
        let build_ids = elf.build_ids();
        let build_info_section = elf.section_address(&[".go.buildinfo"]);
        let pclntab_section = elf.section_address(&[".gopclntab", ".data.rel.ro.gopclntab"]);
        let (segments, relocations) = (elf.segments(), elf.relocations());
        Ok(Self {
            image: Image::new(bytes, segments, relocations),
            architecture,
            position_independent,
            statically_linked,
            stripped,
            has_dwarf,
            build_ids,
            build_info_section,
            pclntab_section,
        })
    }
}

/// What Go's linker left in the file.
struct GoParts {
    version: GoVersion,
    build: BuildInfo,
    layout: &'static Layout,
    header: Header,
    moduledata: Moduledata,
}

impl GoParts {
    fn find(file: &File, assumed: Option<GoMinor>) -> Result<Self, InspectError> {
        let build =
            BuildInfo::find(&file.image, file.build_info_section).ok_or_else(
                || match is_packed(file.image.file()) {
                    true => InspectError::UpxPacked,
                    false => InspectError::NotGo,
                },
            )?;
        let mode = build.settings.get("-buildmode");
        if let Some(mode) =
            mode.filter(|mode| ["c-shared", "plugin", "shared"].contains(&mode.as_str()))
        {
            return Err(InspectError::UnsupportedBuildMode { mode: mode.clone() });
        }
        let version = release(&build, assumed)?;
        let layout = Layout::of(&version)
            .or_else(|| own_layout(file.image.file()))
            .ok_or_else(|| InspectError::UnknownGoVersion {
                major: version.major,
                minor: version.minor,
                raw: version.raw.clone(),
                dwarf: file.has_dwarf,
            })?;
        let header = Header::find(&file.image, layout, file.pclntab_section)
            .ok_or_else(|| malformed("the function table (pclntab)", &version))?;
        let moduledata = Moduledata::find(&file.image, layout, &header)
            .ok_or_else(|| malformed("the module's description (moduledata)", &version))?;
        if moduledata.text_sections > 1 {
            return Err(InspectError::SplitText {
                sections: moduledata.text_sections,
            });
        }
        Ok(Self {
            version,
            build,
            layout,
            header,
            moduledata,
        })
    }

    /// `has_hmap`: it has a function that only the maps with buckets have.
    fn map_implementation(&self, has_hmap: bool) -> MapImplementation {
        let experiments = &self.version.experiments;
        match has_hmap || experiments.iter().any(|name| name == NO_SWISS_MAP) {
            true => MapImplementation::Hmap,
            false => self.layout.default_map(),
        }
    }
}

fn wanted_itabs(
    image: &Image,
    types: Types<'_>,
    moduledata: &Moduledata,
    wanted: &[(&str, &str)],
    patience: &mut Patience,
) -> Result<Vec<Itab>, InspectError> {
    let mut found = Vec::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    for itab in itabs::itabs(image, types, &moduledata.itabs) {
        patience.step()?;
        if wanted.contains(&(itab.interface.as_str(), itab.concrete.as_str())) {
            found.push(itab);
        }
    }
    Ok(found)
}

/// UPX leaves its mark in the first page.
fn is_packed(file: &[u8]) -> bool {
    let first_page = file.get(..4096).unwrap_or(file);
    first_page.windows(4).any(|window| window == b"UPX!")
}

/// The release that built it, or the one to assume where no table has that.
fn release(build: &BuildInfo, assumed: Option<GoMinor>) -> Result<GoVersion, InspectError> {
    let parsed = version::parse(&build.go_version);
    match (parsed, assumed) {
        (Some(version), _) if Layout::of(&version).is_some() => Ok(version),
        (parsed, Some(GoMinor { major, minor })) => Ok(GoVersion {
            major,
            minor,
            patch: 0,
            raw: build.go_version.clone(),
            experiments: parsed.map(|it| it.experiments).unwrap_or_default(),
        }),
        (Some(version), None) => Ok(version),
        (None, None) => Err(no_release(build)),
    }
}

/// What the executable's own debug information says, of a release that no table has.
fn own_layout(file: &[u8]) -> Option<&'static Layout> {
    let fields = derived::fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    derived::layout(&dwarf::field_offsets(file, &fields))
}

/// Offsets of fields, sizes of structs (`runtime.g.sizeof`) and constants, from the debug information of an executable file.
/// Those that it does not have are missing from the result.
pub fn debug_information(file: &[u8], fields: &[&str]) -> BTreeMap<String, u64> {
    dwarf::field_offsets(file, fields)
}

fn no_release(build: &BuildInfo) -> InspectError {
    let raw = build.go_version.clone();
    match raw == HIDDEN_VERSION {
        true => InspectError::Obfuscated { raw },
        false => InspectError::NotARelease { raw },
    }
}

fn malformed(what: &'static str, version: &GoVersion) -> InspectError {
    InspectError::Malformed {
        what,
        go_version: version.raw.clone(),
    }
}
