//! Breakpoints in a running process: where the code in its memory is not what its executable says. A uprobe is
//! one until the kernel takes it out again.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A part of the executable's code as it is mapped.
struct Mapping {
    start: u64,
    length: usize,
    offset: u64,
}

/// How many bytes of a process's code differ from its executable.
pub fn altered_bytes(pid: u32) -> Result<usize> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let executable = File::open(directory.join("exe")).context("open the target's executable")?;
    let memory = File::open(directory.join("mem")).context("open the target's memory")?;
    let mut altered = 0;
    for mapping in code(&directory)? {
        let (mut in_file, mut in_memory) = (vec![0; mapping.length], vec![0; mapping.length]);
        memory
            .read_exact_at(&mut in_memory, mapping.start)
            .context("read the target's code")?;
        // The last page of a mapping may reach beyond the end of the file.
        let present = read_up_to(&executable, &mut in_file, mapping.offset)?;
        let pairs = in_file.iter().zip(&in_memory).take(present);
        altered += pairs.filter(|(file, memory)| file != memory).count();
    }
    Ok(altered)
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// The executable mappings of the executable itself, from `/proc/PID/maps`.
fn code(directory: &Path) -> Result<Vec<Mapping>> {
    let executable = std::fs::read_link(directory.join("exe")).context("read the link exe")?;
    let maps = std::fs::read_to_string(directory.join("maps")).context("read maps")?;
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [range, permissions, offset, _, _, path] = fields.as_slice() else {
            return None;
        };
        let (start, end) = range.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        let is_code = permissions.contains('x') && Path::new(path) == executable;
        is_code.then_some(Mapping {
            start,
            length: usize::try_from(end.checked_sub(start)?).ok()?,
            offset: u64::from_str_radix(offset, 16).ok()?,
        })
    };
    Ok(maps.lines().filter_map(parse).collect())
}
