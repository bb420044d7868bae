//! From a command of a unit to the words of a definition.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    specifier::{self, UnitName},
    words::{self, Command, Part},
};
use crate::{report::LineVerdict, shell};

/// The variables of a unit.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// By `Environment=`.
    pub(super) set: BTreeMap<String, String>,
    /// There is an `EnvironmentFile=`, which may set anything.
    pub(super) has_files: bool,
    /// What the files set as they are now; `None` if one could not be read.
    pub(super) in_files: Option<BTreeMap<String, String>>,
    /// By `PassEnvironment=`.
    pub(super) passed: BTreeSet<String>,
}

/// Words, and how they say it.
#[derive(Debug)]
pub(super) struct Argv {
    pub(super) words: Vec<String>,
    /// Variables are still in them, as `expand` has them.
    pub(super) expands: bool,
    pub(super) verdict: LineVerdict,
    pub(super) why: Option<String>,
}

/// What the manager itself sets.
const OF_THE_MANAGER: [&str; 22] = [
    "PATH",
    "LANG",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "MAINPID",
    "MANAGERPID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "TERM",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
];

impl Variables {
    /// The value, where it is the same at each start.
    fn fixed(&self, name: &str) -> Option<&str> {
        if self.has_files || self.passed.contains(name) {
            return None;
        }
        match self.set.get(name) {
            Some(value) => Some(value),
            None => (!OF_THE_MANAGER.contains(&name)).then_some(""),
        }
    }

    /// Whether the value has something in it that systemd takes off and a shell does not, as far as it is
    /// known now.
    fn is_quoted(&self, name: &str) -> bool {
        let Some(files) = &self.in_files else { return true };
        let value = files.get(name).or_else(|| self.set.get(name));
        value.is_some_and(|value| value.contains(['"', '\'', '\\']))
    }
}

/// The words of a command.
///
/// The error says why there are none.
pub(super) fn argv(
    command: &Command,
    unit: &UnitName,
    env: &Variables,
    may_expand: bool,
) -> Result<Argv, String> {
    let mut expanded = Vec::new();
    for word in &command.words {
        expanded.push(specifier::expand(word, unit)?);
    }
    let (Some(program), args) = (expanded.first(), expanded.get(1..).unwrap_or_default()) else {
        return Err("it names no program".to_owned());
    };
    let parts: Vec<Vec<Part>> = if command.has(':') {
        args.iter().map(|word| vec![Part::Text(word.clone())]).collect()
    } else {
        args.iter().map(|word| words::parts(word)).collect()
    };
    let names: BTreeSet<&str> = parts.iter().flatten().filter_map(Part::name).collect();
    if names.is_empty() {
        let args = parts.iter().map(|parts| parts.iter().map(Part::text).collect());
        let words = std::iter::once(program.clone()).chain(args).collect();
        return Ok(Argv { words, expands: false, verdict: LineVerdict::Exact, why: None });
    }
    if names.contains("MAINPID") {
        return Err("`$MAINPID` is known to systemd alone".to_owned());
    }
    if names.iter().all(|name| env.fixed(name).is_some()) {
        let mut words = vec![program.clone()];
        for parts in &parts {
            match parts.as_slice() {
                [Part::Words(name)] => {
                    words.extend(
                        words::words(env.fixed(name).unwrap_or_default()).unwrap_or_default(),
                    );
                }
                parts => {
                    let value = |part: &Part| {
                        part.name().and_then(|it| env.fixed(it)).unwrap_or_default().to_owned()
                    };
                    words.push(parts.iter().map(|part| part.text() + &value(part)).collect());
                }
            }
        }
        let why = "the variables of the unit are put in".to_owned();
        return Ok(Argv {
            words,
            expands: false,
            verdict: LineVerdict::Equivalent,
            why: Some(why),
        });
    }
    if may_expand && parts.iter().all(|parts| is_expandable(parts)) {
        return Ok(by_expand(program, &parts));
    }
    Ok(by_shell(program, &parts, env))
}

/// Whether `expand` says the same. To it a reference alone is as many words as its value has.
fn is_expandable(parts: &[Part]) -> bool {
    !matches!(parts, [Part::Value(_)])
}

