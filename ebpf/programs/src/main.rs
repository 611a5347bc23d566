//! The BPF programs of slowmap. None of them runs on a map write that is fast, but those of `exact`: they sit on the
//! slow paths of Go's runtime and on the scheduler's events, and what they follow is keyed by process and goroutine,
//! because goroutines change threads.
#![no_std]
#![no_main]
// The BPF target has an atomic add, but not the compare-and-swap that `AtomicU64`'s methods are tied to.
#![allow(internal_features)]
#![feature(core_intrinsics)]

mod assist;
mod deschedule;
mod event;
mod exact;
mod fatal;
mod fault;
mod goroutine;
mod growth;
mod interrupt;
mod labels;
mod life;
mod maps;
mod open_span;
mod pieces;
mod probe;
mod process;
mod registers;
mod requests;
mod spans;
mod stack;
mod stop_world;
mod string_map;
mod switch;

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
