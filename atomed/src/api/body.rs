//! Bodies of requests: read whole, within limits of length, time and memory.

use std::sync::Arc;
use std::time::Duration;

use atome_proto::limit::LOCAL_BODY_LEN_MAX;
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a body may take.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Memory for all bodies at once, in units of [`UNIT_LEN`]: four of the greatest.
const UNITS: u32 = 1024;
/// 64 KiB.
const UNIT_LEN: usize = 64 << 10;

/// The memory that bodies share; who finds none waits, and whoever asks too slowly does not wait for ever.
#[derive(Clone, Debug)]
pub(super) struct BodyBudget(Arc<Semaphore>);

impl Default for BodyBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNITS as usize)))
    }
}

/// A body, and the memory that it takes from the budget while it is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl BodyBudget {
    /// Reads a body whole.
    pub(super) async fn read(&self, body: Incoming) -> Result<Held, Problem> {
        match timeout(READ_TIMEOUT, self.read_whole(body)).await {
            Ok(read) => read,
            Err(_) => Err(Problem::new(
                Code::TimedOut,
                format!("the body did not come within {} s", READ_TIMEOUT.as_secs()),
            )),
        }
    }

    async fn read_whole(&self, body: Incoming) -> Result<Held, Problem> {
        let most =
            usize::try_from(body.size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        if most > LOCAL_BODY_LEN_MAX && body.size_hint().exact().is_some() {
            return Err(too_large());
        }
        let units = most.min(LOCAL_BODY_LEN_MAX).div_ceil(UNIT_LEN);
        let units = u32::try_from(units).unwrap_or(UNITS).min(UNITS);
        let memory = Arc::clone(&self.0)
            .acquire_many_owned(units)
            .await
            .map_err(|_| Problem::new(Code::Stopping, "the daemon is stopping"))?;
        let bytes = Limited::new(body, LOCAL_BODY_LEN_MAX)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    too_large()
                } else {
                    Problem::new(Code::BadRequest, format!("the body broke off: {error}"))
                }
            })?
            .to_bytes();
        Ok(Held {
            bytes,
            _memory: memory,
        })
    }

    /// Reads a JSON document.
    pub(super) async fn json<T: DeserializeOwned>(&self, body: Incoming) -> Result<T, Problem> {
        read_json(&self.read(body).await?.bytes)
    }

    /// Reads a JSON document; no body at all is the default.
    pub(super) async fn json_or_default<T: DeserializeOwned + Default>(
        &self,
        body: Incoming,
    ) -> Result<T, Problem> {
        let held = self.read(body).await?;
        if held.bytes.is_empty() {
            return Ok(T::default());
        }
        read_json(&held.bytes)
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => Code::BadData,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Code::BadRequest,
        };
        Problem::new(code, format!("the body cannot be read: {error}"))
    })
}

fn too_large() -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("the body is longer than {LOCAL_BODY_LEN_MAX} bytes"),
    )
    .hint("send it in several requests")
}
