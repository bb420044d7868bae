//! From definitions to a plan for one target.
//!
//! What each target makes of each key is [`crate::target::CAPABILITIES`]; a key that it does not
//! have is a [`Gap`], and none is left out silently.

mod daemontools;
mod embedded;
mod encore;
mod env;
mod expand;
mod family;
mod identity;
mod log;
mod needs;
mod procfile;
mod runit;
mod s6;
mod s6rc;
mod systemd;

use std::collections::BTreeMap;

use crate::{
    error::{Error, Gap},
    plan::{Plan, Unit},
    quote::Unquotable,
    script::Language,
    spec::{Definitions, Restart, Service},
    target::{CAPABILITIES, Support, Target},
};

/// How to render.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// The language of scripts for s6; the others have `sh`.
    pub language: Language,
    /// What becomes of what the target cannot express.
    pub lossy: Lossy,
    /// For s6-rc: as s6-overlay has it, from version 3. Each service comes after `base`, the bundle of what is
    /// not `down` is `user`, and execline is at `/command`.
    pub s6_overlay: bool,
}

impl Options {
    /// Scripts for s6 in execline, and nothing left out.
    ///
    /// ```
    /// use svbuild::{Definitions, Lossy, Options, Service, Target};
    ///
    /// let web = Service::new(["/bin/web"]).env_dir("/etc/web.env");
    /// let definitions = Definitions::default().with("web", web);
    /// assert!(definitions.render(Target::Embedded, Options::new()).is_err());
    /// let plan = definitions.render(Target::Embedded, Options::new().lossy(Lossy::Commented))?;
    /// assert_eq!(plan.gaps[0].key, "env_dir");
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { language: Language::Execline, lossy: Lossy::Refused, s6_overlay: false }
    }

    /// Sets the language of scripts for s6.
    #[must_use]
    pub const fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Sets whether sources of s6-rc are for s6-overlay.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// let plan = definitions.render(Target::S6Rc, Options::new().s6_overlay(true))?;
    /// let names: Vec<_> = plan.units.keys().map(String::as_str).collect();
    /// assert_eq!(names, ["user", "web"]);
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    #[must_use]
    pub const fn s6_overlay(mut self, s6_overlay: bool) -> Self {
        self.s6_overlay = s6_overlay;
        self
    }

    /// Sets what becomes of what the target cannot express.
    #[must_use]
    pub const fn lossy(mut self, lossy: Lossy) -> Self {
        self.lossy = lossy;
        self
    }
}

/// What becomes of what a target cannot express.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lossy {
    /// It is an error.
    #[default]
    Refused,
    /// It is left out, with a comment in the file and a [`Gap`] in the plan; what is about rights
    /// ([`Gap::rights`]) is an error all the same.
    Commented,
}

svproto::words!(Lossy, "way with gaps":
    Refused "refused",
    Commented "commented",
);

impl Definitions {
    /// Renders every service. Nothing is read or written.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// let plan = definitions.render(Target::Runit, Options::new())?;
    /// print!("{plan}"); // every file, as it will be
    /// # assert!(plan.units.contains_key("web"));
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what [`Definitions::check`] finds, [`Error::Gaps`] for everything
    /// that the target cannot express, [`Error::Unquotable`] for what cannot be written for it at
    /// all.
    pub fn render(&self, target: Target, options: Options) -> Result<Plan, Error> {
        self.render_those(self.service.iter(), true, target, options)
    }

