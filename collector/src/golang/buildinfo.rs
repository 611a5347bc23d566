//! What `go version -m` prints: the Go release, the modules and the settings of a build
//! (`src/debug/buildinfo` in Go's own tree). It survives stripping.

use std::collections::BTreeMap;

use crate::model::{
    binary::{Module, VirtualAddress},
    text::printable,
};

use super::{image::Image, scalar};

const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
const POINTER_SIZE: usize = 14;
const FLAGS: usize = 15;
const HEADER_SIZE: usize = 32;
const ALIGNMENT: usize = 16;
const FLAG_BIG_ENDIAN: u8 = 1;
const FLAG_INLINE: u8 = 2;
/// The module text stands between two sentinels of this length.
const SENTINEL: usize = 16;
/// Many times what any build has: what claims more would have all of the file copied, or compared with itself.
const MAX_VERSION: usize = 1024;
const MAX_MODULES: usize = 1 << 20;

/// A build's own description, safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildInfo {
    /// As `runtime.Version()` returns it.
    pub go_version: String,
    /// The main package's path.
    pub path: Option<String>,
    pub main: Option<Module>,
    pub dependencies: Vec<Module>,
    /// e.g. `-buildmode` -> `pie`, `CGO_ENABLED` -> `0`.
    pub settings: BTreeMap<String, String>,
}

impl BuildInfo {
    /// Looks at the section that is named for it where there is one, then through the whole image.
    pub fn find(image: &Image, section: Option<VirtualAddress>) -> Option<BuildInfo> {
        let (version, modules) = section
            .and_then(|address| read(image, image.read_to_segment_end(address)?))
            .or_else(|| scan(image))?;
        let mut found = Self {
            go_version: version,
            ..Self::default()
        };
        if let Some(text) = modules.as_deref().and_then(between_sentinels) {
            let mut before = "";
            for line in text.lines() {
                found.add(line, before);
                before = line;
            }
        }
        Some(found)
    }

    fn add(&mut self, line: &str, before: &str) {
        let mut parts = line.split('\t').map(printable);
        let kind = parts.next();
        let (first, second) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let module = || Module {
            path: first.clone().into_owned(),
            version: second.clone().into_owned(),
        };
        match kind.as_deref() {
            Some("path") => self.path = Some(first.into_owned()),
            Some("mod") => self.main = Some(module()),
            Some("dep") => self.dependencies.push(module()),
            // Each line would make the version before it longer.
            Some("=>") if !before.starts_with("=>") => self.replace(&module()),
            Some("build") => {
                if let Some((key, value)) = first.split_once('=') {
                    self.settings.insert(unquoted(key), unquoted(value));
                }
            }
            _ => {}
        }
    }

    /// A replaced module keeps its path. Where other code was put in its place, its version says so, which no
    /// table of verified versions contains.
    fn replace(&mut self, replacement: &Module) {
        let Some(replaced) = self.dependencies.last_mut().or(self.main.as_mut()) else {
            return;
        };
        replaced.version = match replacement.path == replaced.path {
            true => replacement.version.clone(),
            false => {
                let Module { path, version } = replacement;
                format!("{} => {path} {version}", replaced.version)
                    .trim_end()
                    .to_owned()
            }
        };
    }
}

/// Version and module text, with its sentinels.
type Raw = (String, Option<Vec<u8>>);

fn scan(image: &Image) -> Option<Raw> {
    image
        .segments()
        .filter(|(segment, _)| !segment.executable)
        .find_map(|(_, bytes)| {
            (0..bytes.len()).step_by(ALIGNMENT).find_map(|at| {
                let blob = bytes.get(at..)?;
                blob.starts_with(MAGIC).then(|| read(image, blob))?
            })
        })
}

fn read(image: &Image, blob: &[u8]) -> Option<Raw> {
    if !blob.starts_with(MAGIC) {
        return None;
    }
    let flags = *blob.get(FLAGS)?;
    let (version, modules) = match flags & FLAG_INLINE != 0 {
        true => inline_strings(blob.get(HEADER_SIZE..)?)?,
        false => pointed_strings(image, blob, flags)?,
    };
    if version.is_empty() || version.len() > MAX_VERSION {
        return None;
    }
    let version = printable(std::str::from_utf8(version).ok()?).into_owned();
    let modules = modules.filter(|modules| modules.len() <= MAX_MODULES);
    Some((version, modules.map(<[u8]>::to_vec)))
}

/// Two strings with their lengths, behind the header.
fn inline_strings(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (version, rest) = inline_string(bytes)?;
    Some((version, inline_string(rest).map(|(modules, _)| modules)))
}

fn inline_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, start) = scalar::varint(bytes)?;
    bytes
        .get(start..)?
        .split_at_checked(usize::try_from(length).ok()?)
}

