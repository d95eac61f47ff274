#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| import::targets::safetensors(bytes));
