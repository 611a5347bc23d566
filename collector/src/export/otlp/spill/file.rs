//! A file of the queue on disk: a mark, then frames. A frame is a part of a request; the parts of a file, one behind the
//! other, are the request, so that a torn file is a shorter one.
//!
//! ```text
//! file:  "slowmap1" frame*
//! frame: length of the request, counted things in it, CRC-32 of both and of the request (u32, little-endian); request
//! ```

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const MARK: &[u8] = b"slowmap1";
/// Bytes in a file, unless a single frame has more: what servers take in a request.
const LARGEST: usize = 3 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Counted things in it.
    pub size: usize,
    /// Encoded.
    pub request: Vec<u8>,
}

/// `SEQUENCE-SIZE.otlp`, and `.partial` behind it while it is written: what a file held is known even if nothing
/// of it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub sequence: u64,
    pub size: usize,
    pub partial: bool,
}

impl Name {
    /// `None`: it is no file of the queue.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let whole = name.strip_suffix(".partial");
        let (sequence, size) = whole
            .unwrap_or(name)
            .strip_suffix(".otlp")?
            .split_once('-')?;
        Some(Self {
            // One more must fit behind it.
            sequence: sequence
                .parse()
                .ok()
                .filter(|sequence| *sequence < u64::MAX)?,
            // Frames have 32 bits for it; a larger one is nothing that was written here.
            size: size.parse::<u32>().ok()? as usize,
            partial: whole.is_some(),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{}.otlp", self.sequence, self.size)?;
        f.write_str(if self.partial { ".partial" } else { "" })
    }
}

/// The frames of each file. `adds_up`: requests that are written one behind the other are one request.
pub fn grouped(frames: impl Iterator<Item = Frame>, adds_up: bool) -> Vec<Vec<Frame>> {
    let (mut files, mut bytes): (Vec<Vec<Frame>>, _) = (Vec::new(), 0);
    for frame in frames {
        let length = frame.request.len();
        match files.last_mut() {
            Some(file) if adds_up && bytes + length <= LARGEST => file.push(frame),
            _ => {
                files.push(vec![frame]);
                bytes = 0;
            }
        }
        bytes += length;
    }
    files
}

pub fn encode(frames: &[Frame]) -> Vec<u8> {
    let mut content = MARK.to_vec();
    for frame in frames {
        // A request has some megabytes at most.
        let head = [frame.request.len() as u32, frame.size as u32].map(u32::to_le_bytes);
        content.extend_from_slice(head.as_flattened());
        content.extend_from_slice(&checksum(head.as_flattened(), &frame.request).to_le_bytes());
        content.extend_from_slice(&frame.request);
    }
    content
}

/// The frames that are whole.
pub fn decode(content: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = content.strip_prefix(MARK).unwrap_or_default();
    while let Some((head, behind)) = rest.split_first_chunk::<12>() {
        let number = |at: usize| {
            let bytes = head[at..].first_chunk().copied();
            bytes.map_or(0, u32::from_le_bytes)
        };
        let Some((request, next)) = behind.split_at_checked(number(0) as usize) else {
            break;
        };
        if checksum(&head[..8], request) == number(8) {
            frames.push(Frame {
                size: number(4) as usize,
                request: request.to_vec(),
            });
        }
        // One that is damaged may have whole ones behind it.
        rest = next;
    }
    frames
}

fn checksum(head: &[u8], request: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(request);
    hasher.finalize()
}

/// It is there as a whole, or not.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(partial)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(partial, path));
    if written.is_err() {
        // Its bytes are needed if the disk is full. It may not be there.
        let _ = fs::remove_file(partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: usize) -> Vec<Frame> {
        let frame = |number: usize| Frame {
            size: number + 1,
            request: vec![number as u8; 10 + number],
        };
        (0..count).map(frame).collect()
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_has_its_whole_frames() {
        let (all, content) = (frames(4), encode(&frames(4)));
        assert_eq!(decode(&content), all);
        let mut seen = 0;
        for length in 0..content.len() {
            let whole = decode(&content[..length]);
            assert_eq!(whole, all[..whole.len()], "{length}");
            assert!(whole.len() >= seen && whole.len() < 4, "{length}");
            seen = whole.len();
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn a_bit_that_has_flipped_costs_no_more_than_what_it_makes_unreadable() {
        let (all, content) = (frames(4), encode(&frames(4)));
        let (mut intact, mut harmed) = (0, 0);
        for bit in 0..content.len() * 8 {
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let whole = decode(&damaged);
            assert!(whole.iter().all(|frame| all.contains(frame)), "{bit}");
            assert!(whole.len() < 4, "{bit}");
            match whole.len() {
                3 => intact += 1,
                _ => harmed += 1,
            }
        }
        // Requests are most of a file; only a damaged length or mark takes others along.
        assert!(intact > harmed, "{intact} {harmed}");
    }

    #[test]
    fn names_say_what_was_in_a_file_and_others_are_left_alone() {
        let name = Name {
            sequence: 7,
            size: 512,
            partial: false,
        };
        assert_eq!(Name::of(Path::new(&name.to_string())), Some(name));
        let cut = Path::new("/q/00000000000000000008-3.otlp.partial");
        assert_eq!(
            Name::of(cut).map(|name| (name.partial, name.size)),
            Some((true, 3))
        );
        for other in [
            "lock",
            "x-1.otlp",
            "1-x.otlp",
            "1-1",
            "18446744073709551615-1.otlp",
            "1-99999999999.otlp",
        ] {
            assert_eq!(Name::of(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn requests_that_do_not_add_up_and_those_that_are_large_have_files_of_their_own() {
        assert_eq!(grouped(frames(5).into_iter(), false).len(), 5);
        assert_eq!(grouped(frames(5).into_iter(), true).len(), 1);
        let large = |_| Frame {
            size: 1,
            request: vec![0; LARGEST / 2 - 1],
        };
        assert_eq!(grouped((0..5).map(large), true).len(), 3);
    }
}
