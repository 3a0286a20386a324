//! Atome's words on a wire.
//!
//! Owns the shapes that two programs exchange: ids, stamps, canonical values, commits, the frames of
//! [`sync`] between a daemon and a hub, the requests and replies of [`local`] between a command and
//! its daemon, error codes and limits. It never does IO, never waits and never decides: who wins a
//! merge or what is sent next belongs to the engine.

pub mod account;
pub mod code;
pub mod commit;
pub mod digest;
pub mod directory;
pub mod id;
pub mod limit;
pub mod local;
pub mod receipt;
pub mod runtime;
#[cfg(feature = "schema")]
mod schema;
pub mod seed;
pub mod sharing;
pub mod stamp;
pub mod state;
pub mod sync;
mod text;
pub mod time;
pub mod value;

pub use code::{Code, Problem};
pub use id::{AccountId, AtomeId, Epoch, GrantId, HubId, ReplicaId};
pub use stamp::Stamp;
pub use value::Value;
