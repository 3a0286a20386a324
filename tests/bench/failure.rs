//! Why something could not be measured, for a person.

use std::error::Error;

/// Why something could not be measured.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// What was measured, or why it could not be.
pub(crate) type Tried<T = ()> = Result<T, Failure>;

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Says that something is not as it must be.
pub(crate) fn differs<T>(what: impl Into<String>) -> Tried<T> {
    Err(Failure(what.into()))
}
