//! Probes on every map write, for the modes that follow writes as a whole: attached for a while, with a window in which
//! a write has to begin to be counted, and the histograms that the kernel side keeps of them.

use aya::{
    Ebpf, Pod,
    maps::{HashMap as BpfHashMap, MapData},
};
use slowmap_abi::{HISTOGRAM_BUCKETS, WriteHistogram, WriteWindow, WriterKey};

use super::{AttachError, Programs, WriteCost, calibrate_writes, in_flight, in_flight::Flight};
use crate::model::{
    histogram::Histogram,
    plan::{ProbePair, ProbePlan},
    process::Pid,
    time::Ktime,
};

/// Writes by one function of the runtime, called from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Index in `ProbePlan::map_assign`.
    pub function: usize,
    /// Return address at run time; `None`: not told apart.
    pub caller: Option<u64>,
    pub durations: Histogram,
}

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct WriterEntry(pub WriterKey);

// SAFETY: `repr(C)`, integers without padding: 4 + 4 + 8 bytes.
unsafe impl Pod for WriterEntry {}

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct HistogramEntry(pub WriteHistogram);

// SAFETY: `repr(C)`, of 8-byte integers only.
unsafe impl Pod for HistogramEntry {}

impl Programs {
    /// Gets ready for the probes on every write of a process that [`Programs::attach`] knows: [`Programs::arm`] puts
    /// them in and [`Programs::disarm`] takes them out, as [`ProbePair::Write`]. No write counts before
    /// [`Programs::follow_writes`].
    ///
    /// # Errors
    /// The process is not attached to, there are too many probes, or the kernel has no memory for their counts.
    pub fn add_writes(&mut self, pid: Pid, plan: &ProbePlan) -> Result<(), AttachError> {
        for probe in &plan.writes.probes {
            self.make_room(pid, probe.writer.unwrap_or(0))?;
            self.add(pid, probe)?;
        }
        if let Some(attached) = self.attached.get_mut(&pid) {
            let out = attached.unarmed.entry(ProbePair::Write).or_default();
            out.begin(attached.since);
        }
        Ok(())
    }

    /// Writes without a known caller have their histogram from the start, so that a full table loses no write.
    fn make_room(&mut self, pid: Pid, function: u8) -> Result<(), AttachError> {
        let key = WriterEntry(WriterKey {
            pid: pid.0,
            function: u32::from(function),
            caller: 0,
        });
        let mut writers = writers(&mut self.ebpf)?;
        if writers.get(&key, 0).is_ok() {
            return Ok(());
        }
        let nothing = WriteHistogram {
            sum: 0,
            max: 0,
            buckets: [0; HISTOGRAM_BUCKETS],
        };
        writers
            .insert(key, HistogramEntry(nothing), 0)
            .map_err(AttachError::map)
    }

    /// From now on the writes that begin in `[from, until)` count.
    ///
    /// # Errors
    /// The process is not attached to, or the kernel does not take the target's entry.
    pub fn follow_writes(
        &mut self,
        pid: Pid,
        from: Ktime,
        until: Ktime,
    ) -> Result<(), AttachError> {
        let (overhead, hit) = self
            .write_cost
            .map_or((0, 0), |cost| (cost.overhead, cost.hit));
        let Some(attached) = self.attached.get_mut(&pid) else {
            return Err(AttachError::Gone(pid));
        };
        attached.entry.0.writes = WriteWindow {
            from: from.0,
            until: until.0,
            overhead,
            hit,
        };
        let entry = attached.entry;
        self.targets()?
            .insert(u64::from(pid.0), entry, 0)
            .map_err(AttachError::map)
    }

    /// Whether writes that count are in flight now.
    pub fn writes_are_in_flight(&mut self, pid: Pid) -> bool {
        let Some(flights) = in_flight::table::<in_flight::Key, Flight>(&mut self.ebpf, "IN_FLIGHT")
        else {
            return false;
        };
        let mut entries = flights.iter().filter_map(Result::ok);
        entries.any(|(key, flight)| key.0.pid == u64::from(pid.0) && flight.0.write_start != 0)
    }

    /// Forgets the writes in flight that began before `before`: they panicked, or their goroutine has ended. Returns how
    /// many there were.
    pub fn abandon_writes(&mut self, pid: Pid, before: Ktime) -> u64 {
        in_flight::remove_flights(&mut self.ebpf, pid, |flight| {
            flight.write_start != 0 && flight.write_start < before.0
        })
    }

    /// What was counted of a process since the probes on its writes were attached first, or since
    /// [`Programs::forget_writers`].
    pub fn writers(&mut self, pid: Pid) -> Vec<Writer> {
        let Ok(writers) = writers(&mut self.ebpf) else {
            return Vec::new();
        };
        let keys = writers.keys().filter_map(Result::ok);
        let own: Vec<WriterKey> = keys
            .map(|key| key.0)
            .filter(|key| key.pid == pid.0)
            .collect();
        let read = |key: WriterKey| {
            let histogram = writers.get(&WriterEntry(key), 0).ok()?.0;
            Some(Writer {
                function: usize::try_from(key.function).ok()?,
                caller: (key.caller != 0).then_some(key.caller),
                durations: Histogram::new(&histogram.buckets, histogram.sum, histogram.max),
            })
        };
        own.into_iter().filter_map(read).collect()
    }

    /// What the probes on every write add by now: it changes with what else the machine does. To be called when no
    /// process is attached to. `None`: it could not be measured.
    pub fn measure_write_cost(&mut self) -> Option<WriteCost> {
        let before = self.counts().writes_begun;
        let cost = calibrate_writes::measure(&self.uprobes, &mut self.ebpf, self.hit_cost)
            .inspect_err(|error| tracing::warn!(%error, "the correction could not be checked"))
            .ok();
        self.calibrated_writes += self.counts().writes_begun - before;
        cost
    }

    /// Makes room for other writers. To be called while no probe on every write is attached.
    pub fn forget_writers(&mut self, pid: Pid) {
        forget(&mut self.ebpf, pid);
    }
}

pub(super) fn writers(
    ebpf: &mut Ebpf,
) -> Result<BpfHashMap<&mut MapData, WriterEntry, HistogramEntry>, AttachError> {
    let map = ebpf
        .map_mut("WRITERS")
        .ok_or(AttachError::Object("WRITERS"))?;
    BpfHashMap::try_from(map).map_err(AttachError::map)
}

pub(super) fn forget(ebpf: &mut Ebpf, pid: Pid) {
    let Ok(mut writers) = writers(ebpf) else {
        return;
    };
    let keys: Vec<WriterEntry> = writers
        .keys()
        .filter_map(Result::ok)
        .filter(|key| key.0.pid == pid.0)
        .collect();
    for key in keys {
        let _ = writers.remove(&key);
    }
}
