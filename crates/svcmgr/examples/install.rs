//! Installs a unit that is made of a definition, starts it, and removes it again. Until the next
//! boot only; as root, or asked by way of polkit.
//!
//!     cargo run -p svcmgr --example install --features build,systemd

use std::error::Error;
use std::time::{Duration, Instant};

use svcmgr::Request;
use svcmgr::build::{Definitions, Options, Service, Target, plan::Unit};
use svcmgr::systemd::{Bus, Install, Lifetime, Removal, UnitName};

fn main() -> Result<(), Box<dyn Error>> {
    let sleeper = Service::new(["/bin/sleep", "1000"]);
    let definitions = Definitions::default().with("svcmgr-example", sleeper);
    let bus = Bus::system().wait()?;
    for (file, unit) in definitions.render(Target::Systemd, Options::default())?.units {
        let Unit::File(text) = unit else { continue };
        let name = UnitName::new(&file)?;
        let install = Install::new(name.clone(), text.bytes).lifetime(Lifetime::Runtime);
        let plan = bus.plan_install(&install).wait()?;
        print!("{plan}");
        // What is checked is the unit as the manager has read it, not the definition.
        for finding in plan.carry_out().wait()?.findings {
            println!("{name}: {finding}");
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        println!("{name}: {}", Request::up().pursue(&bus.named(name.clone()), deadline)?);
        bus.plan_removal(&Removal::new(name.clone())).wait()?.carry_out().wait()?;
        println!("{name}: removed");
    }
    Ok(())
}
