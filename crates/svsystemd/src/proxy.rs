//! What a bus asks: the methods of systemd that are used here, of the manager, its units, properties.
//!
//! No property is kept: systemd signals changes to nobody until somebody subscribes, and some
//! properties never.

use zbus::{Message, message::Flags};

use crate::{
    Action, Bus, Error, Properties, PropertyValue, UnitName,
    error::{BusError, Subject},
    wire::{
        call::{Body, JOB, MANAGER, MANAGER_PATH, PROPERTIES, UNIT, message},
        decode::Held,
        pump::{Pump, sorted},
        reply::{Listed, body_of, malformed, properties_of, rows_of, value_of},
        slot::{self, Slot},
    },
};

impl Bus {
    /// Calls a method of the manager; the reply's body is of the type that the caller names.
    pub(crate) async fn manager<R>(
        &self,
        action: Action,
        subject: &Subject,
        member: &str,
        body: &impl Body,
    ) -> Result<R, Error>
    where
        R: serde::de::DeserializeOwned + zbus::Type,
    {
        let call = self.message(action, subject, MANAGER_PATH, MANAGER, member, body)?;
        let reply = self.pump().await?.call(action, subject, call).await?;
        body_of(action, subject, &reply)
    }

    pub(crate) fn message(
        &self,
        action: Action,
        subject: &Subject,
        path: &str,
        interface: &str,
        member: &str,
        body: &impl Body,
    ) -> Result<Message, Error> {
        let flags =
            if self.is_interactive() { Flags::ALLOW_INTERACTIVE_AUTH } else { Flags::empty() };
        message(path, interface, member, flags, body)
            .map_err(|why| malformed(action, subject, &why))
    }

    /// A method that starts a job; the path of the job.
    pub(crate) async fn job_method(
        &self,
        action: Action,
        unit: &UnitName,
        member: &str,
        mode: &str,
    ) -> Result<String, Error> {
        let (body, subject) = ((unit.as_str(), mode), unit.into());
        let call = self.message(action, &subject, MANAGER_PATH, MANAGER, member, &body)?;
        let reply = self.mouth(1).await?.call(action, &subject, call).await?;
        let job: zbus::OwnedObjectPath = body_of(action, &subject, &reply)?;
        Ok(job.as_str().to_owned())
    }

    /// A method that takes the name of a unit and returns nothing.
    pub(crate) async fn unit_method(
        &self,
        action: Action,
        unit: &UnitName,
        member: &str,
    ) -> Result<(), Error> {
        self.manager(action, &unit.into(), member, &unit.as_str()).await
    }

    /// All properties of an object, of all its interfaces at once.
    pub(crate) async fn properties(
        &self,
        action: Action,
        unit: &UnitName,
    ) -> Result<Properties, Error> {
        let subject = unit.into();
        // As `systemctl show` asks: an empty interface is every interface.
        let ask = || self.message(action, &subject, &unit.path(), PROPERTIES, "GetAll", &"");
        let pump = self.pump().await?;
        let reply = match pump.call(action, &subject, ask()?).await {
            // It changes nothing, so it may be asked again over a new connection.
            Err(Error::Lost { .. }) => self.pump().await?.call(action, &subject, ask()?).await?,
            reply => reply?,
        };
        properties_of(action, &subject, &reply)
    }

    /// Properties of many units, in their order, in one go over this connection.
    pub(crate) async fn properties_of_all(
        &self,
        pump: &Pump,
        action: Action,
        units: &[UnitName],
    ) -> Result<Vec<Result<Properties, Error>>, Error> {
        let mut calls = Vec::with_capacity(units.len());
        for unit in units {
            let subject = unit.into();
            calls.push(self.message(action, &subject, &unit.path(), PROPERTIES, "GetAll", &"")?);
        }
        let mut slots = pump.send(calls).into_iter();
        let mut all = Vec::with_capacity(units.len());
        // Some are decoded while the others are on their way.
        for units in units.chunks(16) {
            let replies = slot::all(slots.by_ref().take(units.len()).collect()).await;
            all.extend(units.iter().zip(replies).map(|(unit, reply)| {
                let subject = unit.into();
                let reply = sorted(action, &subject, reply)?;
                properties_of(action, &subject, &reply)
            }));
        }
        Ok(all)
    }

