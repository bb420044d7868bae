//! [`Unit`]: one unit of a manager, and everything that can be asked about it.

use std::{future::poll_fn, pin::pin, task::Poll};

use crate::{
    Action, Bus, BusCall, Error, Properties, UnitName, UnitStatus,
    error::Subject,
    map::{JobKind, MainProcess},
    process,
    router::{Heard, Listening},
    wire::reply::FileChange,
};

/// One unit of a manager. A name and a way there; cheap to clone, and nothing is kept.
#[derive(Clone, Debug)]
pub struct Unit {
    bus: Bus,
    name: UnitName,
}

/// Which processes of a unit a signal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KillWhom {
    /// The main process.
    Main,
    /// The process of a start, reload or stop command.
    Control,
    /// Every process of its control group.
    All,
}

svproto::words!(KillWhom, "set of processes":
    Main "main",
    Control "control",
    All "all",
);

/// Linux's numbers: the manager takes no other.
pub(crate) const SIGSTOP: i32 = nix::libc::SIGSTOP;
pub(crate) const SIGCONT: i32 = nix::libc::SIGCONT;

impl Bus {
    /// A unit of this manager. `web` is `web.service`. Nothing is asked.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`].
    pub fn unit(&self, name: &str) -> Result<Unit, Error> {
        Ok(Unit::new(self.clone(), UnitName::new(name)?))
    }

    /// A unit whose name was checked before.
    #[must_use]
    pub fn named(&self, name: UnitName) -> Unit {
        Unit::new(self.clone(), name)
    }
}

impl Unit {
    pub(crate) const fn new(bus: Bus, name: UnitName) -> Self {
        Self { bus, name }
    }

    /// Its name, as it was given and completed.
    #[must_use]
    pub fn name(&self) -> &UnitName {
        &self.name
    }

