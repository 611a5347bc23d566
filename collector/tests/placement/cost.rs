//! What the probes on every write cost, beside those of a tracer that does not look at the code.

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use slowmap::{
    attach::{AgentNamespace, Programs},
    discover, examine,
    model::{
        plan::{ProbePair, ProbePlan},
        process::Pid,
        time::Ktime,
    },
};

use crate::{
    SWISS,
    go_binary::GoExecutable,
    target::Target,
    uprobes::{self, Uprobes},
};

/// Of each of four goroutines, to each of five maps.
const ENTRIES: usize = 10_000;
/// Of each measurement the shortest counts, since whatever else the machine does only adds: so there are as many rounds
/// as it takes, up to this.
const ROUNDS: usize = 8;

/// slowmap with its programs for whole writes, on one target.
struct Slowmap<'a> {
    programs: Programs,
    target: Pid,
    executable: &'a Path,
    plan: &'a ProbePlan,
}

impl Slowmap<'_> {
    /// Follows all writes while `work` is done.
    fn follow<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let Self { programs, .. } = self;
        programs
            .attach(self.target, self.executable, self.plan, 0, 1_000_000_000)
            .unwrap();
        programs.add_writes(self.target, self.plan).unwrap();
        programs.arm(self.target, ProbePair::Write).unwrap();
        programs
            .follow_writes(self.target, Ktime(0), Ktime(u64::MAX))
            .unwrap();
        let done = work();
        programs.detach(self.target);
        done
    }
}

#[test]
fn a_write_that_slowmap_follows_costs_at_most_a_tenth_of_what_entry_and_return_cost() {
    if !uprobes::required() {
        return;
    }
    // A file of its own: others that run it would be slowed down as well.
    let binary = GoExecutable::build_with(SWISS, "cost", &[]);
    let plan = examine::examine(&binary.path, &binary.path, None)
        .unwrap()
        .1;
    let plan = plan.unwrap();
    let writers = plan.map_assign.iter();
    let naive: Vec<_> = writers
        .flat_map(|(name, ..)| binary.naive_sites(name))
        .collect();
    let mut target = Target::start(&binary.path);
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap();
    let namespace = AgentNamespace {
        device: namespace.dev(),
        inode: namespace.ino(),
    };
    let mut slowmap = Slowmap {
        programs: Programs::load(namespace, discover::page_faults, true).unwrap(),
        target: Pid(target.pid()),
        executable: &binary.path,
        plan: &plan,
    };
    let mut least = [Duration::MAX; 3];
    for round in 1..=ROUNDS {
        let mut fill = || {
            let begin = Instant::now();
            target.fill(ENTRIES);
            begin.elapsed()
        };
        let without = fill();
        let followed = slowmap.follow(&mut fill);
        let probes = Uprobes::attach(&binary.path, &naive);
        let traced = fill();
        drop(probes);
        for (least, took) in least.iter_mut().zip([without, followed, traced]) {
            *least = (*least).min(took);
        }
        let begun = slowmap.programs.counts().writes_begun;
        assert!(begun >= (round * 4 * 5 * ENTRIES) as u64, "{begun} writes");
        let [followed, traced] = added(least);
        println!(
            "{:?}; {followed:?} more with slowmap, {traced:?} by entry and return",
            least[0]
        );
        if followed * 10 <= traced {
            return;
        }
    }
    panic!("slowmap's share is more than a tenth");
}

/// What following and tracing add.
fn added([without, followed, traced]: [Duration; 3]) -> [Duration; 2] {
    [followed, traced].map(|time| time.saturating_sub(without))
}
