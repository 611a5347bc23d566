//! Watching page faults: two programs for the whole machine, that note when each fault begins and look at those that took
//! long. In place only while every target can afford them: there is no way to have them for one process alone.

use std::{
    cell::Cell,
    collections::HashSet,
    time::{Duration, Instant},
};

use aya::{
    Ebpf,
    programs::{
        PerfEvent, RawTracePoint,
        perf_event::{PerfEventConfig, PerfEventLink, PerfEventScope, SamplePolicy, SoftwareEvent},
        raw_trace_point::RawTracePointLink,
    },
    util::online_cpus,
};
use slowmap_abi::Fault;

use super::{
    AttachError, Attached, Programs,
    arm::{PairUse, unused},
    counts, machine,
};
use crate::model::{plan::ProbePair, process::Pid};

const ENTER: &str = "page_fault_enter";
const EXIT: &str = "page_fault_exit";
const PAIR: ProbePair = ProbePair::PageFault;

/// To protect targets by, where measuring failed; never shown. About twice what was measured in a virtual machine.
const ASSUMED_COST_NANO: u64 = 400;

/// For each process, between two beginnings of watching: at each the faults of all of them so far are counted, which takes
/// some 10 us each.
const APART_EACH: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct PageFaults {
    /// `None`: not watched now.
    links: Option<Links>,
    /// Those that cannot afford it now, or were not asked yet.
    refused_by: HashSet<Pid>,
    /// The kernel has what it takes.
    available: bool,
    /// What watching adds to a fault; `None`: it could not be measured.
    cost_nano: Option<u64>,
    count: CountFaults,
    /// When watching began last.
    begun: Option<Instant>,
}

/// Tells how many page faults a process has had, of all its threads since it began; `None`: it is gone.
pub type CountFaults = fn(Pid) -> Option<u64>;

/// Dropped in this order: without an exit, an entry would stay.
#[derive(Debug)]
struct Links {
    _enter: RawTracePointLink,
    _exits: Vec<PerfEventLink>,
}

/// Page faults of a target while they were watched.
#[derive(Debug, Default)]
pub(super) struct FaultCount {
    before: u64,
    /// The process's count when watching began; `None`: they are not watched.
    since: Option<u64>,
    /// When it was read last: a process that is gone has none.
    last: Cell<u64>,
}

impl FaultCount {
    /// `now` tells the process's count; `None`: it is gone. It is asked only if they were not watched before: there may be
    /// hundreds of processes, and each asks for what all of them get.
    fn begin(&mut self, now: impl FnOnce() -> Option<u64>) {
        if self.since.is_none() {
            self.since = now();
            self.last.set(self.since.unwrap_or(0));
        }
    }

    /// Likewise.
    fn end(&mut self, now: impl FnOnce() -> Option<u64>) {
        if self.since.is_some() {
            self.before = self.total(now());
            self.since = None;
        }
    }

    fn total(&self, now: Option<u64>) -> u64 {
        let Some(since) = self.since else {
            return self.before;
        };
        let now = now.unwrap_or(self.last.get());
        self.last.set(now);
        self.before + now.saturating_sub(since)
    }
}

impl PageFaults {
    /// Loads the programs, and measures what they cost.
    pub(super) fn load(ebpf: &mut Ebpf, count: CountFaults) -> Self {
        let loaded = load(ebpf);
        if let Err(error) = &loaded {
            // Faults in mid-write are then not told apart from the rest of the write, which is less, but not wrong.
            tracing::warn!(%error, "page faults are not watched");
        }
        let measured = loaded.is_ok().then(|| measure(ebpf)).transpose();
        let cost_nano = measured.unwrap_or_else(|error| {
            tracing::warn!(%error, "what watching page faults costs is not known");
            None
        });
        Self {
            links: None,
            refused_by: HashSet::new(),
            available: loaded.is_ok(),
            cost_nano,
            count,
            begun: None,
        }
    }
}

impl PageFaults {
    /// Of so many processes.
    fn may_begin(&self, processes: usize) -> bool {
        let apart = APART_EACH.saturating_mul(u32::try_from(processes).unwrap_or(u32::MAX));
        self.begun.is_none_or(|begun| begun.elapsed() >= apart)
    }
}

impl Programs {
    /// Whether page faults are watched now: of all targets, or of none.
    pub fn watches_page_faults(&self) -> bool {
        self.page_faults.links.is_some()
    }

    /// A target can afford it, as far as it is concerned.
    pub(super) fn allow_page_faults(&mut self, pid: Pid) -> Result<(), AttachError> {
        self.page_faults.refused_by.remove(&pid);
        self.follow_page_faults();
        if self.watches_page_faults() {
            Ok(())
        } else {
            Err(AttachError::Unaffordable)
        }
    }

    pub(super) fn refuse_page_faults(&mut self, pid: Pid) {
        self.page_faults.refused_by.insert(pid);
        self.follow_page_faults();
    }

