//! What looks at each kind of thing, and tells what its rules find.

pub(crate) mod account;
pub(crate) mod definition;
pub(crate) mod execline;
pub(crate) mod file;
pub(crate) mod logger;
pub(crate) mod names;
pub(crate) mod procfile;
pub(crate) mod rc;
pub(crate) mod s6;
pub(crate) mod scan;
pub(crate) mod script;
pub(crate) mod service;
pub(crate) mod subject;
pub(crate) mod tools;
pub(crate) mod unit;
