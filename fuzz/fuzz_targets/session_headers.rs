//! Fuzzes the door `session_headers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::session_headers(bytes));
