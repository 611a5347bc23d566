//! Real uprobes on a real process, through tracefs.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use slowmap::model::binary::{JumpCondition, Site};
use tempfile::TempDir;

/// Per CPU, in KiB; a hit takes about 60 bytes.
const BUFFER_KIB: &str = "65536";

/// Whether uprobes can be used. Where they cannot, that is said, and in CI it is a failure.
pub fn required() -> bool {
    let Some(reason) = unavailable() else {
        return true;
    };
    assert!(
        std::env::var_os("CI").is_none(),
        "uprobes are needed: {reason}"
    );
    eprintln!("skipped: uprobes cannot be used here: {reason}");
    false
}

/// Why uprobes cannot be used here, if so.
fn unavailable() -> Option<String> {
    let tracefs = match Tracefs::mount() {
        Ok(tracefs) => tracefs,
        Err(reason) => return Some(reason),
    };
    let events = tracefs.uprobe_events().err();
    events.map(|error| format!("uprobe_events: {error}"))
}

/// A mount of tracefs of one's own: what others have mounted stays as it is, and nothing is left.
struct Tracefs(TempDir);

impl Tracefs {
    fn mount() -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let output = Command::new("mount")
            .args(["-t", "tracefs", "tracefs"])
            .arg(directory.path())
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if output.status.success() {
            Ok(Self(directory))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn uprobe_events(&self) -> io::Result<File> {
        let path = self.path().join("uprobe_events");
        OpenOptions::new().append(true).open(path)
    }
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// Uprobes that write to a trace buffer of their own; gone when dropped.
pub struct Uprobes {
    tracefs: Tracefs,
    group: String,
    instance: PathBuf,
    sites: Vec<Site>,
}

impl Uprobes {
    pub fn attach(executable: &Path, sites: &[Site]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let group = format!(
            "slowmap_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let tracefs = Tracefs::mount().unwrap();
        let instance = tracefs.path().join("instances").join(&group);
        let probes = Self {
            tracefs,
            group,
            instance,
            sites: sites.to_vec(),
        };
        for (number, site) in sites.iter().enumerate() {
            probes.control(&format!(
                "p:{}/site{number} {}:{:#x} flags=%flags:x64",
                probes.group,
                executable.display(),
                site.offset.0
            ));
        }
        fs::create_dir(&probes.instance).unwrap();
        fs::write(probes.instance.join("buffer_size_kb"), BUFFER_KIB).unwrap();
        fs::write(
            probes
                .instance
                .join("events")
                .join(&probes.group)
                .join("enable"),
            "1",
        )
        .unwrap();
        probes
    }

    fn control(&self, line: &str) {
        let mut events = self.tracefs.uprobe_events().unwrap();
        events
            .write_all(line.as_bytes())
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }

    /// Stops and says how many hits counted, by site.
    pub fn counted_hits(&self) -> BTreeMap<u64, usize> {
        fs::write(
            self.instance
                .join("events")
                .join(&self.group)
                .join("enable"),
            "0",
        )
        .unwrap();
        assert_eq!(self.overruns(), 0, "the trace buffer was too small");
        let trace = fs::read_to_string(self.instance.join("trace")).unwrap();
        let mut hits: BTreeMap<u64, usize> =
            self.sites.iter().map(|site| (site.address.0, 0)).collect();
        for line in trace.lines().filter(|line| !line.starts_with('#')) {
            let (site, flags) = self.hit(line).unwrap_or_else(|| panic!("{line}"));
            if site
                .condition
                .is_none_or(|condition| counts(condition, flags))
            {
                *hits.get_mut(&site.address.0).unwrap() += 1;
            }
        }
        hits
    }

    /// `  writer-4711  [000] DNZff  1234.567890: site3: (0x40f7a3) flags=0x246`
    fn hit(&self, line: &str) -> Option<(Site, u64)> {
        let (_, event) = line.split_once(": site")?;
        let (number, _) = event.split_once(':')?;
        let (_, flags) = event.split_once("flags=0x")?;
        let site = self.sites.get(number.parse::<usize>().ok()?)?;
        Some((*site, u64::from_str_radix(flags.trim(), 16).ok()?))
    }

    fn overruns(&self) -> u64 {
        let per_cpu = fs::read_dir(self.instance.join("per_cpu")).unwrap();
        per_cpu
            .map(|cpu| fs::read_to_string(cpu.unwrap().path().join("stats")).unwrap())
            .flat_map(|stats| {
                stats
                    .lines()
                    .filter_map(|l| l.strip_prefix("overrun: ")?.parse().ok())
                    .collect::<Vec<u64>>()
            })
            .sum()
    }
}

impl Drop for Uprobes {
    fn drop(&mut self) {
        let _ = fs::write(
            self.instance
                .join("events")
                .join(&self.group)
                .join("enable"),
            "0",
        );
        let _ = fs::remove_dir(&self.instance);
        for number in 0..self.sites.len() {
            if let Ok(mut events) = self.tracefs.uprobe_events() {
                let _ = events.write_all(format!("-:{}/site{number}", self.group).as_bytes());
            }
        }
    }
}

/// Intel's Software Developer's Manual, volume 1, appendix B: condition codes come in pairs, the odd one being
/// the opposite.
fn counts(condition: JumpCondition, flags: u64) -> bool {
    let flag = |bit: u32| flags >> bit & 1 == 1;
    let (carry, parity, zero, sign, overflow) = (flag(0), flag(2), flag(6), flag(7), flag(11));
    let holds = match condition.code >> 1 {
        0 => overflow,
        1 => carry,
        2 => zero,
        3 => carry || zero,
        4 => sign,
        5 => parity,
        6 => sign != overflow,
        _ => zero || sign != overflow,
    };
    let jumps = holds != (condition.code & 1 == 1);
    jumps == condition.taken
}
