//! Version 1 of the local API: the bodies of requests and replies under `/v1/…`.
//!
//! Times are RFC 3339 in UTC. Lists that may be long are JSON lines, one object a line. Errors are
//! [`crate::Problem`]. Every request about an account's data names the account by the query parameter
//! `account` (name or id); with one account tied to the asking Unix user it may be left out.

mod account;
mod atome;
mod attempt;
mod facts;
mod finding;
mod sharing;
mod sync;

pub use account::{
    Access, AccountState, AccountStatus, AccountView, Alteration, CreateAccount, DirectoryReply,
    DirectorySource, Login, Logout, NewPassword, PendingWork, RemoveAccount, Resolve, Revoked,
    SessionView, Status, Version, WhoAmI,
};
pub use atome::{
    AtomeView, ChangeKind, FindQuery, History, HistoryVersion, IndexProgress, ListQuery, NewAtome,
    Operation, TreeLine, VersionState, WatchEvent, Write, WriteReply,
};
pub use attempt::Attempt;
pub use facts::{Facts, StoreFacts};
pub use finding::{Finding, FindingCode, Severity};
pub use sharing::{DoAct, DoneAct, EvictionView, GrantView, MomentView, ReasonView, WhyView};
pub use sync::{
    Difference, DifferenceKind, FOUND_MAX, Found, FoundKind, Mode, RefusedCommit, SeedQuery,
    SeedReply, SetMode, SyncStatus, SyncVerify, VerifyReply, WaitReply,
};
