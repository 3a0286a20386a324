//! Sharing at the hub: grants, what accounts do about them, what time does.

pub(super) mod acts;
mod copy;
mod deferred;
pub(super) mod grants;
pub(super) mod policies;
pub(super) mod time;
pub(super) mod why;

#[cfg(test)]
mod tests;
