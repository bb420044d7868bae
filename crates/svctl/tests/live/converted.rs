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
        if crate::here::is_here() {
            super::units::a_unit_is_converted_to_what_it_was();
        }
    }

    #[test]
    fn a_unit_ends_and_starts_again_as_it_did() {
        if crate::here::is_here() {
            super::units::a_unit_ends_and_starts_again_as_it_did();
        }
    }
}