    /// The name that a unit itself goes by.
    pub(crate) async fn id_of(&self, unit: &UnitName) -> Result<UnitName, Error> {
        let subject = unit.into();
        let ask =
            || self.message(Action::Look, &subject, &unit.path(), PROPERTIES, "Get", &(UNIT, "Id"));
        let pump = self.pump().await?;
        let reply = match pump.call(Action::Look, &subject, ask()?).await {
            // It changes nothing, so it may be asked again over a new connection.
            Err(Error::Lost { .. }) => {
                self.pump().await?.call(Action::Look, &subject, ask()?).await?
            }
            reply => reply?,
        };
        let id = value_of(&reply);
        let id = id.as_ref().and_then(PropertyValue::text).map(UnitName::new);
        Ok(id.and_then(Result::ok).unwrap_or_else(|| unit.clone()))
    }

    /// The type of a pending job; `None` if it is gone by now.
    pub(crate) async fn job_type(&self, unit: &UnitName, id: u32) -> Result<Option<String>, Error> {
        let subject = unit.into();
        let path = format!("{MANAGER_PATH}/job/{id}");
        let body = (JOB, "JobType");
        let call = self.message(Action::Look, &subject, &path, PROPERTIES, "Get", &body)?;
        match self.pump().await?.call(Action::Look, &subject, call).await {
            Ok(reply) => {
                let body = reply.body();
                let kind: Held =
                    body.deserialize().map_err(|why| malformed(Action::Look, &subject, &why))?;
                Ok(kind.0.text().map(str::to_owned))
            }
            Err(error @ (Error::Lost { .. } | Error::NoManager { .. })) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The state of many units, in one round trip, also of those that do not exist.
    pub(crate) async fn list(&self, units: &[UnitName]) -> Result<Vec<Listed>, Error> {
        let pump = self.pump().await?;
        Ok(self.list_and(&pump, units, &[]).await?.0)
    }

    /// The same, and properties of the manager; `None` for those that it does not have.
    pub(crate) async fn list_and(
        &self,
        pump: &Pump,
        units: &[UnitName],
        properties: &[(&str, &str)],
    ) -> Result<(Vec<Listed>, Vec<Option<PropertyValue>>), Error> {
        // As below.
        let mut calls = self.gets(MANAGER_PATH, properties)?;
        calls.push(self.by_names(units)?);
        let mut replies = slot::all(pump.send(calls)).await.into_iter();
        let values =
            replies.by_ref().take(properties.len()).map(|reply| value_of(&reply?)).collect();
        let rows = self.rows_or_each(pump, units, replies.next().flatten()).await?;
        Ok((rows, values))
    }

    /// As [`Bus::list_and`]; and before that, which of them are in the manager's memory, as rows.
    pub(crate) async fn list_loaded_and(
        &self,
        pump: &Pump,
        units: &[UnitName],
        properties: &[(&str, &str)],
    ) -> Result<(Vec<Listed>, Vec<Listed>, Vec<Option<PropertyValue>>), Error> {
        // The list by names last: for each unit that is down the manager says afterwards, and before the next
        // answer, that it was loaded and is gone.
        let mut calls = self.gets(MANAGER_PATH, properties)?;
        calls.extend([self.by_patterns(&patterns_of(units))?, self.by_names(units)?]);
        let mut replies = slot::all(pump.send(calls)).await.into_iter();
        let values =
            replies.by_ref().take(properties.len()).map(|reply| value_of(&reply?)).collect();
        let loaded = replies.next().flatten();
        let loaded = sorted(Action::Look, &Subject::Manager, loaded)?;
        let rows = self.rows_or_each(pump, units, replies.next().flatten()).await?;
        Ok((rows_of(&loaded)?, rows, values))
    }

    /// The manager refuses the whole list for one name that it does not take: then each is asked
    /// for by itself, and who is refused has no row.
    async fn rows_or_each(
        &self,
        pump: &Pump,
        units: &[UnitName],
        reply: Option<Message>,
    ) -> Result<Vec<Listed>, Error> {
        let reply = sorted(Action::Look, &Subject::Manager, reply);
        let why = match reply {
            Ok(list) => return rows_of(&list),
            Err(Error::Manager { action, subject, source }) if is_refused(&source) => {
                Error::Manager { action, subject, source }
            }
            Err(why) => return Err(why),
        };
        let calls: Result<Vec<_>, _> =
            units.iter().map(|unit| self.by_names(std::slice::from_ref(unit))).collect();
        let mut rows = Vec::with_capacity(units.len());
        for reply in slot::all(pump.send(calls?)).await {
            match sorted(Action::Look, &Subject::Manager, reply) {
                Ok(list) => rows.extend(rows_of(&list)?),
                Err(Error::Lost { .. }) => return Err(why),
                Err(_) => (),
            }
        }
        Ok(rows)
    }

    /// Templates are no units, and would make the whole list fail.
    fn by_names(&self, units: &[UnitName]) -> Result<Message, Error> {
        let units = units.iter().filter(|unit| !unit.is_template());
        let names: Vec<&str> = units.map(UnitName::as_str).collect();
        let (action, subject) = (Action::Look, Subject::Manager);
        self.message(action, &subject, MANAGER_PATH, MANAGER, "ListUnitsByNames", &(names,))
    }

    fn by_patterns(&self, patterns: &[&str]) -> Result<Message, Error> {
        let states: &[&str] = &[];
        let (action, subject, body) = (Action::Look, Subject::Manager, (states, patterns));
        self.message(action, &subject, MANAGER_PATH, MANAGER, "ListUnitsByPatterns", &body)
    }

    fn gets(&self, path: &str, properties: &[(&str, &str)]) -> Result<Vec<Message>, Error> {
        let (action, subject) = (Action::Look, Subject::Manager);
        let get = |body| self.message(action, &subject, path, PROPERTIES, "Get", body);
        properties.iter().map(get).collect()
    }

    /// The loaded units whose name fits one of these patterns (shell wildcards).
    pub(crate) async fn list_by_patterns(&self, patterns: &[&str]) -> Result<Vec<Listed>, Error> {
        let call = self.by_patterns(patterns)?;
        rows_of(&self.pump().await?.call(Action::Look, &Subject::Manager, call).await?)
    }

    /// Asks for properties of objects, in one go over this connection: for each object its path,
    /// and interface and name of each property.
    pub(crate) fn ask_each(
        &self,
        pump: &Pump,
        questions: &[(String, &[(&str, &str)])],
    ) -> Result<Vec<Vec<Slot<Message>>>, Error> {
        let mut calls = Vec::new();
        for (path, names) in questions {
            calls.extend(self.gets(path, names)?);
        }
        let slots = if calls.is_empty() { Vec::new() } else { pump.send(calls) };
        let mut slots = slots.into_iter();
        Ok(questions.iter().map(|(_, names)| slots.by_ref().take(names.len()).collect()).collect())
    }

    /// The paths of the unit files whose name fits one of these patterns.
    pub(crate) async fn files_by_patterns(&self, patterns: &[&str]) -> Result<Vec<String>, Error> {
        let states: &[&str] = &[];
        let subject = Subject::Manager;
        let body = (states, patterns);
        let rows: Vec<(String, String)> =
            self.manager(Action::Look, &subject, "ListUnitFilesByPatterns", &body).await?;
        Ok(rows.into_iter().map(|(path, _state)| path).collect())
    }
}

/// Whether the manager does not take what it was asked with.
fn is_refused(why: &BusError) -> bool {
    why.name.ends_with(".InvalidArgs")
}

/// What finds these units in a list by patterns: the names of a few, the types of many, since the
/// manager compares each of its units with each pattern.
fn patterns_of(units: &[UnitName]) -> Vec<&str> {
    const FEW: usize = 16;
    if units.len() <= FEW {
        return units.iter().map(UnitName::as_str).collect();
    }
    let kinds = crate::names::PATTERNS.iter().copied();
    let is_among =
        |pattern: &&str| units.iter().any(|unit| pattern.strip_prefix("*.") == Some(unit.kind()));
    kinds.filter(is_among).collect()
}
