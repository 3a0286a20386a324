//! Fuzzes the door `hub_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| atome_doors::hub_config(bytes));
