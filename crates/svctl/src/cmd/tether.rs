//! A svctl that another host started ends with the connection: then standard input does, and nobody waits any more.

use std::{
    io::{self, Read},
    process, thread,
};

use crate::exit::Exit;

/// From now on the process ends when standard input does. Nothing is expected there; what comes is passed over.
pub(super) fn begin() {
    let watch = || {
        let mut buffer = [0; 64];
        loop {
            match io::stdin().read(&mut buffer) {
                Ok(0) => process::exit(Exit::System as i32),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    process::exit(Exit::System as i32)
                }
                _ => (),
            }
        }
    };
    // Without a thread it ends at its own deadline.
    let _none = thread::Builder::new().spawn(watch);
}
