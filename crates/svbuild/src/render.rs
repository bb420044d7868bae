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
mod runit;
mod s6;
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
        Self { language: Language::Execline, lossy: Lossy::Refused }
    }

    /// Sets the language of scripts for s6.
    #[must_use]
    pub const fn language(mut self, language: Language) -> Self {
        self.language = language;
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
        self.render_those(self.service.iter(), target, options)
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
        let Some(one) = self.service.get_key_value(name) else {
            let known = self.service.keys().cloned().collect();
            return Err(Error::NoService { name: name.to_owned(), known });
        };
        self.render_those([one], target, options)
    }

    fn render_those<'a>(
        &self,
        services: impl IntoIterator<Item = (&'a String, &'a Service)>,
        target: Target,
        options: Options,
    ) -> Result<Plan, Error> {
        let invalid = self.check();
        if !invalid.is_empty() {
            return Err(Error::Invalid(invalid));
        }
        let mut plan = Plan::default();
        for (name, service) in services {
            let carried_out = expand::carried_out(service);
            let mut service = carried_out.map_err(|(key, source)| {
                let service = name.clone();
                Error::Unquotable { service, key, target, source }
            })?;
            if service.is_job() && service.restart.when == Restart::Always {
                service.restart.when = Restart::Never;
            }
            // A unit can be of all instances; each directory is of one.
            let instances = match service.instances {
                Some(count) if target != Target::Systemd => {
                    (1..=count).map(|number| service.instance(number)).collect()
                }
                _ => vec![service.clone()],
            };
            let units = match target {
                Target::Systemd => vec![name.clone()],
                _ => service.names(name).collect(),
            };
            for (at, (service, unit)) in instances.iter().zip(units).enumerate() {
                let mut job = Job::new(name, service, target, options);
                job.gaps_of_table();
                job.notes_of_others();
                (job.unit, job.others) = (unit, Some(self));
                plan.units.extend(job.render()?);
                // What is said of one is said of all.
                if at == 0 {
                    plan.gaps.append(&mut job.gaps);
                    plan.notes.append(&mut job.notes);
                }
            }
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

    fn render(&mut self) -> Result<BTreeMap<String, Unit>, Error> {
        match self.target {
            Target::Systemd => systemd::units(self),
            Target::Daemontools => daemontools::directory(self),
            Target::Encore => encore::directory(self),
            Target::Runit => runit::directory(self),
            Target::S6 => s6::directory(self),
            Target::Embedded => embedded::directory(self),
        }
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
