//! What the daemon tries that the kernel is to refuse.

use serde::{Deserialize, Serialize};

/// One line of `GET /v1/prove-direction`: something that a daemon must not be able to do, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried, for a person to read.
    pub attempt: String,
    /// What the kernel answered.
    pub outcome: String,
    /// Whether the kernel forbade it; anything else, a refused connection too, is no proof.
    pub forbidden: bool,
}