/// Pointers to two Go strings. Only 64-bit little-endian files are read at all.
fn pointed_strings<'a>(
    image: &'a Image,
    blob: &[u8],
    flags: u8,
) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    if flags & FLAG_BIG_ENDIAN != 0 || blob.get(POINTER_SIZE) != Some(&8) {
        return None;
    }
    let string = |at: usize| {
        let header = VirtualAddress(scalar::u64_at(blob, at)?);
        image.read(
            VirtualAddress(image.word(header)?),
            image.word_at(header, 8)?,
        )
    };
    Some((string(16)?, string(24)))
}

fn between_sentinels(modules: &[u8]) -> Option<&str> {
    let inner = modules.get(SENTINEL..modules.len().checked_sub(SENTINEL)?)?;
    inner
        .ends_with(b"\n")
        .then(|| std::str::from_utf8(inner).ok())?
}

/// Keys and values with blanks or quotes are written as Go string literals.
fn unquoted(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return text.trim_matches('`').to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        golang::image::FileBytes,
        model::binary::{FileOffset, Segment},
    };

    fn image(bytes: Vec<u8>) -> Image {
        let segment = Segment {
            address: VirtualAddress(0x1000),
            offset: FileOffset(0),
            file_size: bytes.len() as u64,
            executable: false,
        };
        Image::new(FileBytes::Owned(bytes), vec![segment], vec![])
    }

    fn inline(version: &str, modules: &str) -> Vec<u8> {
        let framed = format!("{0}{modules}{0}", "S".repeat(SENTINEL));
        let mut bytes = vec![0; 48];
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[8, FLAG_INLINE]);
        bytes.extend_from_slice(&[0; 16]);
        for text in [version, &framed] {
            let length = text.len();
            bytes.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn modules_settings_and_replacements_are_read() {
        let text = "path\texample.com/shop/cmd\nmod\texample.com/shop\t(devel)\t\n\
            dep\tgo.opentelemetry.io/otel/sdk\tv1.47.0\th1:x=\ndep\tgo.opentelemetry.io/otel\tv1.47.0\n\
            =>\texample.com/otel\tv1.0.0\th1:y=\ndep\ta.b/c\tv1.0.0\n=>\ta.b/c\tv1.0.1\n\
            build\t-buildmode=pie\nbuild\t-ldflags=\"-s -w -X main.a=\\\"b\\\"\"\nbuild\tCGO_ENABLED=0\n";
        let found = BuildInfo::find(&image(inline("go1.26.8", text)), None).unwrap();
        assert_eq!(found.go_version, "go1.26.8");
        assert_eq!(found.path.as_deref(), Some("example.com/shop/cmd"));
        assert_eq!(found.main.unwrap().path, "example.com/shop");
        let versions: Vec<_> = found
            .dependencies
            .iter()
            .map(|dep| dep.version.as_str())
            .collect();
        assert_eq!(
            versions,
            ["v1.47.0", "v1.47.0 => example.com/otel v1.0.0", "v1.0.1"]
        );
        assert_eq!(found.settings["-buildmode"], "pie");
        assert_eq!(found.settings["-ldflags"], "-s -w -X main.a=\"b\"");
    }

    #[test]
    fn what_replaces_a_replacement_is_no_longer_version() {
        let text = format!("dep\ta.b/c\tv1.0.0\n{}", "=>\td.e/f\tv2.0.0\n".repeat(9));
        let found = BuildInfo::find(&image(inline("go1.26.8", &text)), None).unwrap();
        assert_eq!(found.dependencies[0].version, "v1.0.0 => d.e/f v2.0.0");
    }

    #[test]
    fn a_release_as_long_as_a_book_is_none() {
        let long = "g".repeat(MAX_VERSION + 1);
        assert_eq!(BuildInfo::find(&image(inline(&long, "")), None), None);
    }

    #[test]
    fn a_binary_built_without_modules_still_has_its_release() {
        let found = BuildInfo::find(&image(inline("go1.22.12", "")), None).unwrap();
        assert_eq!(found.go_version, "go1.22.12");
        assert_eq!(found.main, None);
    }

    #[test]
    fn the_pointer_format_is_read() {
        let mut bytes = vec![0u8; 96];
        bytes[..14].copy_from_slice(MAGIC);
        bytes[POINTER_SIZE] = 8;
        for (at, word) in [
            (16, 0x1020u64),
            (24, 0x1030),
            (32, 0x1040),
            (40, 6),
            (48, 0),
            (56, 0),
        ] {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        bytes[64..70].copy_from_slice(b"go1.18");
        let found = BuildInfo::find(&image(bytes), None).unwrap();
        assert_eq!(found.go_version, "go1.18");
    }

    #[test]
    fn a_blob_cut_short_is_declined() {
        let whole = inline("go1.26.8", "path\tmain\n");
        for end in 0..90 {
            let _ = BuildInfo::find(&image(whole[..end].to_vec()), None);
        }
        assert_eq!(BuildInfo::find(&image(whole[..80].to_vec()), None), None);
    }
}
