//! One request to the hub, before it is sent.

use atome_proto::account::Secret;
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde::Serialize;

/// A request below `/api/v1/`.
pub(super) struct Ask {
    method: Method,
    target: String,
    token: Option<Secret>,
    body: Option<Vec<u8>>,
}

impl Ask {
    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            target: format!("/api/v1/{path}"),
            token: None,
            body: None,
        }
    }

    pub(super) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// In the session of a token.
    pub(super) fn by(mut self, token: &Secret) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// With parameters.
    pub(super) fn query<'a>(
        mut self,
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        self.target.push('?');
        self.target.push_str(&query.finish());
        self
    }

    /// With a JSON body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, Problem> {
        self.body = Some(serde_json::to_vec(body).map_err(|e| ours(&e))?);
        Ok(self)
    }

    /// The request as it goes to the hub of that authority.
    pub(super) fn into_request(self, authority: &str) -> Result<Request<Full<Bytes>>, Problem> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.target)
            .header(header::HOST, authority);
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = self.token {
            let bearer = format!("Bearer {}", token.0);
            let mut bearer = HeaderValue::try_from(bearer).map_err(|e| ours(&e))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let body = Bytes::from(self.body.unwrap_or_default());
        request.body(Full::new(body)).map_err(|e| ours(&e))
    }
}

fn ours(error: &dyn std::fmt::Display) -> Problem {
    let message = format!("the request cannot be made: {error}");
    Problem::new(Code::Internal, message)
}
