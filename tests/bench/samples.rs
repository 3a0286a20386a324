//! Samples, and what they come to.

/// Measurements of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    /// The one in the middle; none of none.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The one that so many, from 0 to 1, are no greater than; not a number where there are none.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        // The few values that a count can have stay whole in a float.
        let place = (0..=last).find(|place| *place as f64 >= last as f64 * part);
        let found = place.and_then(|place| sorted.get(place));
        found.copied().unwrap_or(f64::NAN)
    }
}
