//! Fuzzes the door `local_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::local_body(bytes));
