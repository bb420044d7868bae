//! What a unit is asked to do, each by a job of the manager: start, stop, restart, reload, run once more.

use crate::{
    Action, BusCall, BusError, Error, Job, LoadState, Properties, Unit, UnitName, last_run, once,
};

impl Unit {
    /// Starts it.
    ///
    /// One that waits for its next automatic start is started now: systemd 252 would let a start
    /// wait as long, so it is asked to restart. What [`Unit::once`] has set up is removed first.
    pub fn start(&self) -> BusCall<'_, Job> {
        self.ask(Action::Start, async {
            let properties = self.bus().properties(Action::Start, self.name()).await?;
            if last_run::is_set(&properties) {
                once::clear(self, &properties).await?;
            }
            let waits = properties.text("SubState").starts_with("auto-restart");
            let method = if waits { "RestartUnit" } else { "StartUnit" };
            self.job(Action::Start, method, &properties).await
        })
    }

    /// Stops it. A frozen unit is thawed first.
    pub fn stop(&self) -> BusCall<'_, Job> {
        self.ask(Action::Stop, async {
            let properties = self.thaw_if_frozen(Action::Stop).await?;
            self.job(Action::Stop, "StopUnit", &properties).await
        })
    }

    /// Stops it if it runs, then starts it. A frozen unit is thawed first.
    pub fn restart(&self) -> BusCall<'_, Job> {
        self.ask(Action::Restart, async {
            let properties = self.thaw_if_frozen(Action::Restart).await?;
            if last_run::is_set(&properties) {
                once::clear(self, &properties).await?;
            }
            self.job(Action::Restart, "RestartUnit", &properties).await
        })
    }

    /// Restarts it if it runs; nothing is done if it is down.
    pub fn try_restart(&self) -> BusCall<'_, Job> {
        self.ask(Action::TryRestart, async {
            let properties = self.thaw_if_frozen(Action::TryRestart).await?;
            self.job(Action::TryRestart, "TryRestartUnit", &properties).await
        })
    }

    /// Lets it read its configuration again, as its unit file says how. Without that it is
    /// [`Error::Unsupported`]; nothing else is done instead.
    pub fn reload(&self) -> BusCall<'_, Job> {
        self.ask(Action::Reload, async {
            let properties = self.thaw_if_frozen(Action::Reload).await?;
            self.job(Action::Reload, "ReloadUnit", &properties).await
        })
    }

    /// Reloads it if its unit file says how, else restarts it; starts it if it is down.
    pub fn reload_or_restart(&self) -> BusCall<'_, Job> {
        self.ask(Action::ReloadOrRestart, async {
            let properties = self.thaw_if_frozen(Action::ReloadOrRestart).await?;
            self.job(Action::ReloadOrRestart, "ReloadOrRestartUnit", &properties).await
        })
    }

    /// Starts it if it is down, and lets this run be the last: a running one goes on and is not
    /// started again when it ends. [`Unit::start`] and [`Unit::restart`] undo that.
    ///
    /// systemd has no such request. It is done by a drop-in in the manager's runtime directory,
    /// which takes the right to write there, and a reload of the manager.
    pub fn once(&self) -> BusCall<'_, Job> {
        self.ask(Action::Once, async {
            let properties = once::set(self).await?;
            self.job(Action::Once, "StartUnit", &properties).await
        })
    }

    /// As [`Unit::once`] for a unit that runs; one that is down stays down.
    pub fn no_restart(&self) -> BusCall<'_, ()> {
        self.ask(Action::Once, async { once::set(self).await.map(drop) })
    }

    /// Listens first, then asks: so the end of the job is never missed, nor what the unit says of
    /// itself meanwhile.
    async fn job(
        &self,
        action: Action,
        method: &str,
        properties: &Properties,
    ) -> Result<Job, Error> {
        let id = UnitName::new(properties.text("Id")).unwrap_or_else(|_| self.name().clone());
        let wait = self.bus().router().jobs(id).await?;
        let asked = self.bus().job_method(action, self.name(), method, "replace").await;
        let path = match asked {
            Err(Error::NoSuchUnit { .. }) if action == Action::Stop => {
                // Not loaded: it is down already, unless there is no such unit.
                let status = self.look().await?;
                if !status.exists() {
                    return Err(Error::NoSuchUnit { action, unit: self.name().clone() });
                }
                // Reading has loaded it; a job on a unit that is down is done at once.
                self.bus().job_method(action, self.name(), method, "replace").await?
            }
            Err(Error::BadUnit { .. } | Error::Manager { .. }) => {
                return Err(self.explained(action, asked).await);
            }
            asked => asked?,
        };
        Ok(Job::new(self.clone(), action, path, wait))
    }

    /// An error with what the manager knows about the unit's file.
    async fn explained(&self, action: Action, asked: Result<String, Error>) -> Error {
        let Err(error) = asked else {
            return Error::NoSuchUnit { action, unit: self.name().clone() };
        };
        match self.look().await {
            Ok(status) if status.load == LoadState::Broken => {
                let text = status.load_error().unwrap_or("its unit file is broken").to_owned();
                let source = BusError { name: String::new(), text };
                Error::BadUnit { action, unit: self.name().clone(), source }
            }
            _ => error,
        }
    }
}
