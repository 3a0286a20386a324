//! One line of the table: a figure, the limit beside it, the bar.

use serde::Serialize;

use crate::samples::Samples;

/// What a figure must be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    /// At least so many times the limit.
    RatioAtLeast(f64),
    /// At most so many times the limit.
    RatioAtMost(f64),
    /// At most this, in the figure's own unit.
    AtMost(f64),
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The workload's name.
    pub(crate) workload: String,
    /// What was measured.
    pub(crate) what: String,
    /// The unit of figure, limit and samples.
    pub(crate) unit: &'static str,
    /// Ours.
    pub(crate) figure: f64,
    /// The limit of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<f64>,
    /// What the figure must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bar: Option<Bar>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
    /// Every measurement that the figure is made of.
    pub(crate) samples: Vec<f64>,
    /// The same of the limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limit_samples: Vec<f64>,
}

impl Row {
    /// The median of samples.
    pub(crate) fn of(workload: &str, what: &str, unit: &'static str, samples: &Samples) -> Self {
        Self {
            workload: workload.to_owned(),
            what: what.to_owned(),
            unit,
            figure: samples.median(),
            limit: None,
            bar: None,
            met: None,
            samples: samples.0.clone(),
            limit_samples: Vec::new(),
        }
    }

    /// One value that was measured once.
    pub(crate) fn once(workload: &str, what: &str, unit: &'static str, figure: f64) -> Self {
        Self::of(workload, what, unit, &Samples(vec![figure]))
    }

    /// A quantile of the samples in the median's place.
    pub(crate) fn quantile(mut self, part: f64) -> Self {
        self.figure = Samples(self.samples.clone()).quantile(part);
        self
    }

    /// The limit, by the median of its samples.
    pub(crate) fn beside(mut self, limit: &Samples) -> Self {
        self.limit = Some(limit.median());
        self.limit_samples.clone_from(&limit.0);
        self
    }

    /// What the figure must be.
    pub(crate) fn bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self.met = match (bar, self.ratio()) {
            (Bar::RatioAtLeast(least), Some(ratio)) => Some(ratio >= least),
            (Bar::RatioAtMost(most), Some(ratio)) => Some(ratio <= most),
            (Bar::AtMost(most), _) => Some(self.figure <= most),
            (Bar::RatioAtLeast(_) | Bar::RatioAtMost(_), None) => None,
        };
        self
    }

    /// The figure by the limit.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.limit.map(|limit| self.figure / limit)
    }
}
