//! What the kernel side has counted: hits of probes, and what it could not take.

use std::collections::BTreeMap;

use aya::{
    Ebpf, Pod,
    maps::{MapData, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use slowmap_abi::Counter;

use super::{AttachError, AttachedProbe, Programs};
use crate::model::plan::{PlannedProbe, ProbePair, ProbeRole};

/// What the kernel side could not take, since loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelCounts {
    pub emitted: u64,
    pub ring_full: u64,
    pub in_flight_full: u64,
    pub wait_table_full: u64,
    pub wait_end_missed: u64,
    /// Whole writes that began to be followed.
    pub writes_begun: u64,
    /// Those whose caller was not told apart.
    pub writers_full: u64,
}

/// How often a probe was hit, and what that cost its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    pub count: u64,
    /// `None`: what a hit costs was not measured.
    pub cost_nano: Option<u64>,
}

impl Hits {
    pub(super) fn add(&mut self, other: Hits) {
        self.count += other.count;
        self.cost_nano = match (self.cost_nano, other.cost_nano) {
            (Some(own), Some(others)) => Some(own.saturating_add(others)),
            (own, others) => own.or(others),
        };
    }
}

impl Programs {
    /// How often each probe was hit and what that cost, those that are detached included.
    pub fn hits(&self) -> BTreeMap<(String, ProbeRole), Hits> {
        let mut hits = self.past_hits.clone();
        for probe in self.attached.values().flat_map(|attached| &attached.probes) {
            let PlannedProbe { function, role, .. } = &probe.planned;
            let all = hits.entry((function.clone(), *role));
            all.or_default().add(self.use_of(probe));
        }
        hits
    }

    pub(super) fn use_of(&self, probe: &AttachedProbe) -> Hits {
        let count = self.hits_of(probe.number);
        let cost = match self.write_cost {
            Some(cost) if probe.planned.role.pair() == ProbePair::Write => Some(cost.per_write / 2),
            _ => self.hit_cost.map(|cost| cost.of(probe.planned.site.cost)),
        };
        Hits {
            count,
            cost_nano: cost.map(|cost| cost.saturating_mul(count)),
        }
    }

    /// What was emitted and lost.
    pub fn counts(&self) -> KernelCounts {
        let of = |counter: Counter| sum(&self.ebpf, "COUNTERS", counter as u32);
        KernelCounts {
            emitted: of(Counter::Emitted),
            ring_full: of(Counter::RingFull),
            in_flight_full: of(Counter::InFlightFull),
            wait_table_full: of(Counter::WaitTableFull),
            wait_end_missed: of(Counter::WaitEndMissed),
            writes_begun: of(Counter::WritesBegun).saturating_sub(self.calibrated_writes),
            writers_full: of(Counter::WritersFull),
        }
    }

    pub(super) fn hits_of(&self, number: u32) -> u64 {
        hits(&self.ebpf, number)
    }

    pub(super) fn forget_hits(&mut self, number: u32) -> Result<(), AttachError> {
        set_on_all_cpus(&mut self.ebpf, "HITS", number, 0_u64)
    }
}

/// Of the probe with that number.
pub(super) fn hits(ebpf: &Ebpf, number: u32) -> u64 {
    sum(ebpf, "HITS", number)
}

/// Of a counter on all CPUs.
fn sum(ebpf: &Ebpf, name: &str, index: u32) -> u64 {
    let array = ebpf.map(name).map(PerCpuArray::<&MapData, u64>::try_from);
    let values = array.and_then(|array| array.ok()?.get(&index, 0).ok());
    values.map_or(0, |values| values.iter().sum())
}

pub(super) fn set_on_all_cpus<V: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    index: u32,
    value: V,
) -> Result<(), AttachError> {
    let map = ebpf.map_mut(name).ok_or(AttachError::Object(name))?;
    let mut array: PerCpuArray<&mut MapData, V> =
        PerCpuArray::try_from(map).map_err(AttachError::map)?;
    let cpus = nr_cpus().map_err(|(_, error)| AttachError::Load(error.to_string()))?;
    let values = PerCpuValues::try_from(vec![value; cpus])
        .map_err(|error| AttachError::Load(error.to_string()))?;
    array.set(index, values, 0).map_err(AttachError::map)
}
