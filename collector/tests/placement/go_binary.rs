//! A Go program built by the test, with its functions by name.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};
use slowmap::{
    inspect::placement::{self, Code, CodeSource, Placement},
    model::binary::{Architecture, FileOffset, ProbeCost, Site, VirtualAddress},
};

pub struct GoExecutable {
    pub path: PathBuf,
    bytes: Vec<u8>,
    by_name: BTreeMap<String, u64>,
    by_address: BTreeMap<u64, (String, u64)>,
    /// Address, size, file offset.
    segments: Vec<(u64, u64, u64)>,
}

impl GoExecutable {
    /// `toolchain`: as `GOTOOLCHAIN` takes it.
    pub fn build(toolchain: &str) -> Self {
        Self::build_with(toolchain, "plain", &[])
    }

    pub fn build_with(toolchain: &str, variant: &str, flags: &[&str]) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/writer");
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("writer-{toolchain}-{variant}"));
        let status = Command::new("go")
            .args(["build", "-o"])
            .arg(&path)
            .args(flags)
            .arg("main.go")
            .current_dir(source)
            .env("GOTOOLCHAIN", toolchain)
            .env("CGO_ENABLED", "0")
            .status()
            .expect("the tests need Go");
        assert!(status.success(), "go build with {toolchain}");
        Self::read(path)
    }

    fn read(path: PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let functions = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .map(|symbol| {
                (
                    symbol.name().unwrap().to_owned(),
                    symbol.address(),
                    symbol.size(),
                )
            });
        let (mut by_name, mut by_address) = (BTreeMap::new(), BTreeMap::new());
        for (name, address, size) in functions {
            let name = name.strip_suffix(".abi0").unwrap_or(&name).to_owned();
            by_address.insert(address, (name.clone(), size));
            by_name.insert(name, address);
        }
        let segments = file
            .segments()
            .map(|segment| {
                (
                    segment.address(),
                    segment.file_range().1,
                    segment.file_range().0,
                )
            })
            .collect();
        Self {
            path,
            by_name,
            by_address,
            segments,
            bytes,
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    pub fn address(&self, name: &str) -> u64 {
        self.by_name[name]
    }

    pub fn offset_of(&self, address: VirtualAddress) -> Option<FileOffset> {
        self.segments.iter().find_map(|(start, size, offset)| {
            let within = address
                .0
                .checked_sub(*start)
                .filter(|within| within < size)?;
            Some(FileOffset(offset + within))
        })
    }

    pub fn code(&self, name: &str) -> Code<'_> {
        self.function_at(VirtualAddress(self.address(name)))
            .unwrap()
    }

    pub fn place(&self, name: &str) -> Placement {
        placement::place(&self.code(name), self, &|address| self.offset_of(address))
    }

    /// Where a tracer that does not look at the code puts its probes: on the first byte, and on every return.
    pub fn naive_sites(&self, name: &str) -> Vec<Site> {
        let code = self.code(name);
        let decoder = iced_x86::Decoder::with_ip(64, code.bytes, code.address.0, 0);
        let returns = decoder
            .into_iter()
            .filter(|instruction| instruction.mnemonic() == iced_x86::Mnemonic::Ret)
            .map(|instruction| instruction.ip());
        [code.address.0]
            .into_iter()
            .chain(returns)
            .map(|address| Site {
                address: VirtualAddress(address),
                offset: self.offset_of(VirtualAddress(address)).unwrap(),
                cost: ProbeCost::SingleStepped,
                condition: None,
                in_frame: false,
            })
            .collect()
    }

    /// The function around an address.
    pub fn function_around(&self, address: u64) -> &str {
        self.by_address
            .range(..=address)
            .next_back()
            .map_or("?", |(_, (name, _))| name)
    }

    pub fn disassemble(&self, address: u64) -> String {
        let offset = self.offset_of(VirtualAddress(address)).unwrap().0 as usize;
        let bytes = &self.bytes[offset..offset + 16];
        let mut decoder = iced_x86::Decoder::with_ip(64, bytes, address, 0);
        format!(
            "{:?} in {}",
            decoder.decode().code(),
            self.function_around(address)
        )
    }
}

impl CodeSource for GoExecutable {
    fn function_at(&self, address: VirtualAddress) -> Option<Code<'_>> {
        let (name, size) = self.by_address.get(&address.0)?;
        let offset = self.offset_of(address)?.0 as usize;
        Some(Code {
            architecture: Architecture::Amd64,
            name,
            address,
            bytes: self.bytes.get(offset..offset + *size as usize)?,
        })
    }
}
