//! In: a plan for a process. Out: probes in the kernel, the ring buffer they write to, and counts of their hits.
//! Detaching leaves nothing behind: links end with this process at the latest. Never a return probe, never a
//! write to the target's memory, and no probe that the plan does not name.

mod arm;
mod calibrate;
mod calibrate_writes;
mod counts;
mod error;
mod in_flight;
mod kernel_types;
mod machine;
mod multi;
mod own_code;
mod page_faults;
mod release;
mod requests;
mod roles;
mod target;
mod uprobes;
mod writes;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::Instant,
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{HashMap as BpfHashMap, MapData, RingBuf},
};
use slowmap_abi::{Cookie, MAX_PROBES, NO_REGISTER};

pub use self::{
    arm::PairUse,
    calibrate::{HitCost, hit_cost},
    calibrate_writes::WriteCost,
    counts::{Hits, KernelCounts},
    error::AttachError,
    page_faults::CountFaults,
    writes::Writer,
};
use self::{
    arm::Unarmed,
    multi::Point,
    page_faults::{FaultCount, PageFaults},
    release::{Endings, Release},
    target::TargetEntry,
    uprobes::{ProbeLink, Uprobes},
};
use crate::model::{
    plan::{PlannedProbe, ProbePair, ProbePlan, ProbeRole},
    process::Pid,
};

/// The programs, as built from `ebpf/programs`.
#[cfg(not(target_arch = "aarch64"))]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ebpf/prebuilt/slowmap.amd64.bpf.o"
));
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ebpf/prebuilt/slowmap.arm64.bpf.o"
));

/// The agent's pid namespace, whose numbers all events carry: device and inode of `/proc/self/ns/pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentNamespace {
    pub device: u64,
    pub inode: u64,
}

/// The inode of the initial pid namespace, in which the kernel's own numbers need no translation.
/// https://github.com/torvalds/linux/blob/v6.12/include/linux/proc_ns.h#L44
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The loaded programs and all that is attached.
#[derive(Debug)]
pub struct Programs {
    ebpf: Ebpf,
    uprobes: Uprobes,
    attached: HashMap<Pid, Attached>,
    free_probes: Vec<u32>,
    /// Hits of probes that are detached.
    past_hits: BTreeMap<(String, ProbeRole), Hits>,
    /// `None`: it could not be measured.
    hit_cost: Option<HitCost>,
    /// `None`: whole writes are not followed.
    write_cost: Option<WriteCost>,
    /// Writes that were begun to measure that.
    calibrated_writes: u64,
    page_faults: PageFaults,
    endings: Endings,
}

type Detached = (Pid, Vec<AttachedProbe>);

#[derive(Debug)]
struct Attached {
    executable: PathBuf,
    /// As the kernel side has it.
    entry: TargetEntry,
    probes: Vec<AttachedProbe>,
    /// When the last probe was attached at first.
    since: Instant,
    /// Pairs that were taken out meanwhile.
    unarmed: HashMap<ProbePair, Unarmed>,
    /// Pairs that are being taken out.
    releasing: HashMap<ProbePair, Release>,
    faults: FaultCount,
}

#[derive(Debug)]
struct AttachedProbe {
    number: u32,
    planned: PlannedProbe,
    /// `None`: detached for the time being.
    link: Option<ProbeLink>,
}

impl Programs {
    /// Loads the programs and attaches those that watch the machine's scheduler and page faults. `whole_writes`:
    /// writes are going to be followed from entry to exit.
    ///
    /// # Errors
    /// The kernel refuses, for want of a privilege or a feature.
    pub fn load(
        namespace: AgentNamespace,
        count: CountFaults,
        whole_writes: bool,
    ) -> Result<Self, AttachError> {
        let inode = if namespace.inode == INITIAL_PID_NAMESPACE {
            0
        } else {
            namespace.inode
        };
        let run_delay = kernel_types::run_delay().unwrap_or(0);
        let mut loader = EbpfLoader::new();
        loader
            .override_global("PID_NAMESPACE_DEVICE", &namespace.device, true)
            .override_global("PID_NAMESPACE_INODE", &inode, true)
            .override_global("RUN_DELAY", &run_delay, true);
        if !whole_writes {
            loader.map_max_entries("WRITERS", 1);
        }
        let mut ebpf = loader.load(OBJECT).map_err(AttachError::load)?;
        let wanted = |role: &ProbeRole| whole_writes || role.pair() != ProbePair::Write;
        let roles: Vec<ProbeRole> = roles::ALL.into_iter().filter(wanted).collect();
        let uprobes = Uprobes::load(&mut ebpf, &roles)?;
        let hit_cost = calibrate::measure(&uprobes, &mut ebpf)
            .inspect_err(|error| tracing::warn!(%error, "the cost of a probe hit is not known"))
            .ok();
        let write_cost = whole_writes
            .then(|| calibrate_writes::measure(&uprobes, &mut ebpf, hit_cost))
            .transpose()?;
        machine::attach(&mut ebpf)?;
        let page_faults = PageFaults::load(&mut ebpf, count);
        let mut programs = Self {
            ebpf,
            uprobes,
            attached: HashMap::new(),
            free_probes: (0..MAX_PROBES).rev().collect(),
            past_hits: BTreeMap::new(),
            hit_cost,
            write_cost,
            calibrated_writes: 0,
            page_faults,
            endings: Endings::default(),
        };
        programs.calibrated_writes = programs.counts().writes_begun;
        Ok(programs)
    }