    /// Renders one service. The others are checked and not rendered.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// let plan = definitions.render_one("web", Target::Runit, Options::new())?;
    /// assert!(plan.units.contains_key("web"));
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Definitions::render`], and [`Error::NoService`].
    pub fn render_one(&self, name: &str, target: Target, options: Options) -> Result<Plan, Error> {
        self.render_some([name], target, options)
    }

    /// Renders some services. The others are checked and not rendered, and what is of all services, as the
    /// bundle of s6-rc that brings them up, is left as it is.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// let definitions = Definitions::default()
    ///     .with("web", Service::new(["server"]))
    ///     .with("db", Service::new(["database"]))
    ///     .with("cache", Service::new(["cache"]));
    /// let plan = definitions.render_some(["db", "web"], Target::S6Rc, Options::new())?;
    /// assert_eq!(plan.units.len(), 2);
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Definitions::render_one`].
    pub fn render_some<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        target: Target,
        options: Options,
    ) -> Result<Plan, Error> {
        let find = |name: &str| {
            self.service.get_key_value(name).ok_or_else(|| Error::NoService {
                name: name.to_owned(),
                known: self.service.keys().cloned().collect(),
            })
        };
        let some = names.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
        self.render_those(some.into_iter(), false, target, options)
    }

    fn render_those<'a>(
        &'a self,
        services: impl Iterator<Item = (&'a String, &'a Service)> + Clone,
        is_whole: bool,
        target: Target,
        options: Options,
    ) -> Result<Plan, Error> {
        let mut invalid = self.check();
        match target {
            Target::S6Rc => invalid.extend(s6rc::wrong_names(self, options)),
            Target::Procfile => invalid.extend(procfile::wrong_names(self)),
            _ => (),
        }
        if !invalid.is_empty() {
            return Err(Error::Invalid(invalid));
        }
        let mut plan = Plan::default();
        for (name, service) in services.clone() {
            let carried_out = expand::carried_out(service);
            let mut service = carried_out.map_err(|(key, source)| {
                let service = name.clone();
                Error::Unquotable { service, key, target, source }
            })?;
            if service.is_job() && service.restart.when == Restart::Always {
                service.restart.when = Restart::Never;
            }
            // A unit can be of all instances; each directory is of one.
            let is_one = matches!(target, Target::Systemd | Target::Procfile);
            let mut instances: Vec<Service> = match service.instances {
                Some(count) if !is_one => {
                    (1..=count).map(|number| service.instance(number)).collect()
                }
                _ => vec![service.clone()],
            };
            let units: Vec<String> =
                if is_one { vec![name.clone()] } else { service.names(name).collect() };
            if target == Target::S6Rc {
                let adapted = |(it, unit): (Service, &String)| s6rc::adapted(it, unit);
                instances = instances.into_iter().zip(&units).map(adapted).collect();
            }
            for (at, (service, unit)) in instances.iter().zip(units).enumerate() {
                let mut job = Job::new(name, service, target, options);
                job.gaps_of_table();
                job.notes_of_others();
                (job.unit, job.others) = (unit, Some(self));
                job.render(&mut plan.units)?;
                needs::add(&job, &mut plan.units);
                // What is said of one is said of all.
                if at == 0 {
                    plan.gaps.append(&mut job.gaps);
                    plan.notes.append(&mut job.notes);
                }
            }
        }
        match target {
            Target::S6Rc => s6rc::bundles(services, is_whole, options, &mut plan),
            Target::Procfile => plan.notes.push(procfile::NOTE.to_owned()),
            _ => (),
        }
        let refused = |gap: &Gap| options.lossy == Lossy::Refused || gap.rights;
        if plan.gaps.iter().any(refused) {
            plan.gaps.retain(refused);
            return Err(Error::Gaps(plan.gaps));
        }
        Ok(plan)
    }
}

/// One service on its way to its units.
struct Job<'a> {
    name: &'a str,
    service: &'a Service,
    target: Target,
    options: Options,
    gaps: Vec<Gap>,
    notes: Vec<String>,
    /// The name of what is made: another for each instance.
    unit: String,
    /// Every service of the file.
    others: Option<&'a Definitions>,
}

impl<'a> Job<'a> {
    fn new(name: &'a str, service: &'a Service, target: Target, options: Options) -> Self {
        let (gaps, notes, unit) = (Vec::new(), Vec::new(), name.to_owned());
        Self { name, service, target, options, gaps, notes, unit, others: None }
    }

    /// Adds the units of it.
    fn render(&mut self, units: &mut BTreeMap<String, Unit>) -> Result<(), Error> {
        let made = match self.target {
            Target::Systemd => systemd::units(self),
            Target::Daemontools => daemontools::directory(self),
            Target::Encore => encore::directory(self),
            Target::Runit => runit::directory(self),
            Target::S6 => s6::directory(self),
            Target::S6Rc => s6rc::sources(self),
            Target::Embedded => embedded::directory(self),
            Target::Procfile => return procfile::add(self, units),
        };
        units.extend(made?);
        Ok(())
    }

    /// What the table says that the target does not have.
    fn gaps_of_table(&mut self) {
        for row in CAPABILITIES.iter().filter(|row| row.is_asked(self.service)) {
            if let Support::Not(instead) = row.of(self.target) {
                let why = (!row.only.is_empty()).then_some(row.only);
                self.gap(row.key, why, instead);
                if let Some(gap) = self.gaps.last_mut() {
                    gap.rights = row.is_about_rights(self.service);
                }
            }
        }
    }

    /// What is for another target alone.
    fn notes_of_others(&mut self) {
        let service = self.service;
        let mut alone = |key: &str, whose: &str| {
            self.notes.push(format!("`{key}` of service `{}` is for {whose} alone", self.name));
        };
        if !service.after_external.systemd.is_empty() && self.target != Target::Systemd {
            alone("after_external.systemd", "systemd");
        }
        if self.target != Target::Embedded {
            let keys = [
                ("tty", service.tty),
                ("restart_on_change", !service.restart_on_change.is_empty()),
            ];
            keys.iter().filter(|it| it.1).for_each(|it| alone(it.0, "`svctl dev`"));
        }
    }

    fn gap(&mut self, key: &str, why: Option<&str>, instead: &str) {
        self.gaps.push(Gap {
            service: self.name.to_owned(),
            key: key.to_owned(),
            target: self.target,
            why: why.map(str::to_owned),
            instead: instead.to_owned(),
            rights: false,
        });
    }

    /// An error that names the key.
    fn unquotable(&self, key: &str) -> impl FnOnce(Unquotable) -> Error {
        let (service, key, target) = (self.name.to_owned(), key.to_owned(), self.target);
        move |source| Error::Unquotable { service, key, target, source }
    }

    /// The first lines of a generated file.
    fn comments(&self) -> Vec<String> {
        let mut comments = vec![
            "Generated by svbuild from a definition. A change here is reported, then lost.".into(),
        ];
        if self.target != Target::Systemd {
            comments.extend(self.service.description.clone());
        }
        comments.extend(self.gaps.iter().map(|gap| format!("left out: {gap}")));
        comments
    }
}
