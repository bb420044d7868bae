//! Both sides of a conversion: what a process sees, and what becomes of it, under the program that its file was
//! written for and under each target of `svctl convert`. A difference that the report does not name is a fault.

mod dirs;
mod ends;
mod foreman;
mod made;
mod place;
mod seen;
mod supervisord;
