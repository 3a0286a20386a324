//! Takes what must be there, and says in words what is there instead.

use std::error::Error;

pub(crate) trait Must<T> {
    fn must(self) -> T;
}

impl<T, E: Error> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        self.unwrap_or_else(|error| panic!("{error}"))
    }
}
