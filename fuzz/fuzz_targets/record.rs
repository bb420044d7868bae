//! `cargo +nightly fuzz run record`; built otherwise, it runs the property on the files it is
//! given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| svproto_fuzz::record(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        svproto_fuzz::record(&std::fs::read(path)?);
    }
    Ok(())
}