    /// After a target came or went.
    pub(super) fn follow_page_faults(&mut self) {
        let faults = &mut self.page_faults;
        faults
            .refused_by
            .retain(|pid| self.attached.contains_key(pid));
        let nobody = self.attached.is_empty() || !faults.refused_by.is_empty();
        if nobody || !faults.available {
            faults.links = None;
        } else if faults.links.is_none() && faults.may_begin(self.attached.len()) {
            match watch(&mut self.ebpf) {
                Ok(links) => {
                    faults.links = Some(links);
                    faults.begun = Some(Instant::now());
                }
                Err(error) => {
                    faults.available = false;
                    tracing::warn!(%error, "page faults are not watched");
                }
            }
        }
        let (on, now) = (faults.links.is_some(), Instant::now());
        for (pid, attached) in &mut self.attached {
            let unarmed = attached.unarmed.entry(PAIR).or_default();
            if on {
                unarmed.end(now);
                attached.faults.begin(|| (faults.count)(*pid));
            } else {
                unarmed.begin(now);
                attached.faults.end(|| (faults.count)(*pid));
            }
        }
    }

    pub(super) fn page_fault_use(
        &self,
        pid: Pid,
        attached: &Attached,
        now: Instant,
    ) -> Option<PairUse> {
        if !self.page_faults.available {
            return None;
        }
        let count = attached.faults.total((self.page_faults.count)(pid));
        let cost = |each: u64| each.saturating_mul(count);
        Some(PairUse {
            armed: self.watches_page_faults(),
            hits: count,
            cost_nano: self.page_faults.cost_nano.map(cost),
            guarded_nano: cost(self.page_faults.cost_nano.unwrap_or(ASSUMED_COST_NANO)),
            ..unused(attached, PAIR, now)
        })
    }
}

fn load(ebpf: &mut Ebpf) -> Result<(), AttachError> {
    exit(ebpf)?.load().map_err(AttachError::program)?;
    machine::raw_tracepoint(ebpf, ENTER)?
        .load()
        .map_err(AttachError::program)
}

fn exit(ebpf: &mut Ebpf) -> Result<&mut PerfEvent, AttachError> {
    let program = ebpf.program_mut(EXIT).ok_or(AttachError::Object(EXIT))?;
    program.try_into().map_err(AttachError::program)
}

fn watch(ebpf: &mut Ebpf) -> Result<Links, AttachError> {
    // What was under way when watching ended last would seem to end with the next fault.
    counts::set_on_all_cpus(ebpf, "FAULTS", 0, Slot(Fault::default()))?;
    let program = exit(ebpf)?;
    let mut exits = Vec::new();
    for cpu in online_cpus().map_err(|(_, error)| AttachError::Load(error.to_string()))? {
        for event in [SoftwareEvent::PageFaultsMin, SoftwareEvent::PageFaultsMaj] {
            let link = program.attach(
                PerfEventConfig::Software(event),
                PerfEventScope::AllProcessesOneCpu { cpu },
                SamplePolicy::Period(1),
                true,
            );
            let link = link.and_then(|link| program.take_link(link));
            exits.push(link.map_err(AttachError::program)?);
        }
    }
    // Last: without an exit, an entry would stay.
    let program: &mut RawTracePoint = machine::raw_tracepoint(ebpf, ENTER)?;
    let link = program.attach("page_fault_user");
    let enter = link.and_then(|link| program.take_link(link));
    Ok(Links {
        _enter: enter.map_err(AttachError::program)?,
        _exits: exits,
    })
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Slot(Fault);

// SAFETY: `repr(C)`, two integers of the same size.
unsafe impl aya::Pod for Slot {}

/// Faults of a measurement: long enough for the clock, over in a millisecond.
const PAGES: usize = 256;
/// With and without, one after the other, this many times.
const ROUNDS: usize = 4;
/// The least of so many passes counts: others were interrupted, or (the first) ran through code that no cache held yet,
/// which in a virtual machine takes three times as long.
const PASSES: usize = 5;

/// What watching adds to a fault, in nanoseconds, by faults of this process.
fn measure(ebpf: &mut Ebpf) -> Result<u64, AttachError> {
    let (mut without, mut with) = (u64::MAX, u64::MAX);
    for _ in 0..ROUNDS {
        without = without.min(least_nanos_per_fault()?);
        let links = watch(ebpf)?;
        with = with.min(least_nanos_per_fault()?);
        drop(links);
    }
    Ok(with.saturating_sub(without))
}

fn least_nanos_per_fault() -> Result<u64, AttachError> {
    (0..PASSES).try_fold(u64::MAX, |least, _| Ok(least.min(nanos_per_fault()?)))
}

fn nanos_per_fault() -> Result<u64, AttachError> {
    // SAFETY: `sysconf` reads no memory of ours.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let size = PAGES * page;
    // SAFETY: new memory, of nobody else.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(AttachError::Load(
            std::io::Error::last_os_error().to_string(),
        ));
    }
    // SAFETY: within what was just mapped; that it may be made of huge pages is not wanted.
    unsafe { libc::madvise(memory, size, libc::MADV_NOHUGEPAGE) };
    let begin = Instant::now();
    for index in 0..PAGES {
        // SAFETY: within what was just mapped.
        unsafe { memory.cast::<u8>().add(index * page).write_volatile(1) };
    }
    let took = begin.elapsed();
    // SAFETY: mapped above, and not used any more.
    unsafe { libc::munmap(memory, size) };
    Ok(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / PAGES as u64)
}
