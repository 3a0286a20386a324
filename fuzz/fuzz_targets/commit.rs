//! Fuzzes the door `commit`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::commit(bytes));
