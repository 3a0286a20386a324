//! Progress bars: on standard error, on a terminal, and only where a person wants them.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

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
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        bar.with_style(counting()).with_message(what)
    }

    /// A bar of so many bytes.
    pub(crate) fn bytes(self, what: &'static str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        bar.with_style(style(template)).with_message(what)
    }

    /// A bar for what has no known end; [`show_count`] gives it one.
    pub(crate) fn spinner(self, what: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, self.target());
        if self.watched {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar.with_style(spinning()).with_message(what)
    }

    fn target(self) -> ProgressDrawTarget {
        if self.watched {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        }
    }
}

/// Lets a spinner show how many of how many.
pub(crate) fn show_count(bar: &ProgressBar, what: &'static str, done: u64, total: u64) {
    bar.set_style(counting());
    bar.set_length(total);
    bar.set_position(done);
    bar.set_message(what);
}

/// Lets a spinner show words only.
pub(crate) fn show_words(bar: &ProgressBar, words: String) {
    bar.set_style(spinning());
    bar.set_message(words);
}

fn counting() -> ProgressStyle {
    style("{msg} {wide_bar} {human_pos}/{human_len} {rate} {eta}").with_key(
        "rate",
        |state: &ProgressState, text: &mut dyn Write| {
            // A rate that cannot be written is not shown.
            let _ = write!(text, "{:.0}/s", state.per_sec());
        },
    )
}

fn spinning() -> ProgressStyle {
    style("{spinner} {msg} {elapsed}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
