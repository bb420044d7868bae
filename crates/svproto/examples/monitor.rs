//! A monitor that links svproto and nothing else: reads records from files and says what they mean.
//!
//!     cargo run -p svproto --example monitor -- runit /etc/service/web/supervise/status
//!
//! Firmware does the same with bytes that came over a wire: everything below `fn explain` compiles
//! without std. Whether a supervisor still stands behind a record is not in its bytes: a client
//! must ask that first.

use svproto::{DecodeError, Dialect, Facts, Readiness, Record};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dialect: Dialect = args.next().ok_or("usage: monitor DIALECT FILE...")?.parse()?;
    for path in args {
        match explain(dialect, &std::fs::read(&path)?) {
            Ok(status) => println!("{path}: {} {status:?}", lamp(&status)),
            Err(error) => println!("{path}: {error}; {}", error.hint()),
        }
    }
    Ok(())
}

/// Bytes in, meaning out: no allocation, no clock, no way to panic.
fn explain(dialect: Dialect, bytes: &[u8]) -> Result<Facts, DecodeError> {
    let record = Record::from_bytes(dialect, bytes)?;
    record.check()?;
    Ok(record.facts())
}

/// What a status lamp would show.
fn lamp(status: &Facts) -> &'static str {
    use svproto::State;
    match status.state() {
        State::Up if status.readiness == Readiness::Awaited => "yellow",
        State::Up | State::Ready => "green",
        State::Starting | State::Stopping | State::Finishing | State::Paused => "yellow",
        State::Down | State::Exited => "off",
        _ => "red",
    }
}
