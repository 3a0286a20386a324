//! Atome's persistence.
//!
//! Owns the files: the replica store ([`ReplicaStore`], one SQLite file an account), the machine store
//! ([`MachineStore`]: accounts and who may use them) and the hub store ([`HubStore`], a trait; here
//! [`SqliteHub`] behind it); their migrations; the writer thread that groups waiting writes into one
//! transaction. It never decides: who wins, what is clamped and what is a fork is asked of the engine. It
//! never touches the network.
//!
//! Steps 6, 12 and 17 of the way of a write: only here anything is written, each in one transaction, and
//! nothing is answered before it is durable.

pub mod backup;
mod error;
pub mod examine;
pub mod hub;
pub mod machine;
mod parts;
mod pool;
pub mod replica;
pub mod salvage;
mod sqlite;
mod writer;

pub use error::{Fault, HubError, OpenError, StoreError};
pub use hub::{HubDb, HubStore, SqliteHub};
pub use machine::{MachineDb, MachineStore, MachineView};
pub use replica::{ReplicaDb, ReplicaStore};
pub use sqlite::Durability;
