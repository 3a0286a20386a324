//! Fuzzes the door `daemon_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::daemon_config(bytes));
