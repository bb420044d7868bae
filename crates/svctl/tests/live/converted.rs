//! Both sides of a conversion: what a process sees, and what becomes of it, under the program that its file was
//! written for and under each target of `svctl convert`. A difference that the report does not name is a fault.

mod dirs;
mod ends;
mod foreman;
mod made;
mod place;
mod seen;
mod supervisord;
mod units;

pub mod systemd {
    //! In a machine of its own.

    #[test]
    fn a_unit_is_converted_to_what_it_was() {
        let Some(_machine) = crate::systemd::machine() else { return };
        super::units::a_unit_is_converted_to_what_it_was();
    }

    #[test]
    fn a_unit_ends_and_starts_again_as_it_did() {
        // Asked before the machine, in which nothing counts what is left out.
        if std::env::var_os("SV_THOROUGH").is_none() {
            let is_counted = std::env::var_os("SV_SKIPS_FILE")
                .is_some_and(|it| std::path::Path::new(&it).exists());
            let why = "units that end again and again take a minute: cargo xtask test --thorough";
            if is_counted {
                crate::supervised::skips::leave_out("converted", why);
            }
            return;
        }
        // A manager that reads its files counts the starts of a unit anew.
        let Some(_machine) = crate::systemd::machine_alone() else { return };
        super::units::a_unit_ends_and_starts_again_as_it_did();
    }
}
