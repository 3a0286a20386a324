//! The log: to standard error, as lines or as JSON.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// What libraries may say: at lower levels they show what they carry, which may be secret.
const OTHERS: &str = "hyper=warn,mio=warn,rustls=warn,tokio_tungstenite=warn,tungstenite=warn";

/// Sets up the log of this process; a second call changes nothing.
///
/// The journal keeps times of its own, so that lines for it carry none.
pub fn start(log: &Log) {
    let filter = EnvFilter::new(format!("{},{OTHERS}", log.level));
    let builder = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(false);
    let started = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            builder.without_time().try_init()
        }
        LogFormat::Text => builder.try_init(),
    };
    drop(started);
}
