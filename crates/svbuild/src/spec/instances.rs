//! Services of which there are several, each with a number.

use std::path::PathBuf;

use super::{Definitions, Service};

/// The variable that has the number.
pub(crate) const INSTANCE: &str = "INSTANCE";

impl Service {
    /// The instance of this number: a service of its own, which knows it. What stays as it is:
    /// `instances`, where there are none. `log.dir` is a directory below, of its number.
    ///
    /// ```
    /// use svbuild::Service;
    ///
    /// let second = Service::new(["/bin/worker"]).instances(3).instance(2);
    /// assert_eq!((second.instances, second.env["INSTANCE"].as_bytes()), (None, &b"2"[..]));
    /// ```
    #[must_use]
    pub fn instance(&self, number: u16) -> Self {
        let mut one = self.clone().env(INSTANCE, number.to_string());
        one.instances = None;
        if let Some(dir) = one.log.as_mut().and_then(|log| log.dir.as_mut()) {
            let below: PathBuf = dir.join(number.to_string());
            *dir = below;
        }
        one
    }

    /// The names under which it runs: its own, or one for each instance.
    ///
    /// ```
    /// use svbuild::Service;
    ///
    /// let names: Vec<_> = Service::new(["/bin/worker"]).instances(2).names("worker").collect();
    /// assert_eq!(names, ["worker@1", "worker@2"]);
    /// ```
    pub fn names(&self, name: &str) -> impl Iterator<Item = String> + use<> {
        let (one, name) = (self.instances.is_none().then(|| name.to_owned()), name.to_owned());
        let numbered = (1..=self.instances.unwrap_or(0)).map(move |it| format!("{name}@{it}"));
        one.into_iter().chain(numbered)
    }
}

impl Definitions {
    /// The names under which a service of the file runs; its own if the file has none of that name.
    pub(crate) fn names_of(&self, name: &str) -> Vec<String> {
        let of = |service: &Service| service.names(name).collect();
        self.service.get(name).map_or_else(|| vec![name.to_owned()], of)
    }
}