    /// The ring buffer; there is one to take.
    ///
    /// # Errors
    /// It was taken already.
    pub fn take_events(&mut self) -> Result<RingBuf<MapData>, AttachError> {
        self.take_ring("EVENTS")
    }

    /// Has the kernel tell of processes that begin and end: the ring buffer with their ids, as the agent's pid namespace
    /// numbers them.
    ///
    /// # Errors
    /// The kernel refuses, or it was taken already.
    pub fn watch_lives(&mut self) -> Result<RingBuf<MapData>, AttachError> {
        machine::watch_lives(&mut self.ebpf)?;
        self.take_ring("LIVES")
    }

    fn take_ring(&mut self, name: &'static str) -> Result<RingBuf<MapData>, AttachError> {
        let map = self.ebpf.take_map(name).ok_or(AttachError::Object(name))?;
        RingBuf::try_from(map).map_err(AttachError::map)
    }

    /// Attaches a plan's probes to one process, by its executable. On failure nothing of it stays attached.
    ///
    /// # Errors
    /// The kernel refuses a probe, or the process is gone.
    pub fn attach(
        &mut self,
        pid: Pid,
        executable: &Path,
        plan: &ProbePlan,
        load_bias: u64,
        threshold_nano: u64,
    ) -> Result<(), AttachError> {
        // The description comes first: a probe that fires without it is ignored.
        let trap = self.hit_cost.map_or(0, |cost| cost.emulated);
        let entry = TargetEntry(target::entry(plan, load_bias, threshold_nano, trap));
        self.targets()?
            .insert(u64::from(pid.0), entry, 0)
            .map_err(AttachError::map)?;
        let attached = Attached {
            executable: executable.to_owned(),
            entry,
            probes: Vec::new(),
            since: Instant::now(),
            unarmed: HashMap::new(),
            releasing: HashMap::new(),
            faults: FaultCount::default(),
        };
        self.attached.insert(pid, attached);
        let attached = plan
            .probes
            .iter()
            .try_for_each(|probe| self.add(pid, probe));
        if let Err(error) = attached.and_then(|()| self.put_in(pid, |_| true)) {
            self.detach(pid);
            return Err(error);
        }
        if let Some(attached) = self.attached.get_mut(&pid) {
            attached.since = Instant::now();
        }
        self.refuse_page_faults(pid); // Until somebody says that it can afford them.
        Ok(())
    }

    /// Knows a probe, which is not in place yet.
    fn add(&mut self, pid: Pid, probe: &PlannedProbe) -> Result<(), AttachError> {
        let number = self.free_number()?;
        let attached = self.attached.get_mut(&pid);
        attached
            .ok_or(AttachError::Gone(pid))?
            .probes
            .push(AttachedProbe {
                number,
                planned: probe.clone(),
                link: None,
            });
        Ok(())
    }

    /// A number for a probe, with a counter of its hits.
    fn free_number(&mut self) -> Result<u32, AttachError> {
        let number = self.free_probes.pop();
        let number = number.ok_or(AttachError::TooManyProbes(MAX_PROBES))?;
        self.forget_hits(number)?;
        Ok(number)
    }

