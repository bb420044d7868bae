//! [`Bus`]: the way to a manager, shared by all its units.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use crate::{
    Action, BusCall, Error, UnitName,
    error::Subject,
    memory::Memory,
    obstacle::Around,
    router::Router,
    wire::{
        address::Address,
        call::{MANAGER, MANAGER_PATH, PROPERTIES},
        pump::{Deaf, Pump},
        reply::{FileChange, value_of},
        slot::lock,
    },
};

/// The way to a service manager. Cheap to clone; clones share their connections, and so do all
/// units of a bus.
///
/// There is one connection for calls. Once something is to be waited for, a second one hears
/// signals, and is always read. Each is served by a thread of its own. A connection that was lost is
/// made again when it is needed, the second one at once. Questions about many units go to the
/// manager's own socket where this process has the right to it, which takes a fraction of the time.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
    interactive: bool,
    patience: Option<Duration>,
}

struct Inner {
    address: Address,
    calls: Mutex<Option<Arc<Pump>>>,
    mouth: Mutex<Mouth>,
    router: Arc<Router>,
    group: Arc<AllUnits>,
    memory: Mutex<Memory>,
}

/// Answers for all units of one bus, which it does not keep.
pub(crate) struct AllUnits(Weak<Inner>);

impl AllUnits {
    /// The bus, unless nobody has it any more.
    pub(crate) fn bus(&self) -> Option<Bus> {
        self.0.upgrade().map(Bus::again)
    }
}

/// So many jobs are asked for over one connection to a bus, at most. Three of these may be open at a
/// moment: that of the calls, and two that follow each other.
pub(crate) const PER_CONNECTION: usize = 128;

/// Over which connection jobs are asked for: see [`crate::asking`].
#[derive(Default)]
struct Mouth {
    /// Over the connection of all calls, so far.
    by_calls: usize,
    /// The one of its own, and how many jobs it has asked for.
    own: Option<(Arc<Pump>, usize)>,
}

impl Bus {
    /// How long [`BusCall::wait`] waits for a reply, unless the bus is told otherwise: 25 s, as
    /// libdbus does.
    pub const PATIENCE: Duration = Duration::from_secs(25);

