//! Fuzzes the door `value`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::value(bytes));
