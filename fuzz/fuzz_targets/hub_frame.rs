//! Fuzzes the door `hub_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::hub_frame(bytes));
