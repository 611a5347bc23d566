//! In: a plan for a process. Out: probes in the kernel, the ring buffer they write to, and counts of their hits.
//! Detaching leaves nothing behind: links end with this process at the latest. Never a return probe, never a
//! write to the target's memory, and no probe that the plan does not name.

mod calibrate;
mod error;
mod machine;
mod target;

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    path::Path,
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap as BpfHashMap, MapData, RingBuf},
    programs::{
        UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLinkId, UProbeScope},
    },
};
use slowmap_abi::{Cookie, Counter, MAX_PROBES, NO_REGISTER};

use self::target::TargetEntry;
pub use self::{calibrate::HitCost, error::AttachError};
use crate::model::{
    binary::ProbeCost,
    plan::{PlannedProbe, ProbePlan, ProbeRole},
    process::Pid,
};

/// The programs, as built from `ebpf/programs`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ebpf/prebuilt/slowmap.bpf.o"
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

/// What the kernel side could not take, since loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelCounts {
    pub emitted: u64,
    pub ring_full: u64,
    pub in_flight_full: u64,
    pub wait_table_full: u64,
}

/// How often a probe was hit, and what that cost its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    pub count: u64,
    /// `None`: what a hit costs was not measured.
    pub cost_nano: Option<u64>,
}

impl Hits {
    fn add(&mut self, other: Hits) {
        self.count += other.count;
        self.cost_nano = match (self.cost_nano, other.cost_nano) {
            (Some(own), Some(others)) => Some(own.saturating_add(others)),
            (own, others) => own.or(others),
        };
    }
}

/// The loaded programs and all that is attached.
#[derive(Debug)]
pub struct Programs {
    ebpf: Ebpf,
    attached: HashMap<Pid, Attached>,
    free_probes: Vec<u32>,
    /// Hits of probes that are detached.
    past_hits: BTreeMap<(String, ProbeRole), Hits>,
    /// `None`: it could not be measured.
    hit_cost: Option<HitCost>,
}

#[derive(Debug)]
struct Attached {
    probes: Vec<AttachedProbe>,
}

#[derive(Debug)]
struct AttachedProbe {
    number: u32,
    function: String,
    role: ProbeRole,
    cost: ProbeCost,
    link: Option<UProbeLinkId>,
}

impl Programs {
    /// Loads the programs and attaches those that watch the machine's scheduler and page faults.
    ///
    /// # Errors
    /// The kernel refuses, for want of a privilege or a feature.
    pub fn load(namespace: AgentNamespace) -> Result<Self, AttachError> {
        let inode = if namespace.inode == INITIAL_PID_NAMESPACE {
            0
        } else {
            namespace.inode
        };
        let mut loader = EbpfLoader::new();
        loader
            .override_global("PID_NAMESPACE_DEVICE", &namespace.device, true)
            .override_global("PID_NAMESPACE_INODE", &inode, true);
        let mut ebpf = loader.load(OBJECT).map_err(AttachError::load)?;
        for role in ALL_ROLES {
            uprobe(&mut ebpf, role)?
                .load()
                .map_err(AttachError::program)?;
        }
        let hit_cost = calibrate::measure(&mut ebpf)
            .inspect_err(|error| tracing::warn!(%error, "the cost of a probe hit is not known"))
            .ok();
        machine::attach(&mut ebpf)?;
        Ok(Self {
            ebpf,
            attached: HashMap::new(),
            free_probes: (0..MAX_PROBES).rev().collect(),
            past_hits: BTreeMap::new(),
            hit_cost,
        })
    }

    /// The ring buffer; there is one to take.
    ///
    /// # Errors
    /// It was taken already.
    pub fn take_events(&mut self) -> Result<RingBuf<MapData>, AttachError> {
        let map = self
            .ebpf
            .take_map("EVENTS")
            .ok_or(AttachError::Object("EVENTS"))?;
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
        let entry = TargetEntry(target::entry(plan, load_bias, threshold_nano));
        self.targets()?
            .insert(u64::from(pid.0), entry, 0)
            .map_err(AttachError::map)?;
        self.attached.insert(pid, Attached { probes: Vec::new() });
        for probe in &plan.probes {
            if let Err(error) = self.attach_probe(pid, executable, probe) {
                self.detach(pid);
                return Err(error);
            }
        }
        Ok(())
    }

