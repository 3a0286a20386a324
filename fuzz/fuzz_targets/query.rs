//! Fuzzes the door `query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::query(bytes));
