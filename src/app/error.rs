//! Why nothing could be started, under names that alarms and scripts know.

use crate::config::ConfigError;
use crate::notify::WatchError;
use crate::request::RequestError;
use crate::run::StartError;

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The payload is wrong.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The run could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The age of the backup could not be found out.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl AppError {
    /// The name that alarms and scripts know the error by. It never changes.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Config(_) => "ConfigError",
            Self::Request(_) | Self::Start(StartError::Request { .. }) => "RequestError",
            Self::Start(StartError::Source { .. }) => "SourceError",
            Self::Start(StartError::Destination { .. }) | Self::Watch(_) => "DestinationError",
            Self::Start(StartError::AlreadyRunning { .. }) => "AlreadyRunning",
        }
    }

    /// Tells the log of it, by its name.
    pub(crate) fn log(&self) {
        tracing::error!(error_type = self.error_type(), "{self}");
    }
}
