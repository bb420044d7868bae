//! `cargo +nightly fuzz run evidence`; built otherwise, it runs the property on the files it is
//! given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| svproto_fuzz::evidence(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        svproto_fuzz::evidence(&std::fs::read(path)?);
    }
    Ok(())
}
