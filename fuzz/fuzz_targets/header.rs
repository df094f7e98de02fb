#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cman_fuzz::header(bytes));
