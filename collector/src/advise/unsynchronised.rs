//! A map that goroutines share without a lock. Go says so itself, and ends the program: it finds a mark in the map that another
//! goroutine is writing. What grows for long has that mark for long, so it is most likely to be found then.

use std::collections::BTreeMap;

use super::site::Site;
use crate::model::{
    advice::{Advice, Confidence},
    collision::Collision,
    frame::Frame,
    recorded::RecordedWrite,
    summary::Summary,
    units::Nanos,
};

/// Collisions that are told of one by one at a line; they are alike.
const TOLD: usize = 3;

#[derive(Debug, Default)]
pub struct Unsynchronised(Vec<Collided>);

#[derive(Debug)]
struct Collided {
    collision: Collision,
    /// By goroutine: what others did to the same map.
    others: BTreeMap<u64, Growths>,
}

/// Slow growths of a map in one goroutine.
#[derive(Debug, Default)]
struct Growths {
    count: u64,
    nano: u64,
    longest: u64,
    /// Where that was.
    site: String,
}

impl Unsynchronised {
    pub fn of(summary: Option<&Summary>) -> Self {
        let collisions = summary.map_or(&[][..], |summary| &summary.collisions);
        let collided = |collision: &Collision| Collided {
            collision: collision.clone(),
            others: BTreeMap::new(),
        };
        Self(collisions.iter().map(collided).collect())
    }

    pub fn add(&mut self, write: &RecordedWrite) {
        for collided in &mut self.0 {
            collided.add(write);
        }
    }

    pub fn advice(self) -> Vec<Advice> {
        let mut sites: BTreeMap<String, Vec<Collided>> = BTreeMap::new();
        for collided in self.0 {
            let line = collided.collision.callers().first();
            let line = line.map_or_else(|| "(not known)".to_owned(), Frame::text);
            sites.entry(line).or_default().push(collided);
        }
        sites.into_iter().map(advice).collect()
    }
}

impl Collided {
    fn add(&mut self, write: &RecordedWrite) {
        let of = &self.collision;
        let (Some(address), Some(goid)) = (write.map_address, write.goid) else {
            return;
        };
        if write.process() != (of.recording, of.pid)
            || of.map_address != Some(address)
            || goid == of.goid
        {
            return;
        }
        let growths = self.others.entry(goid).or_default();
        growths.count += 1;
        growths.nano = growths.nano.saturating_add(write.duration_nano);
        if write.duration_nano >= growths.longest {
            growths.longest = write.duration_nano;
            growths.site = Site::of(write).map(|site| site.text()).unwrap_or_default();
        }
    }

    fn evidence(&self) -> Vec<String> {
        let of = &self.collision;
        let service = of.service_name.as_deref();
        let service = service.map_or(String::new(), |name| format!(" ({name})"));
        let mut evidence = vec![format!(
            "Go ended process {}{service} by \"{}\": its goroutine {} came upon a map that another one was writing to, in {}.",
            of.pid,
            of.message,
            of.goid,
            listed(of.callers())
        )];
        if let Some(growing) = &of.growing {
            evidence.push(format!(
                "The same map had been growing for {} in goroutine {} then, in {}.",
                Nanos(growing.nano),
                growing.goid,
                listed(growing.callers())
            ));
        }
        if let Some((goid, most)) = self.others.iter().max_by_key(|(_, growths)| growths.nano) {
            evidence.push(format!(
                "Goroutine {goid} had the same map grow in {} slow writes, for {} at most, in {}.",
                most.count,
                Nanos(most.longest),
                most.site
            ));
        }
        evidence
    }

    fn nano(&self) -> u64 {
        let nanos = self.others.values().map(|growths| growths.nano);
        nanos.fold(0, u64::saturating_add)
    }
}

fn advice((line, collided): (String, Vec<Collided>)) -> Advice {
    let mut evidence: Vec<String> = collided
        .iter()
        .take(TOLD)
        .flat_map(Collided::evidence)
        .collect();
    if let Some(more @ 1..) = collided.len().checked_sub(TOLD) {
        evidence.push(format!("So it was {more} times more."));
    }
    let nanos = collided.iter().map(Collided::nano);
    Advice {
        rule: "unsynchronised",
        advice: "This map is shared without a lock, for which Go ends the program: guard each read and write of it by a \
                 sync.Mutex or sync.RWMutex, or use a sync.Map."
            .into(),
        subject: line,
        evidence,
        // It is no conclusion: Go has seen it.
        confidence: Confidence::High,
        nano: nanos.fold(0, u64::saturating_add),
    }
}

/// A stack without what the runtime starts goroutines with.
fn listed(callers: &[Frame]) -> String {
    let named = |frame: &&Frame| {
        let function = frame.function.as_deref();
        !function.is_some_and(|name| name.starts_with("runtime."))
    };
    let lines: Vec<String> = callers.iter().filter(named).map(Frame::text).collect();
    match lines.is_empty() {
        true => "a function that is not known".to_owned(),
        false => lines.join(", called by "),
    }
}
