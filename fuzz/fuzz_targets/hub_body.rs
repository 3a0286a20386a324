//! Fuzzes the door `hub_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::hub_body(bytes));