    /// Puts the probes of those roles in place that are not. Ends come first: nothing is begun then whose end is not
    /// seen. On failure some may be in place.
    fn put_in(&mut self, pid: Pid, wanted: impl Fn(ProbeRole) -> bool) -> Result<(), AttachError> {
        let attached = self.attached.get_mut(&pid).ok_or(AttachError::Gone(pid))?;
        let mut roles = roles::ALL;
        roles.sort_by_key(|role| !role.ends());
        for role in roles.into_iter().filter(|role| wanted(*role)) {
            let missing =
                |probe: &&mut AttachedProbe| probe.planned.role == role && probe.link.is_none();
            let mut probes: Vec<_> = attached.probes.iter_mut().filter(missing).collect();
            if probes.is_empty() {
                continue;
            }
            let point = |probe: &&mut AttachedProbe| Point {
                offset: probe.planned.site.offset.0,
                cookie: cookie(probe.number, &probe.planned).0,
            };
            let points: Vec<Point> = probes.iter().map(point).collect();
            let place = (attached.executable.as_path(), pid);
            let links = self.uprobes.attach(&mut self.ebpf, role, place, &points)?;
            for (probe, link) in probes.iter_mut().zip(links) {
                probe.link = Some(link);
            }
        }
        Ok(())
    }

    /// Takes all probes of a process out of the kernel, and forgets what was in flight. Does nothing for a
    /// process that has none.
    pub fn detach(&mut self, pid: Pid) {
        self.detach_all([pid]);
    }

    /// The same for several processes, in hardly more time than for one; waits for the probes of ended ones as well.
    pub fn detach_all(&mut self, pids: impl IntoIterator<Item = Pid>) {
        let (detached, links, mut releases) = self.take_out(pids);
        releases.extend(self.endings.take());
        releases.push(Release::start(links, Vec::new()));
        releases.into_iter().for_each(Release::wait);
        self.forget_all(detached);
    }

    /// The same for a process that has ended, without waiting for its probes: nothing runs into them any more.
    pub fn forget_ended(&mut self, pid: Pid) {
        let (detached, links, releases) = self.take_out([pid]);
        self.endings.add(links, releases);
        self.forget_all(detached);
    }

    /// The probes of those that are attached to, their links, those that cost most first, and what is on its way out.
    fn take_out(
        &mut self,
        pids: impl IntoIterator<Item = Pid>,
    ) -> (Vec<Detached>, Vec<ProbeLink>, Vec<Release>) {
        let (mut detached, mut links, mut releases) = (vec![], vec![], vec![]);
        for pid in pids {
            let Some(mut attached) = self.attached.remove(&pid) else {
                continue;
            };
            let armed = attached.probes.iter_mut();
            let armed = armed.filter_map(|probe| Some((probe.number, probe.link.take()?)));
            links.extend(armed.map(|(number, link)| (self.hits_of(number), link)));
            releases.extend(attached.releasing.into_values());
            detached.push((pid, attached.probes));
        }
        // Until its turn comes a probe goes on costing the target.
        links.sort_by_key(|(hits, _)| Reverse(*hits));
        let links = links.into_iter().map(|(_, link)| link).collect();
        (detached, links, releases)
    }

    fn forget_all(&mut self, detached: Vec<Detached>) {
        for (pid, probes) in detached {
            for probe in probes {
                let hits = self.use_of(&probe);
                let PlannedProbe { function, role, .. } = probe.planned;
                let past = self.past_hits.entry((function, role));
                past.or_default().add(hits);
                self.free_probes.push(probe.number);
            }
            self.forget(pid);
        }
        self.follow_page_faults();
    }

    fn forget(&mut self, pid: Pid) {
        if let Ok(mut targets) = self.targets() {
            let _ = targets.remove(&u64::from(pid.0));
        }
        in_flight::forget_process(&mut self.ebpf, pid);
        writes::forget(&mut self.ebpf, pid);
    }

    /// What the probes on every write add; `None`: writes are not followed.
    pub fn write_cost(&self) -> Option<WriteCost> {
        self.write_cost
    }

    fn targets(&mut self) -> Result<BpfHashMap<&mut MapData, u64, TargetEntry>, AttachError> {
        target::table(&mut self.ebpf)
    }
}

fn cookie(number: u32, probe: &PlannedProbe) -> Cookie {
    let condition = probe
        .site
        .condition
        .map(|condition| (condition.code, condition.taken));
    let register = |index: Option<u8>| index.unwrap_or(NO_REGISTER);
    Cookie::new(
        number,
        condition,
        register(probe.arguments.map),
        register(probe.arguments.map_type),
    )
    .of_function(probe.writer.unwrap_or(0))
}
