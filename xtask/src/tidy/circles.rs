//! No circles inside a crate: of the parts of a module, none imports one that imports it, in however many steps.
//!
//! An arrow is a path of a `use`, or one in the code that begins with `crate`, `self` or `super`. It leads from the
//! file that it stands in to the file that has what it names, also by way of another module, or of the crate's root,
//! that hands it on. A module and its own parts may name each other.

use std::collections::{BTreeMap, BTreeSet};

use super::source;

/// A module by the names that lead to it.
type Module = Vec<String>;

/// One finding for each circle of the crate whose files, by their paths below `src`, have these texts.
pub(super) fn check(member: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let krate = Crate::new(files);
    let mut findings = Vec::new();
    for (parent, arrows) in krate.arrows() {
        for circle in circles(&arrows) {
            let ties = arrows.iter().filter_map(|((from, to), why)| {
                let is_in = circle.contains(from) && circle.contains(to);
                is_in.then(|| format!("{from} -> {to} ({why})"))
            });
            let ties = ties.collect::<Vec<_>>().join(", ");
            let place = [&[member.to_owned()], parent.as_slice()].concat().join("::");
            findings.push(format!(
                "{place}: these import each other: {ties}; move what one takes below both"
            ));
        }
    }
    findings
}

/// The modules of a crate, and the paths that their code names.
struct Crate {
    paths: BTreeMap<Module, Vec<Named>>,
}

/// A path in the code, and the name under which a `use` makes it known.
struct Named {
    path: Module,
    known_as: Option<String>,
}

impl Crate {
    fn new(files: &BTreeMap<String, String>) -> Self {
        let mut paths = BTreeMap::new();
        for (place, text) in files {
            let module = place.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            let module = if place == "lib.rs" || place == "main.rs" { vec![] } else { module };
            let code = source::code(text);
            let lines = source::without_tests(&code).into_iter().map(|it| it.1);
            let kept: Vec<&str> = lines.filter(|it| !it.trim_start().starts_with("#[")).collect();
            paths.insert(module, named_in(&kept.join("\n")));
        }
        Self { paths }
    }

    /// For each module, which of its parts import which, and an example of what.
    fn arrows(&self) -> BTreeMap<Module, BTreeMap<(String, String), String>> {
        let mut all: BTreeMap<Module, BTreeMap<(String, String), String>> = BTreeMap::new();
        for (from, paths) in &self.paths {
            for path in paths.iter().filter_map(|it| self.absolute(from, &it.path)) {
                let to = self.owner(&path, 0);
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
                    let parent = from.iter().take(shared).cloned().collect();
                    let arrow = (a.clone(), b.clone());
                    all.entry(parent).or_default().entry(arrow).or_insert_with(|| path.join("::"));
                }
            }
        }
        all
    }

    /// The path from the crate's root; `None` for what is of another crate, or no path at all.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut base = module.clone();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([base, rest.to_vec()].concat()),
            "super" => {
                base.pop();
                let rest = match rest.first().map(String::as_str) {
                    Some("super") => self.absolute(&base, rest)?,
                    _ => [base, rest.to_vec()].concat(),
                };
                Some(rest)
            }
            _ => {
                base.push(first.clone());
                self.paths.contains_key(&base).then(|| [base, rest.to_vec()].concat())
            }
        }
    }

    /// The module that has what a path names.
    fn owner(&self, path: &[String], steps: usize) -> Module {
        let is_module =
            |len: &usize| path.get(..*len).is_some_and(|it| self.paths.contains_key(it));
        let len = (0..=path.len()).take_while(is_module).last().unwrap_or_default();
        let (module, rest) = path.split_at(len);
        let Some((name, rest)) = rest.split_first().filter(|_| steps < 8) else {
            return module.to_vec();
        };
        let module = module.to_vec();
        let handed_on = self.paths.get(&module).into_iter().flatten();
        let mut handed_on = handed_on.filter(|it| it.known_as.as_ref() == Some(name));
        let from = handed_on.find_map(|it| self.absolute(&module, &it.path));
        match from {
            Some(from) => self.owner(&[from, rest.to_vec()].concat(), steps + 1),
            None => module,
        }
    }
}

/// The paths of all `use`s, and those in the code that say by themselves where they begin.
fn named_in(code: &str) -> Vec<Named> {
    let mut named = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive([';', '{', '}']) {
        rest.push_str(statement);
        // A tree of names has braces of its own.
        let is_open = rest.matches('{').count() > rest.matches('}').count();
        if !is_use(&rest) || !is_open && rest.ends_with(';') {
            let statement = std::mem::take(&mut rest);
            match statement.split_once("use ").filter(|_| is_use(&statement)) {
                Some((_, tree)) => expand(tree.trim_end_matches(';'), &[], &mut named),
                None => inline(&statement, &mut named),
            }
        }
    }
    named
}

/// Whether a statement begins like a `use`, whoever may see it.
fn is_use(statement: &str) -> bool {
    let words = statement.trim_start();
    let words = match words.strip_prefix("pub") {
        Some(rest) => rest.trim_start_matches(|it| it != ' ').trim_start(),
        None => words,
    };
    words.starts_with("use ")
}

