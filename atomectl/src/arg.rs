//! Arguments that have a small language of their own.

pub(crate) mod clause;
pub(crate) mod moment;
pub(crate) mod pair;
pub(crate) mod span;
pub(crate) mod window;
