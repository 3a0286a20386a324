//! A request on its way to its handler, and its body.

use std::sync::Arc;

use atome_proto::{Code, Problem};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::query::Query;
use super::route::bad_request;
use crate::hub::Hub;
use crate::listen::Place;

/// Longest body of a request about accounts, in bytes.
const BODY_LEN_MAX: usize = 64 << 10;

/// A request whose route and query are understood.
pub struct Ask {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The connection.
    pub place: Place,
    /// The query.
    pub query: Query,
    /// What stands in the path for `{id}`.
    pub id: Option<String>,
    /// The rest.
    pub request: Request<Incoming>,
}

impl Ask {
    /// The id in the path.
    ///
    /// # Errors
    ///
    /// `bad_request` where it is none.
    pub fn id(&self) -> Result<Uuid, Problem> {
        let id = self.id.as_deref().unwrap_or_default();
        Uuid::try_parse(id).map_err(|_| bad_request("the last part of the path is no id"))
    }

    /// Reads the JSON body, no more of it and no longer than the limits say.
    ///
    /// # Errors
    ///
    /// `too_large`, `timed_out`, `bad_request` where it is not JSON of that shape.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let limit = self.hub.config().limits.request_timeout;
        let body = Limited::new(self.request.body_mut(), BODY_LEN_MAX).collect();
        let body = tokio::time::timeout(limit, body)
            .await
            .map_err(|_| Problem::new(Code::TimedOut, "the body of the request took too long"))?
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    let text =
                        format!("the body of the request is longer than {BODY_LEN_MAX} bytes");
                    Problem::new(Code::TooLarge, text)
                } else {
                    bad_request("the body of the request broke off")
                }
            })?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| {
            // The parser's own message may repeat a value, and values here are passwords.
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = if error.is_data() {
                "has a field that is missing, unknown or wrong"
            } else {
                "is not JSON"
            };
            bad_request(format!("the body of the request {what} ({place})"))
        })
    }
}
