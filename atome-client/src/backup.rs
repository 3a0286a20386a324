//! Backups: a whole store as one file, part by part.

use std::convert::Infallible;

use atome_proto::local::v1::AccountView;
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::mpsc;

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;

/// A backup that comes.
#[derive(Debug)]
pub struct Backup {
    body: Incoming,
    len: u64,
    client: Client,
}

impl Backup {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none, which no backup has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next part; `None` after the last one. Whoever has read up to there has all of it.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoDaemon`] where it breaks off.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| self.client.broken(&error))?;
            if let Ok(part) = frame.into_data() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

impl Client {
    /// Asks for a consistent copy of the account's store as it is now.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no daemon, the daemon's problem.
    pub async fn backup(&self) -> Result<Backup, ClientError> {
        let call = self
            .of_account(Call::new(Method::GET, &["backup"]))
            .endless();
        let body = self.open(call).await?;
        let len = body.size_hint().exact();
        let len =
            len.ok_or_else(|| ClientError::Protocol("a backup without a length".to_owned()))?;
        Ok(Backup {
            body,
            len,
            client: self.clone(),
        })
    }

    /// Puts a backup of `len` bytes back, whose parts come over `parts`; the account that it is of.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no daemon, the daemon's problem.
    pub async fn restore_backup(
        &self,
        len: u64,
        mut parts: mpsc::Receiver<Bytes>,
    ) -> Result<AccountView, ClientError> {
        let call = Call::post(&["restore-backup"]);
        let frames = futures_util::stream::poll_fn(move |cx| {
            parts
                .poll_recv(cx)
                .map(|part| part.map(|part| Ok::<_, Infallible>(Frame::data(part))))
        });
        let mut request = call.into_request()?.map(|_| StreamBody::new(frames));
        request.headers_mut().insert(CONTENT_LENGTH, len.into());
        self.send_streamed(request).await
    }
}