    fn attach_probe(
        &mut self,
        pid: Pid,
        executable: &Path,
        probe: &PlannedProbe,
    ) -> Result<(), AttachError> {
        let number = self
            .free_probes
            .pop()
            .ok_or(AttachError::TooManyProbes(MAX_PROBES))?;
        self.set_hits(number, 0)?;
        let process = NonZeroU32::new(pid.0).ok_or(AttachError::Gone(pid))?;
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(probe.site.offset.0),
            cookie: Some(cookie(number, probe).0),
        };
        let link = uprobe(&mut self.ebpf, probe.role)?
            .attach(point, executable, UProbeScope::OneProcess(process))
            .map_err(AttachError::program);
        let (link, outcome) = match link {
            Ok(link) => (Some(link), Ok(())),
            Err(error) => (None, Err(error)),
        };
        if let Some(attached) = self.attached.get_mut(&pid) {
            let (function, role) = (probe.function.clone(), probe.role);
            attached.probes.push(AttachedProbe {
                number,
                function,
                role,
                cost: probe.site.cost,
                link,
            });
        }
        outcome
    }

    /// Takes all probes of a process out of the kernel, and forgets what was in flight. Does nothing for a
    /// process that has none.
    pub fn detach(&mut self, pid: Pid) {
        let Some(attached) = self.attached.remove(&pid) else {
            return;
        };
        for mut probe in attached.probes {
            if let Some(link) = probe.link.take()
                && let Ok(program) = uprobe(&mut self.ebpf, probe.role)
                && let Err(error) = program.detach(link)
            {
                tracing::warn!(%pid, function = probe.function, %error, "a probe could not be detached");
            }
            let hits = self.use_of(&probe);
            let past = self.past_hits.entry((probe.function, probe.role));
            past.or_default().add(hits);
            self.free_probes.push(probe.number);
        }
        self.forget(pid);
    }

    fn forget(&mut self, pid: Pid) {
        if let Ok(mut targets) = self.targets() {
            let _ = targets.remove(&u64::from(pid.0));
        }
        target::forget(&mut self.ebpf, pid);
    }

    /// How often each probe was hit and what that cost, those that are detached included.
    pub fn hits(&self) -> BTreeMap<(String, ProbeRole), Hits> {
        let mut hits = self.past_hits.clone();
        for probe in self.attached.values().flat_map(|attached| &attached.probes) {
            let all = hits.entry((probe.function.clone(), probe.role));
            all.or_default().add(self.use_of(probe));
        }
        hits
    }

    fn use_of(&self, probe: &AttachedProbe) -> Hits {
        let count = self.hits_of(probe.number);
        let cost = self.hit_cost.map(|cost| cost.of(probe.cost));
        Hits {
            count,
            cost_nano: cost.map(|cost| cost.saturating_mul(count)),
        }
    }

    /// What was emitted and lost.
    pub fn counts(&self) -> KernelCounts {
        let counters = self.array("COUNTERS");
        let of = |counter: Counter| {
            counters
                .as_ref()
                .and_then(|array| array.get(&(counter as u32), 0).ok())
                .unwrap_or(0)
        };
        KernelCounts {
            emitted: of(Counter::Emitted),
            ring_full: of(Counter::RingFull),
            in_flight_full: of(Counter::InFlightFull),
            wait_table_full: of(Counter::WaitTableFull),
        }
    }

    fn targets(&mut self) -> Result<BpfHashMap<&mut MapData, u64, TargetEntry>, AttachError> {
        let map = self
            .ebpf
            .map_mut("TARGETS")
            .ok_or(AttachError::Object("TARGETS"))?;
        BpfHashMap::try_from(map).map_err(AttachError::map)
    }

    fn array(&self, name: &str) -> Option<Array<&MapData, u64>> {
        Array::try_from(self.ebpf.map(name)?).ok()
    }

    fn hits_of(&self, number: u32) -> u64 {
        self.array("HITS")
            .and_then(|array| array.get(&number, 0).ok())
            .unwrap_or(0)
    }

    fn set_hits(&mut self, number: u32, hits: u64) -> Result<(), AttachError> {
        let map = self
            .ebpf
            .map_mut("HITS")
            .ok_or(AttachError::Object("HITS"))?;
        let mut array: Array<&mut MapData, u64> = Array::try_from(map).map_err(AttachError::map)?;
        array.set(number, hits, 0).map_err(AttachError::map)
    }
}

const ALL_ROLES: [ProbeRole; 8] = [
    ProbeRole::GrowthEnter,
    ProbeRole::GrowthExit,
    ProbeRole::AssistEnter,
    ProbeRole::AssistExit,
    ProbeRole::Deschedule,
    ProbeRole::Resume,
    ProbeRole::StopWorldEnter,
    ProbeRole::StopWorldExit,
];

fn program_name(role: ProbeRole) -> &'static str {
    match role {
        ProbeRole::GrowthEnter => "growth_enter",
        ProbeRole::GrowthExit => "growth_exit",
        ProbeRole::AssistEnter => "assist_enter",
        ProbeRole::AssistExit => "assist_exit",
        ProbeRole::Deschedule => "deschedule",
        ProbeRole::Resume => "resume",
        ProbeRole::StopWorldEnter => "stop_world_enter",
        ProbeRole::StopWorldExit => "stop_world_exit",
    }
}

fn uprobe(ebpf: &mut Ebpf, role: ProbeRole) -> Result<&mut UProbe, AttachError> {
    let name = program_name(role);
    let program = ebpf.program_mut(name).ok_or(AttachError::Object(name))?;
    program.try_into().map_err(AttachError::program)
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
}
