//! Answers that are JSON lines, read one at a time so that memory does not grow with their number.

use std::marker::PhantomData;
use std::sync::Arc;

use atome_proto::Problem;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::connection::{Pool, Sender};
use crate::error::ClientError;

/// An answer of JSON lines, one `T` a line.
///
/// A daemon that fails half-way ends the answer with a line that is a [`Problem`], which comes out as
/// [`ClientError::Problem`]; an answer that breaks off comes out as an error too, so whoever has read up to
/// `None` has all of it.
#[derive(Debug)]
pub struct Lines<T> {
    body: Incoming,
    pool: Arc<Pool>,
    sender: Option<Sender>,
    /// What has come and is not taken yet.
    buffer: BytesMut,
    /// How many bytes of it are known to hold no end of line.
    searched: usize,
    ended: bool,
    item: PhantomData<fn() -> T>,
}

impl<T> Lines<T> {
    pub(crate) fn new(body: Incoming, pool: Arc<Pool>, sender: Sender) -> Self {
        Self {
            body,
            pool,
            sender: Some(sender),
            buffer: BytesMut::new(),
            searched: 0,
            ended: false,
            item: PhantomData,
        }
    }

    /// Waits for the next line as it is, without its end of line; `None` after the last one.
    ///
    /// # Errors
    ///
    /// The daemon's [`Problem`], or [`ClientError::NoDaemon`] where the answer breaks off. Nothing comes after
    /// an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next_line(&mut self) -> Option<Result<Bytes, ClientError>> {
        loop {
            if let Some(line) = self.take_line() {
                if line.is_empty() {
                    continue;
                }
                return Some(self.checked(line));
            }
            if self.ended {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.buffer.clear();
                    return Some(Err(self.pool.broken(&error)));
                }
                None => {
                    self.ended = true;
                    if let Some(sender) = self.sender.take() {
                        self.pool.give_back(sender);
                    }
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
            let mut line = self.buffer.split_to(self.searched + at + 1);
            line.truncate(line.len().saturating_sub(1));
            self.searched = 0;
            return Some(line.freeze());
        }
        self.searched = self.buffer.len();
        if !self.ended || self.buffer.is_empty() {
            return None;
        }
        self.searched = 0;
        Some(self.buffer.split().freeze())
    }

    /// Sees the problem that a line may be: no line of data begins with a code.
    fn checked(&mut self, line: Bytes) -> Result<Bytes, ClientError> {
        if line.starts_with(b"{\"code\":")
            && let Ok(problem) = serde_json::from_slice::<Problem>(&line)
        {
            self.ended = true;
            self.buffer.clear();
            return Err(ClientError::Problem(problem));
        }
        Ok(line)
    }
}

impl<T: DeserializeOwned> Lines<T> {
    /// Waits for the next item; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As [`Self::next_line`], and [`ClientError::Protocol`] for a line that is no `T`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<T, ClientError>> {
        let line = match self.next_line().await? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let item = serde_json::from_slice(&line);
        Some(item.map_err(|error| ClientError::Protocol(error.to_string())))
    }
}