fn by_expand(program: &str, parts: &[Vec<Part>]) -> Argv {
    let mut words = vec![escaped(program)];
    for parts in parts {
        // No variable can have such a name, so systemd puts nothing there.
        if matches!(parts.as_slice(), [Part::Words(name)] if !words::is_name(name)) {
            continue;
        }
        let text = parts.iter().map(|part| match part {
            Part::Text(text) => escaped(text),
            Part::Value(name) | Part::Words(name) => format!("${{{name}:-}}"),
        });
        words.push(text.collect());
    }
    let why = "the variables are put in at each start, by `expand`".to_owned();
    Argv { words, expands: true, verdict: LineVerdict::Equivalent, why: Some(why) }
}

/// A text in which `expand` replaces nothing.
pub(super) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn by_shell(program: &str, parts: &[Vec<Part>], env: &Variables) -> Argv {
    let mut line = format!("exec {}", shell::quote(program));
    let mut quoted = Vec::new();
    for parts in parts {
        line.push(' ');
        if let [Part::Text(text)] = parts.as_slice() {
            line.push_str(&shell::quote(text));
            continue;
        }
        for part in parts {
            match part {
                Part::Text(text) => line.push_str(&shell::quote(text)),
                Part::Value(name) => line.push_str(&format!("\"${{{name}}}\"")),
                Part::Words(name) if words::is_name(name) => {
                    if env.is_quoted(name) {
                        quoted.push(name.as_str());
                    }
                    line.push_str(&format!("${name}"));
                }
                // No variable can have such a name, so systemd puts nothing there.
                Part::Words(_) => (),
            }
        }
    }
    // Without -f, `*` in a value would mean something.
    let words = ["/bin/sh", "-fc", &line].map(str::to_owned).to_vec();
    if quoted.is_empty() {
        let why = "a shell puts the variables in at each start".to_owned();
        return Argv { words, expands: false, verdict: LineVerdict::Equivalent, why: Some(why) };
    }
    let why = format!(
        "a shell puts the variables in at each start; it does not take off quotes and backslashes in the value \
         of {}",
        quoted.join(", ")
    );
    Argv { words, expands: false, verdict: LineVerdict::Approximated, why: Some(why) }
}

impl Part {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Value(name) | Self::Words(name) => Some(name),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Value(_) | Self::Words(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str, env: &Variables) -> Argv {
        let command = words::commands(line).unwrap().remove(0);
        argv(&command, &UnitName::new("x.service"), env, false).unwrap()
    }

    #[test]
    fn variables_are_put_in_where_they_are_known() {
        let mut env = Variables::default();
        env.set.insert("A".into(), "one 'two three'".into());
        let found = run("/bin/x $A ${A} -${A}- $NO ${NO} $$A", &env);
        let expected =
            ["/bin/x", "one", "two three", "one 'two three'", "-one 'two three'-", "", "$A"];
        assert_eq!(found.words, expected);
        assert_eq!(found.verdict, LineVerdict::Equivalent);
        assert_eq!(run(":/bin/x $A", &env).words, ["/bin/x", "$A"]);
    }

    #[test]
    fn expand_says_what_systemd_does() {
        let env = Variables { has_files: true, ..Variables::default() };
        let run = |line: &str| {
            let command = words::commands(line).unwrap().remove(0);
            argv(&command, &UnitName::new("x.service"), &env, true).unwrap()
        };
        let found = run("/bin/x $A -p=${C} $1 '$${D}'");
        assert_eq!(found.words, ["/bin/x", "${A:-}", "-p=${C:-}", "$${D}"]);
        assert!(found.expands);
        assert!(!run("/bin/x ${A}").expands, "one word, whatever is in it");
    }

    #[test]
    fn a_shell_puts_in_what_a_file_sets() {
        let mut env = Variables { has_files: true, ..Variables::default() };
        env.in_files =
            Some(BTreeMap::from([("A".into(), "x y".into()), ("B".into(), "'z'".into())]));
        let found = run("/bin/x $A -p=${C} 'a b'", &env);
        assert_eq!(found.words, ["/bin/sh", "-fc", "exec /bin/x $A -p=\"${C}\" 'a b'"]);
        assert_eq!(found.verdict, LineVerdict::Equivalent);
        assert_eq!(run("/bin/x $B", &env).verdict, LineVerdict::Approximated);
    }
}
