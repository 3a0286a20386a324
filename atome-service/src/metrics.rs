//! Figures: what is counted while the program works, and how it is told to Prometheus.
//!
//! Source: Prometheus exposition formats, text format 0.0.4. Units are seconds and bytes, counters end in
//! `_total`, as Prometheus asks for.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The content type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of a histogram's buckets, in microseconds: half a millisecond, which a write takes on a good
/// disk, to ten seconds, at which people and time limits give up.
const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// What only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Counts some.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Holds some until the answer is dropped.
    #[must_use]
    pub fn hold(&self, some: u64) -> Held<'_> {
        self.enter(some);
        Held { gauge: self, some }
    }

    /// There are some more.
    pub fn enter(&self, some: u64) {
        self.0.fetch_add(some, Relaxed);
    }

    /// There are some less, of those that entered.
    pub fn leave(&self, some: u64) {
        self.0.fetch_sub(some, Relaxed);
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A part of a gauge, for as long as it lives.
#[derive(Debug)]
pub struct Held<'a> {
    gauge: &'a Gauge,
    some: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gauge.leave(self.some);
    }
}

/// How long something takes.
#[derive(Debug, Default)]
pub struct Histogram {
    /// How many took no longer than each bound, and longer than the one before; the last took longer.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts what began then and is over now.
    pub fn since(&self, began: Instant) {
        self.observe(began.elapsed());
    }

    /// Counts what took so long.
    pub fn observe(&self, duration: Duration) {
        let took_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound_us| took_us <= *bound_us);
        let bucket = self.buckets.get(bucket.unwrap_or(BOUNDS_US.len()));
        // There is one bucket more than there are bounds.
        if let Some(bucket) = bucket {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(took_us, Relaxed);
    }
}

/// The types of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the program's start on.
    Counter,
    /// Is what it is now.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page of figures in Prometheus' text format.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a figure; its samples follow.
    pub fn figure(&mut self, name: &'static str, kind: Kind, help: &str) -> Samples<'_> {
        let kind = kind.as_str();
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        Samples { page: self, name }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The samples of one figure.
#[derive(Debug)]
pub struct Samples<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Samples<'_> {
    /// The only sample.
    pub fn is(&mut self, value: impl Display) {
        self.of(&[], value);
    }

    /// A sample with labels.
    pub fn of(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample("", labels, value);
    }

    /// The samples of a histogram.
    pub fn of_histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut count = 0;
        let bounds = BOUNDS_US.iter().map(|us| seconds(*us).to_string());
        for (bucket, bound) in histogram
            .buckets
            .iter()
            .zip(bounds.chain(["+Inf".to_owned()]))
        {
            count += bucket.load(Relaxed);
            let labels = [labels, &[("le", bound.as_str())]].concat();
            self.sample("_bucket", &labels, count);
        }
        let sum_us = histogram.sum_us.load(Relaxed);
        self.sample("_sum", labels, seconds(sum_us));
        self.sample("_count", labels, count);
    }

    fn sample(&mut self, part: &str, labels: &[(&str, &str)], value: impl Display) {
        let name = self.name;
        let mut text = String::new();
        for (label, value) in labels {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{comma}{label}=\"{}\"", escape(value));
        }
        if text.is_empty() {
            self.page.line(format_args!("{name}{part} {value}"));
        } else {
            self.page
                .line(format_args!("{name}{part}{{{text}}} {value}"));
        }
    }
}

/// Microseconds in Prometheus' unit of time.
#[must_use]
pub fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let (counter, gauge, histogram) =
            (Counter::default(), Gauge::default(), Histogram::default());
        counter.add(3);
        let held = gauge.hold(5);
        histogram.observe(Duration::from_micros(500));
        histogram.observe(Duration::from_millis(2));
        histogram.observe(Duration::from_secs(60));
        let mut page = Page::default();
        page.figure("a_total", Kind::Counter, "Threes.")
            .is(counter.get());
        let mut b = page.figure("b", Kind::Gauge, "Fives.");
        b.of(&[("x", "a\"b\\c\nd"), ("y", "z")], gauge.get());
        drop(held);
        b.is(gauge.get());
        page.figure("c_seconds", Kind::Histogram, "Times.")
            .of_histogram(&[("d", "e")], &histogram);
        let text = page.into_text();
        let begins = "# HELP a_total Threes.\n# TYPE a_total counter\na_total 3\n\
                      # HELP b Fives.\n# TYPE b gauge\nb{x=\"a\\\"b\\\\c\\nd\",y=\"z\"} 5\nb 0\n\
                      # HELP c_seconds Times.\n# TYPE c_seconds histogram\n\
                      c_seconds_bucket{d=\"e\",le=\"0.0005\"} 1\nc_seconds_bucket{d=\"e\",le=\"0.001\"} 1\n\
                      c_seconds_bucket{d=\"e\",le=\"0.0025\"} 2\n";
        assert_eq!(text.get(..begins.len()), Some(begins), "{text}");
        let ends = "c_seconds_bucket{d=\"e\",le=\"10\"} 2\nc_seconds_bucket{d=\"e\",le=\"+Inf\"} 3\n\
                    c_seconds_sum{d=\"e\"} 60.0025\nc_seconds_count{d=\"e\"} 3\n";
        assert!(text.ends_with(ends), "{text}");
    }
}
