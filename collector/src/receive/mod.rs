//! In: the ring buffers. Out: the programs' events, in the order in which they were written, and the processes that began
//! or ended. It copies each out at once, so that the programs find room again; it never blocks.

mod events;
mod lives;

pub use self::{
    events::{Events, Pressing},
    lives::Lives,
};
