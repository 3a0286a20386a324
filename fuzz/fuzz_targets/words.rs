//! Fuzzes the door `words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::words(bytes));
