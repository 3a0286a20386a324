//! Fuzzes the door `client_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::client_frame(bytes));
