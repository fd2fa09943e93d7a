//! Logs on standard error, by level.

use clap::ValueEnum;
use tracing_subscriber::filter::LevelFilter;

/// How much is logged. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stops the server or loses work.
    Error,
    /// What a session did wrong.
    Warn,
    /// Sessions that begin and end.
    Info,
    /// Frames.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Sends this process's logs to standard error. A subscriber that is set already
/// stays.
pub fn init_logging(level: LogLevel) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from(level))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // An error means that the program has its own subscriber: it is used.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
