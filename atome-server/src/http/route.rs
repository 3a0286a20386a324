//! Routes: one description of each that both answers requests and makes the documentation.

use atome_proto::{Code, Problem};
use futures_util::future::BoxFuture;
use hyper::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::ask::Ask;
use super::reply::Answer;
use crate::auth::Known;

/// What makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What makes the schema of `T`.
#[must_use]
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The methods that routes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `GET`, and `HEAD` with it.
    Get,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

/// Who may ask, and what answers.
#[derive(Clone, Copy)]
pub enum Run {
    /// Anyone.
    Anyone(fn(Ask) -> BoxFuture<'static, Answer>),
    /// Whoever shows a session.
    Known(fn(Ask, Known) -> BoxFuture<'static, Answer>),
}

/// A query parameter; each may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub what: &'static str,
    /// Which values it takes.
    pub kind: Kind,
}

/// The values of a query parameter.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text of at most so many characters, and of that form where one is given.
    Text {
        /// The most characters.
        max: usize,
        /// A regular expression, for the documentation: the handler checks it.
        pattern: Option<&'static str>,
    },
    /// A whole number in a range.
    Whole {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// What it is where it is left out.
        default: u64,
    },
}

/// What is answered where all is well.
#[derive(Clone, Copy)]
pub enum Success {
    /// 200 with JSON.
    Json(SchemaOf),
    /// 200 with a session: JSON with its token, or a cookie.
    Session,
    /// 200 with a line of text.
    Text,
    /// 204.
    Nothing,
    /// 101: a WebSocket.
    Upgrade,
}

/// One thing that can be asked for.
#[derive(Clone, Copy)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path; a segment `{id}` stands for an id.
    pub path: &'static str,
    /// A name for programs that are made from the documentation.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may ask, and what answers.
    pub run: Run,
    /// The query parameters.
    pub query: &'static [Parameter],
    /// The body of a request.
    pub body: Option<SchemaOf>,
    /// What is answered where all is well.
    pub success: Success,
    /// What may be wrong, beyond what may be wrong everywhere.
    problems: &'static [Code],
}

impl Route {
    /// A route that takes and gives nothing yet.
    #[must_use]
    pub const fn new(verb: Verb, path: &'static str, name: &'static str, run: Run) -> Self {
        Self {
            verb,
            path,
            name,
            summary: "",
            run,
            query: &[],
            body: None,
            success: Success::Nothing,
            problems: &[],
        }
    }

    /// The same with what it does.
    #[must_use]
    pub const fn does(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// The same with query parameters.
    #[must_use]
    pub const fn asks(mut self, query: &'static [Parameter]) -> Self {
        self.query = query;
        self
    }

    /// The same with a body.
    #[must_use]
    pub const fn takes_body(mut self, body: SchemaOf) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with what it gives.
    #[must_use]
    pub const fn gives(mut self, success: Success) -> Self {
        self.success = success;
        self
    }

    /// The same with what may be wrong.
    #[must_use]
    pub const fn or(mut self, problems: &'static [Code]) -> Self {
        self.problems = problems;
        self
    }

    /// Whether a path is this route's.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some("{id}"), Some(id)) if !id.is_empty() => {}
                (Some(our), Some(their)) if our == their => {}
                _ => return false,
            }
        }
    }

    /// What stands in a path of this route for `{id}`.
    #[must_use]
    pub fn id_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut segments = self.path.split('/').zip(path.split('/'));
        segments.find_map(|(ours, theirs)| (ours == "{id}").then_some(theirs))
    }

    /// The methods that it takes.
    #[must_use]
    pub fn methods(&self) -> &'static [&'static str] {
        match (self.verb, self.success) {
            (Verb::Get, Success::Upgrade) => &["GET"],
            (Verb::Get, _) => &["GET", "HEAD"],
            (Verb::Post, _) => &["POST"],
            (Verb::Delete, _) => &["DELETE"],
        }
    }

    /// Whether it takes a method.
    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        self.methods().contains(&method.as_str())
    }

    /// Everything that may be wrong, in the order of the codes.
    #[must_use]
    pub fn problems(&self) -> Vec<Code> {
        let mut codes = self.problems.to_vec();
        // A query parameter that there is not is wrong everywhere.
        codes.extend([Code::BadRequest, Code::Internal]);
        if self.body.is_some() {
            codes.extend([
                Code::TooLarge,
                Code::TimedOut,
                Code::LowSpace,
                Code::Stopping,
            ]);
        }
        if matches!(self.run, Run::Known(_)) {
            codes.extend([Code::AuthRequired, Code::AccountDeleted]);
            codes.extend([Code::LowSpace, Code::Stopping]);
            if self.verb != Verb::Get {
                codes.push(Code::NotAllowed);
            }
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// A problem of a request that is not well formed.
pub fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}
