//! What a call means for the time that a function takes.

/// The function behind a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    /// Its time is part of what is measured.
    Function(u64),
    Indirect,
    /// Takes next to no time: what comes after it and what comes before are the same to an exit probe.
    Brief,
    NeverReturns,
}

/// Runtime functions that do not come back, by prefix (`schedule` and `gogo` go on with another goroutine).
const NEVER_RETURN: [&str; 12] = [
    "runtime.morestack",
    "runtime.panic",
    "runtime.gopanic",
    "runtime.goPanic",
    "runtime.throw",
    "runtime.fatal",
    "runtime.goexit",
    "runtime.gogo",
    "runtime.schedule",
    "runtime.sigpanic",
    "internal/runtime/maps.fatal",
    "internal/runtime/maps.panic",
];

/// Runtime functions that do a small, bounded piece of work, by prefix: the write barrier's buffer, the race
/// detector's shadow stack, an uncontended unlock, a clock, an accumulator.
const BRIEF: [&str; 9] = [
    "runtime.gcWriteBarrier",
    "runtime.wbZero",
    "runtime.wbMove",
    "runtime.racefuncexit",
    "runtime.unlock2",
    "runtime.unlockWithRank",
    "runtime.releasem",
    "runtime.nanotime1",
    "runtime.(*gcCPULimiterState).update",
];

/// `name`: of the function that starts at the target, if one does.
pub(super) fn classify(target: u64, name: Option<&str>) -> Callee {
    let starts_with =
        |prefixes: &[&str]| name.is_some_and(|n| prefixes.iter().any(|p| n.starts_with(p)));
    if starts_with(&NEVER_RETURN) {
        Callee::NeverReturns
    } else if starts_with(&BRIEF) {
        Callee::Brief
    } else {
        Callee::Function(target)
    }
}

/// Whether a function is called from all over the runtime, so that a probe in it would be hit by everything.
pub(super) fn is_shared(name: &str) -> bool {
    name.starts_with("runtime.")
}

/// What a function with open-coded defers calls when a panic was recovered.
pub(super) const DEFER_RETURN: &str = "runtime.deferreturn";
