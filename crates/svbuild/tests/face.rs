//! What every public type can do: go to another thread, and be shown while a fault is looked for.
#![allow(missing_docs, unreachable_pub, clippy::panic, reason = "tests")]

use std::{
    error::Error,
    fmt::{Debug, Display},
    str::FromStr,
};

use svbuild::{plan, quote, spec, target};

const fn shared<T: Send + Sync + Debug>() {}
const fn told<T: Error + Send + Sync + 'static>() {}

/// A text that is shown can be read again.
fn read_and_shown<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Error + Send + Sync + 'static,
{
    let read: T = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
    let again: T = read.to_string().parse().unwrap_or_else(|why| panic!("{read}: {why}"));
    assert_eq!(read, again);
}

#[test]
fn types_go_to_other_threads_and_are_shown() {
    shared::<svbuild::Definitions>();
    shared::<svbuild::Service>();
    shared::<svbuild::Options>();
    shared::<svbuild::Plan>();
    shared::<svbuild::WriteReport>();
    shared::<svbuild::WriteStep>();
    shared::<svbuild::Target>();
    shared::<plan::Diff>();
    shared::<plan::Change>();
    shared::<plan::PlanEntry>();
    shared::<spec::Key>();
    shared::<spec::Findings>();
    shared::<spec::Invalid>();
    shared::<target::Support>();
    shared::<target::Capability>();
    told::<svbuild::Error>();
    told::<spec::BadValue>();
    told::<target::UnknownTarget>();
    told::<quote::Unquotable>();
}

#[test]
fn what_is_read_from_text_is_shown_as_text() {
    for text in ["512M", "7"] {
        read_and_shown::<spec::Size>(text);
    }
    read_and_shown::<spec::Time>("1m 30s");
    read_and_shown::<spec::Mode>("0750");
    read_and_shown::<spec::Id>("www-data");
    read_and_shown::<spec::Signal>("TERM");
    for text in ["inherit", "null", "stdout", "/var/log/web"] {
        read_and_shown::<spec::Stream>(text);
    }
    for target in svbuild::Target::ALL {
        read_and_shown::<svbuild::Target>(target.name());
    }
}
