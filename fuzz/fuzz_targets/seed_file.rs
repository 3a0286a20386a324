//! Fuzzes the door `seed_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::seed_file(bytes));
