//! How a budget is divided among pairs of probes.

/// The most that each may cost, in budgets, so that all together cost one: the cheap ones keep what they need, the dear
/// ones get equal parts of the rest (max-min fairness). Infinite where all fit.
pub(super) fn fair_share(demands: &[f64]) -> f64 {
    let mut sorted = demands.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut rest = 1.0;
    for (index, demand) in sorted.iter().enumerate() {
        let share = rest / (sorted.len() - index) as f64;
        if *demand > share {
            return share;
        }
        rest -= demand;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::fair_share;

    #[test]
    fn the_dear_ones_divide_what_the_cheap_ones_leave() {
        assert_eq!(fair_share(&[0.125, 40.0, 0.25]), 0.625);
        assert_eq!(fair_share(&[2.0, 3.0]), 0.5);
        assert_eq!(fair_share(&[1.0]), f64::INFINITY);
        assert_eq!(fair_share(&[]), f64::INFINITY);
    }
}