    /// The way to its manager.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// How it stands.
    ///
    /// [`Error::NoSuchUnit`] where there is neither a file nor a running unit of this name. A unit
    /// that is masked, or whose file is broken, has a status that says so.
    pub fn status(&self) -> BusCall<'_, UnitStatus> {
        self.ask(Action::Look, async {
            let status = self.look().await?;
            if status.exists() {
                return Ok(status);
            }
            Err(Error::NoSuchUnit { action: Action::Look, unit: self.name.clone() })
        })
    }

    /// As [`Unit::status`], also for a unit that does not exist.
    pub(crate) fn look_now(&self) -> BusCall<'_, UnitStatus> {
        self.ask(Action::Look, self.look())
    }

    pub(crate) async fn look(&self) -> Result<UnitStatus, Error> {
        let properties = self.bus.properties(Action::Look, &self.name).await?;
        self.seen(properties).await
    }

    /// Adds to the properties what they do not say: the type of a pending job, and whether the
    /// process is stopped. If the job is over meanwhile the unit is read again, for its state was
    /// that of before.
    pub(crate) async fn seen(&self, mut properties: Properties) -> Result<UnitStatus, Error> {
        // Each turn but the last takes a whole job of somebody else's to be begun and ended.
        for _ in 0..8 {
            let Some(id) = job_id(&properties) else { break };
            if let Some(kind) = self.bus.job_type(&self.name, id).await? {
                let main = process::main(&properties);
                return Ok(UnitStatus::new(properties, JobKind::from_type(&kind), main));
            }
            properties = self.bus.properties(Action::Look, &self.name).await?;
        }
        let main = process::main(&properties);
        Ok(UnitStatus::new(properties, None, main))
    }

    /// As [`Unit::seen`], for what was signalled: what is newer must not take its place. Only on
    /// the way down does it matter what the job is.
    pub(crate) async fn told(&self, properties: Properties) -> Result<UnitStatus, Error> {
        let job = match job_id(&properties) {
            Some(id) if properties.text("ActiveState") == "deactivating" => {
                let kind = self.bus.job_type(&self.name, id).await?;
                // It is over, and a restart would not be.
                kind.map_or(Some(JobKind::Down), |kind| JobKind::from_type(&kind))
            }
            // Between two runs: what stops a unit that is down is over at once.
            Some(_) if properties.text("ActiveState") == "inactive" => Some(JobKind::Up),
            _ => None,
        };
        let main = process::main(&properties);
        Ok(UnitStatus::new(properties, job, main))
    }

    /// Sends a signal, by Linux's number, to its main process; by way of the manager, which knows
    /// whose pid it is. A frozen unit is thawed first: it could not die of a signal.
    ///
    /// [`Error::NotRunning`] if there is no main process.
    pub fn kill(&self, signal: i32) -> BusCall<'_, ()> {
        self.signal(KillWhom::Main, signal)
    }

    /// As [`Unit::kill`], to other processes of the unit. For [`KillWhom::All`] it is no error if
    /// there are none.
    pub fn signal(&self, whom: KillWhom, signal: i32) -> BusCall<'_, ()> {
        self.ask(Action::Signal, async move {
            if signal != SIGSTOP && signal != SIGCONT {
                self.thaw_if_frozen(Action::Signal).await?;
            }
            self.signal_now(whom, signal).await
        })
    }

    async fn signal_now(&self, whom: KillWhom, signal: i32) -> Result<(), Error> {
        let body = (self.name.as_str(), whom.name(), signal);
        let sent = self.bus.manager(Action::Signal, &self.subject(), "KillUnit", &body).await;
        match sent {
            Err(Error::NoSuchUnit { action, unit }) => self.not_loaded(action, unit).await,
            sent => sent,
        }
    }

    /// Stops its main process by SIGSTOP, and returns when it has stopped. systemd does not notice:
    /// it goes on calling the unit active, and its watchdog goes on.
    pub fn pause(&self) -> BusCall<'_, ()> {
        self.ask(Action::Signal, self.halt(SIGSTOP, MainProcess::Stopped))
    }

    /// Lets it go on by SIGCONT.
    pub fn cont(&self) -> BusCall<'_, ()> {
        self.ask(Action::Signal, self.halt(SIGCONT, MainProcess::Going))
    }

    async fn halt(&self, signal: i32, wanted: MainProcess) -> Result<(), Error> {
        self.signal_now(KillWhom::Main, signal).await?;
        let properties = self.bus.properties(Action::Signal, &self.name).await?;
        process::settled(&properties, wanted).await;
        // Nobody signals this.
        let id = UnitName::new(properties.text("Id")).unwrap_or_else(|_| self.name.clone());
        self.bus.router().look(&id);
        Ok(())
    }

    /// Freezes all its processes by the freezer of its control group.
    ///
    /// Not a kind of [`Unit::pause`]: on systemd 257 and 262 a unit whose main process is killed
    /// while it is frozen may hang for good, and jobs of a frozen unit are refused.
    pub fn freeze(&self) -> BusCall<'_, ()> {
        self.ask(Action::Freeze, self.freezer(Action::Freeze, "FreezeUnit"))
    }

    /// Lets frozen processes go on.
    pub fn thaw(&self) -> BusCall<'_, ()> {
        self.ask(Action::Thaw, self.freezer(Action::Thaw, "ThawUnit"))
    }

    /// systemd 252 signals neither. A manager that reads its files again forgets whom it was to tell that
    /// all processes are frozen: before 257 the reply never comes, and later it is an error.
    pub(crate) async fn freezer(&self, action: Action, method: &str) -> Result<(), Error> {
        let names = Some(vec![self.name.clone()]);
        let listening = self.bus.router().listen(names).await?;
        let mut left = 5;
        let done = loop {
            let asked = self.bus.unit_method(action, &self.name, method);
            let done = self.freezer_answer(asked, &listening, action, method).await;
            left -= 1;
            match done {
                Err(Error::Manager { source, .. })
                    if source.name.ends_with(".FreezeCancelled") && left > 0 =>
                {
                    if self.is_in_freezer(action, method).await? {
                        break Ok(());
                    }
                }
                done => break done,
            }
        };
        match done {
            Err(Error::NoSuchUnit { action, unit }) => return self.not_loaded(action, unit).await,
            done => done?,
        }
        self.bus.router().look(&self.name);
        Ok(())
    }

    /// The reply; or that it is so, once the manager has read its files again.
    async fn freezer_answer(
        &self,
        asked: impl Future<Output = Result<(), Error>>,
        listening: &Listening,
        action: Action,
        method: &str,
    ) -> Result<(), Error> {
        let mut asked = pin!(asked);
        loop {
            let mut heard = pin!(listening.next());
            let first = poll_fn(|cx| match asked.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Ok(done)),
                Poll::Pending => heard.as_mut().poll(cx).map(Err),
            });
            match first.await {
                Ok(done) => return done,
                Err(Heard::Files | Heard::Resync) if self.is_in_freezer(action, method).await? => {
                    return Ok(());
                }
                Err(_) => (),
            }
        }
    }

    /// Whether its group is frozen, or let go, as this method wants it; or that is under way.
    async fn is_in_freezer(&self, action: Action, method: &str) -> Result<bool, Error> {
        let properties = self.bus.properties(action, &self.name).await?;
        let is_frozen = matches!(properties.text("FreezerState"), "frozen" | "freezing");
        // What is down is refused, and that reply is never lost.
        let runs = !matches!(properties.text("ActiveState"), "inactive" | "failed");
        Ok(runs && is_frozen == (method == "FreezeUnit"))
    }

    /// The manager calls a unit that is not loaded unknown; one that exists is merely down.
    async fn not_loaded(&self, action: Action, unit: UnitName) -> Result<(), Error> {
        if self.look().await?.exists() {
            return Err(Error::NotRunning { action, unit });
        }
        Err(Error::NoSuchUnit { action, unit })
    }

    pub(crate) async fn thaw_if_frozen(&self, action: Action) -> Result<Properties, Error> {
        let properties = self.bus.properties(action, &self.name).await?;
        let frozen = matches!(properties.text("FreezerState"), "frozen" | "freezing");
        let runs = !matches!(properties.text("ActiveState"), "inactive" | "failed");
        if frozen && runs {
            self.freezer(action, "ThawUnit").await?;
        }
        Ok(properties)
    }

    /// Forgets that it failed, its count of restarts and the limit of its starts.
    pub fn reset_failed(&self) -> BusCall<'_, ()> {
        let reset = self.bus.unit_method(Action::ResetFailed, &self.name, "ResetFailedUnit");
        self.ask(Action::ResetFailed, async {
            match reset.await {
                // Not loaded, so there is nothing to forget, unless there is no such unit at all.
                Err(error @ Error::NoSuchUnit { .. }) => {
                    if self.look().await?.exists() {
                        Ok(())
                    } else {
                        Err(error)
                    }
                }
                done => done,
            }
        })
    }

    /// Enables it: see [`Bus::enable`].
    pub fn enable(&self) -> BusCall<'_, Vec<FileChange>> {
        self.bus.enable(std::slice::from_ref(&self.name))
    }

    /// Disables it: see [`Bus::disable`].
    pub fn disable(&self) -> BusCall<'_, Vec<FileChange>> {
        self.bus.disable(std::slice::from_ref(&self.name))
    }

    /// Masks it: see [`Bus::mask`].
    pub fn mask(&self) -> BusCall<'_, Vec<FileChange>> {
        self.bus.mask(std::slice::from_ref(&self.name))
    }

    /// Unmasks it: see [`Bus::unmask`].
    pub fn unmask(&self) -> BusCall<'_, Vec<FileChange>> {
        self.bus.unmask(std::slice::from_ref(&self.name))
    }

    /// The state of its unit file, read from the disk: `enabled`, `disabled`, `static`, `masked`
    /// and so on. It takes the manager some milliseconds.
    pub fn file_state(&self) -> BusCall<'_, String> {
        self.ask(Action::Look, async {
            let body = self.name.as_str();
            self.bus.manager(Action::Look, &self.subject(), "GetUnitFileState", &body).await
        })
    }

    /// Keeps it loaded while this bus is connected, so that the exit status of a run that succeeded
    /// can be read afterwards. [`Unit::release`] ends that.
    pub fn keep(&self) -> BusCall<'_, ()> {
        self.ask(Action::Keep, self.bus.unit_method(Action::Keep, &self.name, "RefUnit"))
    }

    /// Ends [`Unit::keep`].
    pub fn release(&self) -> BusCall<'_, ()> {
        self.ask(Action::Keep, self.bus.unit_method(Action::Keep, &self.name, "UnrefUnit"))
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::from(&self.name)
    }

    pub(crate) fn ask<'a, T>(
        &self,
        action: Action,
        future: impl Future<Output = Result<T, Error>> + Send + 'a,
    ) -> BusCall<'a, T> {
        self.bus.ask(action, &self.subject(), future)
    }
}

/// The number of the pending job.
fn job_id(properties: &Properties) -> Option<u32> {
    let id = properties.get("Job")?.fields().first()?.unsigned()?;
    u32::try_from(id).ok().filter(|id| *id != 0)
}
