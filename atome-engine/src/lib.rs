//! The Atome engine, pure.
//!
//! Owns every decision: the order of versions ([`clock`]), what they come to ([`merge`]), what a seed
//! record changes ([`seed`]), what a hub takes ([`admission`]) and how often ([`throttle`], [`quota`]), who
//! may do and see what ([`sharing`]), and the state machines that keep a replica and a hub together ([`replica`], [`session`]). It never does IO, never waits, never
//! reads a clock or makes randomness of its own: time comes in as [`clock::Now`], randomness as a
//! seed, and every effect goes out as a value whose answer comes back as an input.

pub mod admission;
pub mod backoff;
pub mod clock;
pub mod digest;
pub mod draft;
mod generations;
pub mod guesses;
pub mod merge;
pub mod name;
pub mod quota;
pub mod replica;
pub mod seed;
pub mod session;
pub mod sharing;
pub mod throttle;
pub mod tree;
