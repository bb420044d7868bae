//! Installs a unit that is made of a definition, starts it, and removes it again. Until the next
//! boot only; as root, or asked by way of polkit.
//!
//!     cargo run -p svcmgr --example install --features build,systemd

use std::{
    error::Error,
    time::{Duration, Instant},
};

use svcmgr::{
    build::{Definitions, Options, Service, Target, plan::Unit},
    systemd::{Bus, Install, Lifetime, Removal, UnitName, UnitPlanStep},
};

fn main() -> Result<(), Box<dyn Error>> {
    let sleeper = Service::new(["/bin/sleep", "1000"]);
    let definitions = Definitions::default().with("svcmgr-example", sleeper);
    let plan = definitions.render(Target::Systemd, Options::default())?;
    let bus = Bus::system().wait()?;
    for (file, unit) in plan.units {
        let Unit::File(text) = unit else { continue };
        let name = UnitName::new(&file)?;
        let install = Install::new(name.clone(), text.bytes).lifetime(Lifetime::Runtime);
        let plan = bus.plan_install(&install).wait()?;
        for step in plan.steps() {
            if let UnitPlanStep::Write { path, .. } = step {
                println!("writes {}", path.display());
            }
        }
        // What is checked is the unit as the manager has read it, not the definition.
        for finding in plan.carry_out().wait()?.findings {
            println!("{name}: {finding}");
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        let started = bus.named(name.clone()).start().wait()?.outcome_before(deadline)?;
        println!("{name}: {}", started.status().facts.state());
        bus.plan_removal(&Removal::new(name.clone())).wait()?.carry_out().wait()?;
        println!("{name}: removed");
    }
    Ok(())
}
