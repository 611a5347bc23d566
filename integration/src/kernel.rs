//! What a process has in the kernel: which BPF programs, maps and links it holds, and which are alive.

use std::{
    collections::BTreeSet,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::program::Program;

/// Commands of bpf(2), from include/uapi/linux/bpf.h.
const BPF_PROG_GET_NEXT_ID: libc::c_long = 11;
const BPF_MAP_GET_NEXT_ID: libc::c_long = 12;
const BPF_LINK_GET_NEXT_ID: libc::c_long = 31;

/// How long the number of attachments has to stay the same to be taken for complete.
const SETTLED: Duration = Duration::from_millis(700);

/// BPF objects by kernel id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BpfObjects {
    pub programs: BTreeSet<u32>,
    pub maps: BTreeSet<u32>,
    pub links: BTreeSet<u32>,
    /// File descriptors of perf events, by which older kernels attach uprobes.
    pub perf_events: usize,
}

impl BpfObjects {
    /// Those that a process holds a file descriptor of.
    pub fn of(pid: u32) -> Result<Self> {
        let mut objects = Self::default();
        let directory = format!("/proc/{pid}");
        for entry in
            std::fs::read_dir(Path::new(&directory).join("fd")).context("list file descriptors")?
        {
            let name = entry?.file_name();
            let target = std::fs::read_link(Path::new(&directory).join("fd").join(&name))
                .unwrap_or_default();
            objects.perf_events +=
                usize::from(target.to_string_lossy() == "anon_inode:[perf_event]");
            let fdinfo = Path::new(&directory).join("fdinfo").join(&name);
            // A descriptor may be closed between the listing and this.
            let text = std::fs::read_to_string(fdinfo).unwrap_or_default();
            let id = |key: &str| {
                text.lines()
                    .find_map(|line| line.strip_prefix(key)?.trim().parse::<u32>().ok())
            };
            match (id("link_id:"), id("prog_id:"), id("map_id:")) {
                (Some(link), _, _) => objects.links.extend([link]),
                (None, Some(program), _) => objects.programs.extend([program]),
                (None, None, Some(map)) => objects.maps.extend([map]),
                (None, None, None) => {}
            }
        }
        Ok(objects)
    }

    /// Those of them that are still in the kernel.
    pub fn alive(&self) -> Result<Self> {
        let (programs, links) = (ids(BPF_PROG_GET_NEXT_ID)?, ids(BPF_LINK_GET_NEXT_ID)?);
        let maps = ids(BPF_MAP_GET_NEXT_ID)?;
        Ok(Self {
            programs: self.programs.intersection(&programs).copied().collect(),
            maps: self.maps.intersection(&maps).copied().collect(),
            links: self.links.intersection(&links).copied().collect(),
            perf_events: 0,
        })
    }

    /// Waits until none is alive: the kernel frees maps a moment after their last user has gone. Returns those
    /// that stay past the limit.
    pub fn outlive(&self, limit: Duration) -> Result<Self> {
        let deadline = Instant::now() + limit;
        loop {
            let alive = self.alive()?;
            if alive == Self::default() || Instant::now() > deadline {
                return Ok(alive);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn attachments(&self) -> usize {
        self.links.len().max(self.perf_events)
    }
}

/// Waits until slowmap has attached: it holds links or perf events, and their number no longer changes.
pub fn wait_attached(slowmap: &mut Program, limit: Duration) -> Result<BpfObjects> {
    let deadline = Instant::now() + limit;
    let (mut last, mut since) = (BpfObjects::default(), Instant::now());
    loop {
        if slowmap.ended()? {
            bail!("slowmap ended before it attached: {}", slowmap.stderr());
        }
        let now = BpfObjects::of(slowmap.pid())?;
        if now != last {
            (last, since) = (now, Instant::now());
        } else if last.attachments() > 1 && since.elapsed() > SETTLED {
            return Ok(last);
        }
        if Instant::now() > deadline {
            bail!(
                "slowmap did not attach within {limit:?}: {last:?}; stderr: {}",
                slowmap.stderr()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// All ids of a kind that are in the kernel.
fn ids(command: libc::c_long) -> Result<BTreeSet<u32>> {
    /// The part of `union bpf_attr` that the GET_NEXT_ID commands read and write.
    #[repr(C)]
    #[derive(Default)]
    struct NextId {
        start: u32,
        next: u32,
        open_flags: u32,
    }
    let mut found = BTreeSet::new();
    let mut attributes = NextId::default();
    loop {
        // SAFETY: the pointer and the size are those of a live value, which the kernel writes within.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                &raw mut attributes,
                size_of::<NextId>(),
            )
        };
        if result == 0 {
            found.insert(attributes.next);
            attributes.start = attributes.next;
            continue;
        }
        let error = std::io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENOENT) => Ok(found),
            _ => Err(error).context("list BPF objects in the kernel"),
        };
    }
}
