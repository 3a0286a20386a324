//! The real programs, from outside: processes, sockets, TLS, signals.
//!
//! Each test has a temp directory of its own with its own hub and machines, and asks through
//! `atomectl`, the local API, or the wire, as anybody could.

#![cfg(test)]

mod accounts;
mod bad_input;
mod converge;
mod crash;
mod desktop;
mod directory;
mod gateway;
mod keyring;
mod login;
mod offline;
mod sessions;
mod sockets;
mod waiting;
mod world;
