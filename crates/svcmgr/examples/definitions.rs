//! One definition, written as service directories of a suite: shown first, then written, whole or
//! not at all.
//!
//!     cargo run -p svcmgr --example definitions --features build -- s6 /tmp/services

use std::{error::Error, path::PathBuf};

use svcmgr::build::{Definitions, Options, Service, Target};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(target), Some(dir)) = (args.next(), args.next().map(PathBuf::from)) else {
        return Err("usage: definitions TARGET DIR".into());
    };
    let target: Target = target.to_string_lossy().parse()?;
    // Words stay words: no shell reads them again.
    let web = Service::new(["sh", "-c", "echo \"$GREETING\"; exec sleep 1000"])
        .env("GREETING", "it's 5 o'clock\nsomewhere")
        .umask(0o022);
    let definitions = Definitions::default().with("web", web);
    // What the target cannot express is an error here, before anything is written.
    let plan = definitions.render(target, Options::default())?;
    for change in plan.diff(&dir)?.changes {
        println!("{}", change.path.display());
    }
    plan.write(&dir)?;
    println!("written: {}", plan.diff(&dir)?.is_empty());
    Ok(())
}
