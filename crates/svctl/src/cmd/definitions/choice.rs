//! Some services of a file, and what they need.

use std::{collections::BTreeSet, ffi::OsString, path::Path};

use svcmgr::build::{
    Definitions,
    spec::{Kind, Restart},
};

use crate::{
    exit::Exit,
    output::{Output, printable},
};

/// A name that is no service of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    name: String,
    known: Vec<String>,
}

impl Unknown {
    pub(crate) fn tell(&self, file: &Path, output: &mut Output) -> Exit {
        let (name, file) = (&self.name, file.display());
        output.message(&printable(&format!("there is no service {name} in {file}")));
        let known = self.known.join(", ");
        output.hint(&printable(&format!("it has {known}; another file is named by -f FILE")));
        Exit::Usage
    }
}

/// Leaves those that were named, and what they need and want, or all without a name. Others are not waited for.
/// What there is to be said.
pub(crate) fn choose(
    definitions: &mut Definitions,
    names: &[OsString],
    exit_with: &[String],
) -> Result<Vec<String>, Unknown> {
    let services = &mut definitions.service;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    let mut open: Vec<String> = names.collect();
    let is_some = !open.is_empty();
    open.extend(exit_with.iter().cloned());
    let mut chosen = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(service) = services.get(&name) else {
            return Err(Unknown { name, known: services.keys().cloned().collect() });
        };
        if chosen.insert(name) {
            let pulled = service.needs.iter().chain(&service.wants);
            open.extend(pulled.map(|need| need.service.clone()));
        }
    }
    if is_some {
        services.retain(|name, _| chosen.contains(name));
        for service in services.values_mut() {
            service.after.retain(|need| chosen.contains(&need.service));
        }
    }
    let never_ends = exit_with.iter().filter(|name| {
        services
            .get(*name)
            .is_some_and(|it| it.restart.when == Restart::Always && it.kind != Kind::Job)
    });
    let told = never_ends.map(|name| {
        format!(
            "{name} is started again after each end, so that it never ends for good; \
             `kind = \"job\"` or `restart = \"never\"` ends all with it"
        )
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use svcmgr::build::spec::Base;

    use super::*;

    const FIVE: &str = "
        [service.db]
        exec = ['/bin/db']
        [service.migrate]
        exec = ['/bin/migrate']
        kind = 'job'
        needs = ['db']
        [service.cache]
        exec = ['/bin/cache']
        [service.web]
        exec = ['/bin/web']
        needs = ['migrate']
        wants = ['cache']
        after = ['other']
        [service.other]
        exec = ['/bin/other']
    ";

    fn chosen(names: &[&str], exit_with: &[&str]) -> Result<(Definitions, Vec<String>), Unknown> {
        let base = Base::Implied(Path::new("/"));
        let mut definitions = Definitions::from_toml_in(FIVE, base).unwrap();
        let names: Vec<_> = names.iter().map(OsString::from).collect();
        let exit_with: Vec<_> = exit_with.iter().map(|&name| name.to_owned()).collect();
        let told = choose(&mut definitions, &names, &exit_with)?;
        assert!(definitions.check().is_empty(), "what is left makes sense");
        Ok((definitions, told))
    }

    #[test]
    fn some_come_with_what_they_need_and_want_and_with_nothing_else() {
        let names = |names: &[&str], exit_with: &[&str]| {
            let (left, _) = chosen(names, exit_with).unwrap();
            left.service.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(names(&["web"], &[]), ["cache", "db", "migrate", "web"]);
        assert_eq!(names(&["cache"], &["migrate"]), ["cache", "db", "migrate"]);
        assert_eq!(names(&[], &["migrate"]).len(), 5);
        let unknown = chosen(&["wbe"], &[]).unwrap_err();
        assert_eq!((&*unknown.name, unknown.known.len()), ("wbe", 5));
    }

    #[test]
    fn who_never_ends_is_told() {
        assert_eq!(chosen(&[], &["migrate"]).unwrap().1, Vec::<String>::new());
        let (_, told) = chosen(&[], &["web"]).unwrap();
        assert!(told.len() == 1 && told[0].starts_with("web is started again"), "{told:?}");
    }
}
