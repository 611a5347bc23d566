//! What was measured several times: the median, and how far the single measurements lie apart.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub measurements: usize,
}

impl Figure {
    /// `None` of nothing: what was not measured is no figure. Values that are no numbers do not count.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            measurements: sorted.len(),
        })
    }
}

/// Of values in ascending order, by linear interpolation between the two nearest.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = q * (sorted.len().checked_sub(1)?) as f64;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

/// Figures by the names that they have in the JSON; the unit ends the name.
pub type Figures = BTreeMap<&'static str, Figure>;

/// Measurements by the same names, a round after the other.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Vec<f64>>);

impl Samples {
    pub fn add(&mut self, name: &'static str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.0.entry(name).or_default().push(value);
        }
    }

    /// Adds by how many percent `with` is more than `without`.
    pub fn add_increase(&mut self, name: &'static str, without: Option<f64>, with: Option<f64>) {
        let increase = without.zip(with).map(|(a, b)| (b / a - 1.0) * 100.0);
        self.add(name, increase);
    }

    pub fn figures(&self) -> Figures {
        let figure =
            |(name, values): (&&'static str, &Vec<f64>)| Some((*name, Figure::of(values)?));
        self.0.iter().filter_map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let figure = Figure::of(&[4.0, 1.0, 3.0, 2.0]).expect("a figure");
        assert_eq!((figure.median, figure.min, figure.max), (2.5, 1.0, 4.0));
        assert_eq!(Figure::of(&[7.0, 1.0, 2.0]).map(|f| f.median), Some(2.0));
        assert_eq!(Figure::of(&[5.0]).map(|f| f.median), Some(5.0));
    }

    #[test]
    fn nothing_measured_is_no_figure_and_not_zero() {
        assert_eq!(Figure::of(&[]), None);
        assert_eq!(Figure::of(&[f64::NAN]), None);
        let mut samples = Samples::default();
        samples.add("absent", None);
        samples.add_increase("increase_of_nothing", None, Some(1.0));
        assert!(samples.figures().is_empty());
    }

    #[test]
    fn quantiles_lie_between_the_values_around_them() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn an_increase_is_told_in_percent_and_a_decrease_is_negative() {
        let mut samples = Samples::default();
        samples.add_increase("change", Some(200.0), Some(210.0));
        samples.add_increase("change", Some(200.0), Some(190.0));
        let figure = samples.figures()["change"];
        assert!((figure.max - 5.0).abs() < 1e-9 && (figure.min + 5.0).abs() < 1e-9);
    }
}
