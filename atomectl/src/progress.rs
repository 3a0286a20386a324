//! Progress bars: on standard error, on a terminal, and only where a person wants them.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Makes bars that are drawn, or bars that are not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    watched: bool,
}

impl Progress {
    pub(crate) fn new(watched: bool) -> Self {
        Self { watched }
    }

    /// Whether anybody sees the bars.
    pub(crate) fn watched(self) -> bool {
        self.watched
    }

    /// A bar of so many of something.
    pub(crate) fn count(self, what: &'static str, total: u64) -> ProgressBar {
        let bar = self.bar(
            Some(total),
            "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
        );
        bar.with_message(what)
    }

    /// A bar of so many bytes.
    pub(crate) fn bytes(self, what: &'static str, total: u64) -> ProgressBar {
        let bar = self.bar(
            Some(total),
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        );
        bar.with_message(what)
    }

    /// A bar for what has no known end.
    pub(crate) fn spinner(self, what: &'static str) -> ProgressBar {
        let bar = self.bar(None, "{spinner} {msg} {elapsed}");
        if self.watched {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar.with_message(what)
    }

    fn bar(self, total: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.watched {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(total, target).with_style(style)
    }
}
