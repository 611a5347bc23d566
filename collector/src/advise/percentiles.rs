//! What is usual and what is not among some numbers.

/// P50 and P90; zeros where there are no numbers.
pub fn usual_and_most(mut numbers: Vec<u64>) -> (u64, u64) {
    numbers.sort_unstable();
    let at = |percent: usize| {
        let index = numbers.len().saturating_sub(1) * percent / 100;
        numbers.get(index).copied().unwrap_or(0)
    };
    (at(50), at(90))
}
