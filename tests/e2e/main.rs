//! The real programs, from outside: processes, sockets, TLS, signals.
//!
//! Each test has a temp directory of its own with its own hub and machines, and asks through
//! `atomectl`, the local API, or the wire, as anybody could.

#![cfg(test)]

mod abuse;
mod accounts;
mod backup;
mod bad_input;
mod cage;
mod clocks;
mod confined;
mod converge;
mod crash;
mod desktop;
mod directory;
mod disks;
mod doctor;
mod false_hub;
mod figures;
mod finding;
mod gateway;
mod handed_in;
mod identities;
mod keyring;
mod lines;
mod login;
mod logs;
mod month;
mod namespaces;
mod no_progress;
mod offline;
mod old_stores;
mod put_off;
mod quarantine;
mod receipts;
mod reload;
mod repair;
mod secrets;
mod sessions;
mod sharing;
mod sockets;
mod units;
mod upkeep;
mod waiting;
mod watchdog;
mod wire;
mod world;
