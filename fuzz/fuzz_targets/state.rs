//! Fuzzes the door `state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::state(bytes));
