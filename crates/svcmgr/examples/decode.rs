//! The protocol alone: bytes in, meaning out, without a file, a clock or an allocation. What this
//! uses runs on bare metal as well.
//!
//!     cargo run -p svcmgr --example decode

use svcmgr::proto::{DecodeError, Dialect, Facts, Record, State};

fn main() -> Result<(), DecodeError> {
    // A record of runit, as it came over a wire.
    let bytes = [
        0x40, 0x00, 0x00, 0x00, 0x6b, 0x03, 0x7e, 0x0d, 0x1b, 0x96, 0x47, 0x5c, 0xa7, 0x58, 0x00,
        0x00, 0x00, 0x75, 0x00, 0x01,
    ];
    let status = read(Dialect::Runit, &bytes)?;
    if let Some(pid) = status.pid {
        println!("{} (pid {pid})", status.state());
    }
    let is_up = matches!(status.state(), State::Up | State::Ready);
    println!("lamp: {}", if is_up { "green" } else { "red" });
    // Damaged bytes are an error, never a panic and never a guess.
    match read(Dialect::S6, &bytes) {
        Ok(_) => println!("taken"),
        Err(error) => println!("refused: {error}"),
    }
    Ok(())
}

fn read(dialect: Dialect, bytes: &[u8]) -> Result<Facts, DecodeError> {
    let record = Record::from_bytes(dialect, bytes)?;
    record.check()?;
    Ok(record.facts())
}