    /// Connects to the manager of the system.
    pub fn system() -> BusCall<'static, Self> {
        Self::at(Address::System)
    }

    /// Connects to the manager of this user, by way of the session bus.
    pub fn user() -> BusCall<'static, Self> {
        Self::at(Address::User)
    }

    /// Connects to a manager on the bus at a D-Bus address, as in `unix:path=/run/user/1000/bus`.
    pub fn address(address: impl Into<String>) -> BusCall<'static, Self> {
        Self::at(Address::Bus(address.into()))
    }

    /// Connects to the socket of the manager itself, without a bus: `/run/systemd/private`, or
    /// `$XDG_RUNTIME_DIR/systemd/private` for a user's. Only its owner may. It is there before
    /// dbus-daemon and without one; units cannot be kept ([`Unit::keep`](crate::Unit::keep)), and re-executing the
    /// manager ends the connection.
    pub fn private(socket: impl Into<std::path::PathBuf>) -> BusCall<'static, Self> {
        Self::at(Address::Private(socket.into()))
    }

    fn at(address: Address) -> BusCall<'static, Self> {
        let subject = address.to_string();
        BusCall::new(Action::Other("reach"), &subject, Some(Self::PATIENCE), async move {
            let bus = Self::unconnected(address);
            bus.pump().await?;
            Ok(bus)
        })
    }

    fn unconnected(address: Address) -> Self {
        let router = Arc::new(Router::new(address.clone()));
        Self::again(Arc::new_cyclic(|inner| Inner {
            address,
            calls: Mutex::new(None),
            mouth: Mutex::default(),
            router,
            group: Arc::new(AllUnits(inner.clone())),
            memory: Mutex::default(),
        }))
    }

    fn again(inner: Arc<Inner>) -> Self {
        Self { inner, interactive: false, patience: Some(Self::PATIENCE) }
    }

    pub(crate) fn group(&self) -> Arc<AllUnits> {
        Arc::clone(&self.inner.group)
    }

    /// The same bus, whose calls may make an agent ask the user for a password. Without it, what
    /// takes one is refused at once.
    #[must_use]
    pub fn interactive(&self) -> Self {
        Self { interactive: true, ..self.clone() }
    }

    /// The same bus, on which [`BusCall::wait`] waits so long for a reply; `None` for ever. It has no
    /// bearing on jobs, which are waited for until the caller's deadline.
    #[must_use]
    pub fn patience(&self, patience: Option<Duration>) -> Self {
        Self { patience, ..self.clone() }
    }

    /// The version of the manager, as it says it: "252.38-1~deb12u1".
    pub fn version(&self) -> BusCall<'_, String> {
        self.ask(Action::Look, &Subject::Manager, async {
            let version = self.manager_property(Action::Look, "Version").await?;
            Ok(version.as_ref().and_then(crate::PropertyValue::text).unwrap_or_default().to_owned())
        })
    }

    /// Lets the manager read all unit files again. It takes 0.1 to 0.3 s and stops the manager for
    /// so long: once for a set of changes, never once for each.
    pub fn reload(&self) -> BusCall<'_, ()> {
        self.ask(Action::ReloadManager, &Subject::Manager, self.reload_now())
    }

    pub(crate) async fn reload_now(&self) -> Result<(), Error> {
        self.manager(Action::ReloadManager, &Subject::Manager, "Reload", &()).await
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.inner.memory)
    }

    /// The units that are loaded and whose name fits a pattern with shell wildcards, sorted. Units
    /// that are down and that nothing refers to are not loaded.
    pub fn loaded<'a>(&'a self, patterns: &'a [&'a str]) -> BusCall<'a, Vec<UnitName>> {
        self.ask(Action::Look, &Subject::Manager, async move {
            let listed = self.list_by_patterns(patterns).await?;
            // Units that others only mention are loaded as well, and there is nothing behind them.
            let there = listed.iter().filter(|row| !row.is_nothing());
            let mut names: Vec<_> = there.filter_map(|row| UnitName::new(&row.name).ok()).collect();
            names.sort_unstable();
            Ok(names)
        })
    }

    /// The units that there are files of, loaded or not, and whose name fits a pattern with shell
    /// wildcards, sorted; templates as well.
    pub fn on_disk<'a>(&'a self, patterns: &'a [&'a str]) -> BusCall<'a, Vec<UnitName>> {
        self.ask(Action::Look, &Subject::Manager, async move {
            let paths = self.files_by_patterns(patterns).await?;
            let name = |path: &String| UnitName::new(path.rsplit('/').next()?).ok();
            let mut names: Vec<_> = paths.iter().filter_map(name).collect();
            names.sort_unstable();
            names.dedup();
            Ok(names)
        })
    }

    /// Enables unit files: makes the links that their `[Install]` section asks for, and reloads the
    /// manager once. Without such a section there is nothing to link, and no change.
    pub fn enable<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, Vec<FileChange>> {
        self.change_files(Action::Enable, units)
    }

    /// Makes a unit file known that lies elsewhere, by a link to it, which is what
    /// [`enable`](Self::enable) works on. `path` is absolute. The manager is not reloaded.
    pub fn link<'a>(&'a self, unit: &'a UnitName, path: &'a str) -> BusCall<'a, Vec<FileChange>> {
        let subject: Subject = unit.into();
        let asked = subject.clone();
        self.ask(Action::Enable, &asked, async move {
            let body = (vec![path], false, false);
            let rows: Rows = self.manager(Action::Enable, &subject, "LinkUnitFiles", &body).await?;
            Ok(changes(rows))
        })
    }

    /// Disables unit files: removes their links, those until the next boot as well, and reloads the manager
    /// once.
    pub fn disable<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, Vec<FileChange>> {
        self.change_files(Action::Disable, units)
    }

    /// Masks units, so that nothing can start them, and reloads the manager once. Those that run go
    /// on running.
    pub fn mask<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, Vec<FileChange>> {
        self.change_files(Action::Mask, units)
    }

    /// Unmasks units, also those that are masked until the next boot, and reloads the manager once.
    pub fn unmask<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, Vec<FileChange>> {
        self.change_files(Action::Unmask, units)
    }

    /// Enables, disables, masks or unmasks each of these units, by `action`; one that cannot be hides
    /// no other. The manager is reloaded once, if anything changed.
    pub fn change_each<'a>(
        &'a self,
        action: Action,
        units: &'a [UnitName],
    ) -> BusCall<'a, Vec<Result<Vec<FileChange>, Error>>> {
        self.ask(action, &Subject::Manager, async move {
            let mut all = Vec::with_capacity(units.len());
            for unit in units {
                let (subject, one) = (unit.into(), std::slice::from_ref(unit));
                all.push(self.change_unit_files(action, &subject, one).await);
            }
            if all.iter().flatten().any(|changes| !changes.is_empty()) {
                self.reload_now().await?;
            }
            Ok(all)
        })
    }

    /// Forgets of all units that they failed.
    pub fn reset_failed(&self) -> BusCall<'_, ()> {
        let (action, subject) = (Action::ResetFailed, Subject::Manager);
        self.ask(action, &Subject::Manager, async move {
            self.manager(action, &subject, "ResetFailed", &()).await
        })
    }

    fn change_files<'a>(
        &'a self,
        action: Action,
        units: &'a [UnitName],
    ) -> BusCall<'a, Vec<FileChange>> {
        // An error is told of the unit if there is but one.
        let subject = match units {
            [unit] => unit.into(),
            _ => Subject::Manager,
        };
        let asked = subject.clone();
        self.ask(action, &asked, async move {
            let changes = self.change_unit_files(action, &subject, units).await?;
            self.reload_now().await?;
            Ok(changes)
        })
    }

    /// As the public ones, without the reload.
    pub(crate) async fn change_unit_files(
        &self,
        action: Action,
        subject: &Subject,
        units: &[UnitName],
    ) -> Result<Vec<FileChange>, Error> {
        let names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
        let rows: Rows = match action {
            Action::Enable => {
                let body = (names, false, false);
                let (_, rows): (bool, Rows) =
                    self.manager(action, subject, "EnableUnitFiles", &body).await?;
                rows
            }
            Action::Mask => {
                let body = (names, false, false);
                self.manager(action, subject, "MaskUnitFiles", &body).await?
            }
            // What is to last, and what was for until the next boot: neither is to be left.
            _ => {
                let unmask = action == Action::Unmask;
                let method = if unmask { "UnmaskUnitFiles" } else { "DisableUnitFiles" };
                let mut rows: Rows =
                    self.manager(action, subject, method, &(&names, false)).await?;
                let until_boot: Result<Rows, Error> =
                    self.manager(action, subject, method, &(&names, true)).await;
                match until_boot {
                    Ok(until_boot) => rows.extend(until_boot),
                    // An alias, and a file that was only linked, are gone with their links.
                    Err(Error::NoSuchUnit { .. }) if !rows.is_empty() => (),
                    Err(why) => return Err(why),
                }
                rows
            }
        };
        Ok(changes(rows))
    }

    /// A property of the manager; `None` where it does not have it.
    pub(crate) async fn manager_property(
        &self,
        action: Action,
        name: &str,
    ) -> Result<Option<crate::PropertyValue>, Error> {
        let (subject, path) = (Subject::Manager, MANAGER_PATH);
        let (interface, body) = (PROPERTIES, (MANAGER, name));
        let call = self.message(action, &subject, path, interface, "Get", &body)?;
        let reply = self.pump().await?.call(action, &subject, call).await?;
        Ok(value_of(&reply))
    }

    /// Wraps what is asked with the words for its messages.
    pub(crate) fn ask<'a, T>(
        &self,
        action: Action,
        subject: &Subject,
        future: impl Future<Output = Result<T, Error>> + Send + 'a,
    ) -> BusCall<'a, T> {
        BusCall::new(action, subject, self.patience, future)
    }

    /// The connection for calls; a new one if the last was lost.
    pub(crate) async fn pump(&self) -> Result<Arc<Pump>, Error> {
        let there = lock(&self.inner.calls).clone().filter(|pump| !pump.is_lost());
        if let Some(pump) = there {
            return Ok(pump);
        }
        let pump = Arc::new(Pump::connect(self.inner.address.clone(), Deaf).await?);
        *lock(&self.inner.calls) = Some(Arc::clone(&pump));
        Ok(pump)
    }

    /// The connection over which so many more jobs may be asked for: never many over one, where a
    /// bus stands between. What was asked over one that is closed goes on.
    pub(crate) async fn mouth(&self, jobs: usize) -> Result<Arc<Pump>, Error> {
        if !self.inner.address.has_bus() {
            return self.pump().await;
        }
        let by_calls = {
            let mut mouth = lock(&self.inner.mouth);
            let fits = mouth.by_calls + jobs <= PER_CONNECTION;
            if fits {
                mouth.by_calls += jobs;
            }
            fits
        };
        if by_calls {
            return self.pump().await;
        }
        if let Some((pump, asked)) = &mut lock(&self.inner.mouth).own
            && *asked + jobs <= PER_CONNECTION
            && !pump.is_lost()
        {
            *asked += jobs;
            return Ok(Arc::clone(pump));
        }
        // The last one is closed first, so that the manager forgets who asked.
        let last = lock(&self.inner.mouth).own.take();
        drop(last);
        let pump = Arc::new(Pump::connect(self.inner.address.clone(), Deaf).await?);
        lock(&self.inner.mouth).own = Some((Arc::clone(&pump), jobs));
        Ok(pump)
    }

    /// Lets a unit go that was kept; whether that succeeds makes no difference to anybody.
    pub(crate) fn forget(&self, unit: &UnitName) {
        let pump = lock(&self.inner.calls).clone();
        let (action, subject) = (Action::Keep, unit.into());
        let (path, interface) = (MANAGER_PATH, MANAGER);
        let body = unit.as_str();
        let call = self.message(action, &subject, path, interface, "UnrefUnit", &body);
        if let (Some(pump), Ok(call)) = (pump, call) {
            drop(pump.send(vec![call]));
        }
    }

    pub(crate) fn router(&self) -> Arc<Router> {
        Arc::clone(&self.inner.router)
    }

    pub(crate) fn manager_address(&self) -> &Address {
        &self.inner.address
    }

    /// Where its manager is, before that is asked.
    pub(crate) fn around(&self) -> Around {
        Around::new(self.manager_address().is_here(), !self.manager_address().is_users())
    }

    pub(crate) const fn is_interactive(&self) -> bool {
        self.interactive
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.inner.address).finish()
    }
}

/// What was done about files, as it comes over the bus.
type Rows = Vec<(String, String, String)>;

fn changes(rows: Rows) -> Vec<FileChange> {
    let change = |(kind, path, target)| FileChange { kind, path, target };
    rows.into_iter().map(change).collect()
}
