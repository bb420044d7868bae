//! A small TCP server, as a user of the test kit may have one: greets whoever connects.
//! `crates/svdevtree/tests/greeter.rs` is the test of it.
//!
//! ```sh
//! PORT=7000 GREETING=hello cargo run -p svdevtree --example greeter
//! ```

use std::{env, error::Error, io::Write as _, net::TcpListener};

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = env::var("PORT")?.parse()?;
    let greeting = env::var("GREETING").map_err(|_| "GREETING is not set")?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on {port}");
    for stream in listener.incoming() {
        // Who asks whether it is there, and leaves, ends nothing.
        if let Err(error) = stream.and_then(|mut stream| writeln!(stream, "{greeting}")) {
            eprintln!("cannot greet: {error}");
        }
    }
    Ok(())
}
