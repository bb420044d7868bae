//! Where these tests run, and the manager that each is told.

use std::{
    path::PathBuf,
    process::Command,
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use svsystemd::Bus;

/// The manager that a sentence is said to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    System,
    User,
}

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

impl Manager {
    #[track_caller]
    pub fn bus(self) -> Bus {
        match self {
            Self::System => Bus::system().wait(),
            Self::User => Bus::user().wait(),
        }
        .unwrap()
    }

    /// Where unit files are put that are gone with the machine.
    pub fn runtime_dir(self) -> PathBuf {
        match self {
            Self::System => "/run/systemd/system".into(),
            Self::User => {
                let runtime = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
                PathBuf::from(runtime).join("systemd/user")
            }
        }
    }

    /// systemd's own tool, which is the oracle.
    pub fn systemctl(self, args: &[&str]) -> String {
        let mut systemctl = Command::new("systemctl");
        if self == Self::User {
            systemctl.arg("--user");
        }
        let output = systemctl.args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

pub use crate::here::is_here;

/// Tests that would disturb the others (a manager that is executed again, a bus that is restarted)
/// have the machine for themselves.
static MACHINE: RwLock<()> = RwLock::new(());

pub fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Tests of these sentences in the current module.
macro_rules! tests_of {
    ($lock:ident $manager:ident $said:ident { $($sentence:ident)* }) => {$(
        #[test]
        fn $sentence() {
            if crate::machine::is_here() {
                let _machine = crate::machine::$lock();
                crate::$said::$sentence(crate::machine::Manager::$manager);
            }
        }
    )*};
}

/// Says each sentence to both managers.
macro_rules! say_both {
    ($($said:ident { $($sentence:ident)* })*) => {
        mod systemd {
            $(mod $said { tests_of!(shared System $said { $($sentence)* }); })*
        }
        mod user {
            mod systemd {
                $(mod $said { tests_of!(shared User $said { $($sentence)* }); })*
            }
        }
    };
}

/// As `say_both!`, for the manager of the system alone.
macro_rules! say_system {
    ($($said:ident { $($sentence:ident)* })*) => {
        mod system_only {
            mod systemd {
                $(mod $said { tests_of!(shared System $said { $($sentence)* }); })*
            }
        }
    };
}

/// With the machine for themselves.
macro_rules! say_alone {
    (System $($said:ident { $($sentence:ident)* })*) => {
        mod alone {
            mod systemd {
                $(mod $said { tests_of!(alone System $said { $($sentence)* }); })*
            }
        }
    };
    (User $($said:ident { $($sentence:ident)* })*) => {
        mod user {
            mod systemd {
                $(mod $said { tests_of!(alone User $said { $($sentence)* }); })*
            }
        }
    };
}
