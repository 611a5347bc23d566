//! In: a metric over time, such as a service's P99, and the slow writes of that service. Out: its spikes, what the writes
//! explain of each, and what chance would. It never reads a clock, a file or the network, takes no coincidence
//! for a cause without saying how likely it is, and counts what was not the map's own work (GC assist, a stopped world,
//! a lost CPU) for no explanation.

mod chance;
mod spikes;
mod text;
mod verdict;
mod writes;

pub use self::{
    spikes::{Point, Unit},
    text::text,
    verdict::{Asked, Clock, Explanation, Gap, Known, Unexplainable, explain},
    writes::SlowWrites,
};
