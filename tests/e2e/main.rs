//! The real programs, from outside: processes, sockets, TLS, signals.
//!
//! Each test has a temp directory of its own with its own hub and machines, and asks through
//! `atomectl`, the local API, or the wire, as anybody could.

#![cfg(test)]

mod accounts;
mod bad_input;
mod confined;
mod converge;
mod crash;
mod directory;
mod gateway;
mod login;
mod offline;
mod sessions;
mod sockets;
mod units;
mod waiting;
mod watchdog;
mod world;