/// Takes a tree of names apart.
fn expand(tree: &str, before: &[String], named: &mut Vec<Named>) {
    let tree = tree.trim();
    if let Some((path, group)) = tree.split_once('{') {
        let before = [before, &segments(path)].concat();
        let mut depth = 0_usize;
        let parts = group.trim_end().trim_end_matches('}').split(|it| {
            match it {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => (),
            }
            it == ',' && depth == 0
        });
        for part in parts.filter(|part| !part.trim().is_empty()) {
            // The last one of a group within has lost its brace.
            expand(part, &before, named);
        }
        return;
    }
    let (path, known_as) = match tree.split_once(" as ") {
        Some((path, name)) => (path, Some(name.trim().to_owned())),
        None => (tree, None),
    };
    let mut path = [before, &segments(path)].concat();
    if path.len() > 1 && path.last().is_some_and(|it| it == "self") {
        path.pop();
    }
    let known_as = known_as.or_else(|| path.last().cloned());
    named.push(Named { path, known_as });
}

fn segments(path: &str) -> Vec<String> {
    let names = path.split("::").map(str::trim);
    names.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Paths outside a `use`.
fn inline(code: &str, named: &mut Vec<Named>) {
    let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
    for path in code.split(|it| !is_part(it)) {
        let begins = ["crate::", "self::", "super::"].iter().any(|it| path.starts_with(it));
        if begins {
            named.push(Named { path: segments(path), known_as: None });
        }
    }
}

/// The sets of parts of which each leads to each other, larger than one.
fn circles(arrows: &BTreeMap<(String, String), String>) -> BTreeSet<BTreeSet<String>> {
    let mut reach: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        reach.entry(from).or_default().insert(to);
    }
    loop {
        let mut grew = false;
        for from in reach.keys().copied().collect::<Vec<_>>() {
            let now = reach.get(from).cloned().unwrap_or_default();
            let far = now.iter().filter_map(|it| reach.get(it)).flatten().copied();
            let all: BTreeSet<&String> = now.iter().copied().chain(far).collect();
            grew |= all.len() > now.len();
            reach.insert(from, all);
        }
        if !grew {
            break;
        }
    }
    let leads = |from: &String, to: &String| reach.get(from).is_some_and(|all| all.contains(to));
    let mates = |one: &String| -> BTreeSet<String> {
        reach.keys().filter(|it| leads(one, it) && leads(it, one)).map(|it| (*it).clone()).collect()
    };
    reach.keys().map(|it| mates(it)).filter(|circle| circle.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    /// Each file's path and text, and the circles that are found among them.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let files = files.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let found = super::check("it", &files);
        let found: Vec<&str> =
            found.iter().map(|it| it.split("; move").next().unwrap_or(it)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn two_that_import_each_other_are_found_and_told_of_once() {
        let circle = "it: these import each other: a -> b (b::B), b -> a (a)";
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        check(&[lib, ("a.rs", "use crate::b::B;\n"), ("b.rs", "use crate::a;\n")], &[circle]);
        let long = "it: these import each other: a -> b (b::B), b -> c (c::C), c -> a (a::A)";
        let ring = [
            ("a.rs", "use crate::{\n    Error,\n    b::{B, x as y},\n};\n"),
            ("b.rs", "pub(crate) use super::c::C;\n"),
            ("c.rs", "fn c() {\n    let a: crate::a::A;\n}\n"),
        ];
        check(&[&[lib][..], &ring].concat(), &[long]);
    }

    #[test]
    fn a_module_and_its_parts_and_what_tests_take_are_free() {
        check(
            &[
                ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n"),
                ("a.rs", "mod inner;\nuse self::inner::Inner;\nuse crate::b::B;\n"),
                ("a/inner.rs", "use super::A;\nuse crate::b;\n"),
                ("b.rs", "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
            ],
            &[],
        );
    }

    #[test]
    fn what_the_root_hands_on_is_followed_to_where_it_is() {
        let circle = "it: these import each other: a -> b (B), b -> a (a::A)";
        check(
            &[
                ("lib.rs", "mod a;\nmod b;\npub use b::B;\n"),
                ("a.rs", "use crate::B;\n"),
                ("b.rs", "use crate::a::A;\n"),
            ],
            &[circle],
        );
    }

    #[test]
    fn what_a_module_hands_on_is_followed_to_where_it_is() {
        let circle = "it::a: these import each other: x -> y (a::y::Y), y -> x (a::X)";
        check(
            &[
                ("lib.rs", "mod a;\n"),
                ("a.rs", "mod x;\nmod y;\npub(crate) use self::x::X;\n"),
                ("a/x.rs", "use super::y::Y;\n"),
                ("a/y.rs", "use super::X;\n"),
            ],
            &[circle],
        );
    }

    #[test]
    fn parts_of_two_modules_tie_these() {
        let circle = "it: these import each other: a -> b (b::B), b -> a (a::inner::I)";
        check(
            &[
                ("lib.rs", "mod a;\nmod b;\n"),
                ("a.rs", "mod inner;\n"),
                ("a/inner.rs", "use crate::b::B;\n"),
                ("b.rs", "mod deep;\n"),
                ("b/deep.rs", "use super::super::a::inner::I;\n"),
            ],
            &[circle],
        );
    }
}
