//! What an `exec` comes to behind those who prepare it: which programs, users, groups and directories
//! its words name.

use super::script::Word;

/// What is named on the way to a program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exec {
    /// Each program on the way, by the word for it.
    pub(super) programs: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) groups: Vec<String>,
    /// Those of variables (`envdir`), those to go to, another root.
    pub(super) directories: Vec<String>,
    /// What an interpreter is to read.
    pub(super) script: Option<String>,
    /// The way was followed to its end.
    pub(super) is_whole: bool,
    /// One on the way exits with numbers of its own where something is missing.
    pub(super) has_own_exits: bool,
}

/// What an option of a program is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    User,
    Group,
    /// A directory of variables, or one to go to: behind it, names are not looked for here.
    Directory,
    /// What its word says does not matter.
    Word,
    /// Nothing of it is known.
    Unknown,
    Nothing,
}

/// Programs that prepare another: the options that take a word, by letter and by name, and how many
/// words stand before the program. Source: their manual pages; util-linux 2.38, coreutils 9.1, sudo 1.9.
struct Preparer {
    letters: &'static str,
    names: &'static [&'static str],
    arguments: usize,
}

fn preparer(name: &str) -> Option<Preparer> {
    let (letters, names, arguments): (_, &[_], _) = match name {
        "chpst" => ("uUbe/CnlLmdopfcrt", &[], 0),
        "softlimit" | "s6-softlimit" => ("acdflmoprst", &[], 0),
        "pgrphack" | "nohup" | "setsid" => ("", &[], 0),
        "nice" => ("n", &["adjustment"], 0),
        "ionice" => ("cn", &["class", "classdata"], 0),
        "setuidgid" | "s6-setuidgid" | "envuidgid" | "s6-envuidgid" | "envdir" | "s6-envdir"
        | "setlock" | "s6-setlock" => ("", &[], 1),
        "s6-applyuidgid" => ("ugG", &[], 0),
        "stdbuf" => ("ioe", &["input", "output", "error"], 0),
        "taskset" => ("", &[], 1),
        "chrt" => ("TPD", &["sched-runtime", "sched-period", "sched-deadline"], 1),
        "sudo" => ("ugChprtTDRU", &["user", "group", "chdir", "chroot", "prompt"], 0),
        "runuser" => ("ugG", &["user", "group", "supp-group"], 0),
        "setpriv" => (
            "",
            &[
                "reuid",
                "euid",
                "ruid",
                "regid",
                "egid",
                "rgid",
                "groups",
                "inh-caps",
                "ambient-caps",
                "bounding-set",
                "securebits",
                "pdeathsig",
            ],
            0,
        ),
        "chroot" => ("", &["userspec", "groups"], 1),
        "env" => ("uC", &["unset", "chdir"], 0),
        _ => return None,
    };
    Some(Preparer { letters, names, arguments })
}

fn about(program: &str, option: &str) -> About {
    match (program, option) {
        ("chpst", "u" | "U")
        | ("sudo" | "runuser", "u" | "user")
        | ("setpriv", "reuid" | "euid" | "ruid")
        | ("chroot", "userspec") => About::User,
        ("sudo" | "runuser", "g" | "group")
        | ("setpriv", "regid" | "egid" | "rgid")
        | ("runuser", "G" | "supp-group") => About::Group,
        ("chpst", "e" | "/" | "C")
        | ("env", "C" | "chdir")
        | ("sudo", "D" | "R" | "chdir" | "chroot") => About::Directory,
        // Which process, and words that are split again.
        ("taskset" | "chrt", "p" | "pid") | ("env", "S" | "split-string") | ("sudo", "i" | "s") => {
            About::Unknown
        }
        _ => About::Word,
    }
}

/// Reads the words of a command, as those behind `exec`. `None` where there are none.
pub(super) fn exec(words: &[Word]) -> Option<Exec> {
    let mut found = Exec::default();
    let mut rest = words;
    if rest.first()?.text == "-a" {
        rest = rest.get(2..)?; // bash: the name that the program is given.
    }
    while !rest.is_empty() {
        match found.program(rest) {
            Some(next) => rest = next,
            None => break,
        }
    }
    Some(found)
}

/// How many words a program that prepares another has with its options; `None` for any other.
pub(super) fn length(words: &[Word]) -> Option<usize> {
    let rest = Exec::default().program(words)?;
    Some(words.len() - rest.len())
}
/// What a shell or another interpreter is to read, where that shows.
fn read_by(name: &str, words: &[Word]) -> Option<String> {
    let word = match name {
        "sh" | "bash" | "dash" | "ksh" | "python" | "python3" | "perl" | "ruby" | "node"
        | "php" => words.first()?,
        "java" => words.get(words.iter().position(|it| it.text == "-jar")? + 1)?,
        _ => return None,
    };
    let is_path = word.is_plain && word.text.contains('/') && !word.text.starts_with('-');
    is_path.then(|| word.text.clone())
}

impl Exec {
    /// Reads one program; the words from the next one on, if that shows.
    fn program<'a>(&mut self, words: &'a [Word]) -> Option<&'a [Word]> {
        let (word, behind) = words.split_first()?;
        let is_option = self.programs.is_empty() && word.text.starts_with('-');
        if is_option || !word.is_plain || word.text.is_empty() {
            return None;
        }
        self.programs.push(word.text.clone());
        let name = word.text.rsplit('/').next().unwrap_or_default();
        self.has_own_exits |= matches!(
            name,
            "su" | "sudo" | "runuser" | "setpriv" | "start-stop-daemon" | "chroot" | "env"
        );
        let names_user = |it: &&Word| it.text.starts_with("-u") || it.text.starts_with("--user");
        if name == "su" || (name == "runuser" && !behind.iter().any(|it| names_user(&it))) {
            self.switched(behind);
            return None;
        }
        if name == "start-stop-daemon" {
            self.started(behind);
            return None;
        }
        let Some(preparer) = preparer(name) else {
            self.is_whole = true;
            self.script = read_by(name, behind);
            return None;
        };
        self.options(name, &preparer, behind)
    }

    /// The words from the next program on; `None` where that does not show, or is elsewhere.
    fn options<'a>(
        &mut self,
        name: &str,
        preparer: &Preparer,
        words: &'a [Word],
    ) -> Option<&'a [Word]> {
        let mut rest = words;
        let mut is_elsewhere = name.ends_with("envdir") || name == "chroot";
        while let Some((option, behind)) = rest.split_first() {
            if !option.text.starts_with('-') || option.text.len() < 2 {
                break;
            }
            if !option.is_plain {
                return None;
            }
            rest = behind;
            if option.text == "--" {
                break;
            }
            let (key, value) = if let Some(long) = option.text.strip_prefix("--") {
                let (key, value) =
                    long.split_once('=').map_or((long, None), |it| (it.0, Some(it.1)));
                if value.is_none() && !preparer.names.contains(&key) {
                    if about(name, key) == About::Unknown {
                        return None;
                    }
                    is_elsewhere |= name == "env";
                    continue;
                }
                (key.to_owned(), value.map(str::to_owned))
            } else {
                let letters = option.text.get(1..)?;
                if letters
                    .chars()
                    .any(|it| about(name, it.encode_utf8(&mut [0; 4])) == About::Unknown)
                {
                    return None;
                }
                let Some(at) = letters.find(|it| preparer.letters.contains(it)) else {
                    is_elsewhere |= name == "env";
                    continue;
                };
                let behind = letters.get(at + 1..).unwrap_or_default();
                let key = letters.get(at..=at)?.to_owned();
                (key, (!behind.is_empty()).then(|| behind.to_owned()))
            };
            let value = if let Some(text) = value {
                Word { text, is_plain: true }
            } else {
                let (value, behind) = rest.split_first()?;
                rest = behind;
                value.clone()
            };
            let about = about(name, &key);
            is_elsewhere |= about == About::Directory;
            if value.is_plain {
                self.named(about, &value.text);
            }
        }
        // `NAME=VALUE` before the program; where the path is among them, it is not the one known here.
        while let Some((word, behind)) = rest.split_first() {
            if !matches!(name, "env" | "sudo") || !word.text.contains('=') {
                break;
            }
            is_elsewhere |= word.text.starts_with("PATH=");
            rest = behind;
        }
        for _ in 0..preparer.arguments {
            let (value, behind) = rest.split_first()?;
            rest = behind;
            let about = match name {
                _ if name.ends_with("uidgid") => About::User,
                _ if name.ends_with("envdir") || name == "chroot" => About::Directory,
                _ => About::Nothing,
            };
            if value.is_plain {
                self.named(about, &value.text);
            }
        }
        (!is_elsewhere).then_some(rest)
    }

    fn named(&mut self, about: About, text: &str) {
        match about {
            About::User => self.account(text),
            About::Group => self.groups.extend(is_name(text).then(|| text.to_owned())),
            About::Directory => self.directories.push(text.to_owned()),
            About::Word | About::Unknown | About::Nothing => {}
        }
    }

    /// `user`, `user:group:group`, `:uid:gid`; numbers need no entry.
    fn account(&mut self, text: &str) {
        if text.starts_with(':') {
            return;
        }
        let mut parts = text.split(':').filter(|it| is_name(it)).map(str::to_owned);
        if text.starts_with(|it: char| !it.is_ascii_digit()) {
            self.users.extend(parts.next());
        }
        self.groups.extend(parts);
    }

    /// `su` and its like: the first word that is no option is the user, and what `-c` says is a shell's.
    fn switched(&mut self, words: &[Word]) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "-c" | "-s" | "-g" | "-G" | "-w" | "--command" | "--shell" | "--group" => {
                    words.next();
                }
                option if option.starts_with('-') => {}
                user => {
                    if word.is_plain {
                        self.account(user);
                    }
                    return;
                }
            }
        }
    }

    /// `start-stop-daemon`, of which each word is told by the option before it.
    fn started(&mut self, words: &[Word]) {
        let mut words = words.iter().take_while(|it| it.text != "--");
        while let Some(word) = words.next() {
            let (key, value) =
                word.text.split_once('=').map_or((&*word.text, None), |it| (it.0, Some(it.1)));
            let is_asked = matches!(
                key,
                "-c" | "--chuid"
                    | "-g"
                    | "--group"
                    | "-x"
                    | "--exec"
                    | "-a"
                    | "--startas"
                    | "-d"
                    | "--chdir"
                    | "-r"
                    | "--chroot"
            );
            if !is_asked {
                continue;
            }
            let Some(value) =
                value.or_else(|| words.next().filter(|it| it.is_plain).map(|it| &*it.text))
            else {
                return;
            };
            match key {
                "-c" | "--chuid" => self.account(value),
                "-g" | "--group" => self.named(About::Group, value),
                "-d" | "--chdir" => self.named(About::Directory, value),
                "-r" | "--chroot" => return,
                _ => self.programs.push(value.to_owned()),
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{super::script::commands, *};

    fn of(text: &str) -> Option<Exec> {
        let all = commands(text);
        let found = all.iter().find(|it| it.words[0].text == "exec")?;
        exec(&found.words[1..])
    }

    #[test]
    fn an_exec_is_followed_behind_those_who_prepare_it() {
        let found = of("exec chpst -u www:adm -o 100 \\\n /opt/web/server -p 80 2>&1").unwrap();
        assert_eq!(found.programs, ["chpst", "/opt/web/server"]);
        assert_eq!((found.users, found.groups), (vec!["www".into()], vec!["adm".into()]));
        let found = of("exec setuidgid www softlimit -m 100 server >/dev/null").unwrap();
        assert_eq!(found.programs, ["setuidgid", "softlimit", "server"]);
        let found = of("exec chpst -u :100:100 $PROGRAM").unwrap();
        assert_eq!((found.programs, found.is_whole), (vec!["chpst".into()], false));
        let found = of("exec chpst -e ./env -u www server").unwrap();
        assert_eq!((found.programs, found.users), (vec!["chpst".into()], vec!["www".into()]));
        assert_eq!(of("exec 2>&1"), None);
        assert_eq!(of("exec \"$@\"").unwrap().programs, [""; 0]);
    }

    #[test]
    fn users_are_named_in_many_ways() {
        for text in [
            "chpst -P -U www server",
            "su www -c 'server -x'",
            "su -s /bin/sh -c server - www",
            "sudo -n -u www -- server",
            "sudo --user=www server",
            "runuser -u www -- server",
            "runuser -s /bin/sh www -c server",
            "setpriv --reuid=www --clear-groups server",
            "setpriv --reuid www --init-groups server",
            "chroot --userspec=www / server",
            "start-stop-daemon -S -c www -x /bin/sleep -- -c other",
            "start-stop-daemon --start --chuid=www --exec /bin/sleep",
            "nice -n 5 su - www",
        ] {
            assert_eq!(of(&format!("exec {text}")).unwrap().users, ["www"], "{text}");
        }
        for text in ["su -c x", "sudo server", "runuser -u 100 server", "setpriv --reuid=5 x"] {
            assert_eq!(of(&format!("exec {text}")).unwrap().users, [""; 0], "{text}");
        }
    }

    #[test]
    fn a_program_stands_behind_those_of_the_system() {
        for text in [
            "env A=1 B=2 server",
            "env -u A -- server",
            "stdbuf -oL server -x",
            "setsid -w server",
            "taskset -c 0,1 server",
            "chrt -b 0 server",
            "nice -5 ionice -c2 -n 4 server",
            "setpriv --no-new-privs --reuid 5 server",
            "-a web server",
        ] {
            let found = of(&format!("exec {text}")).unwrap();
            assert_eq!(found.programs.last().unwrap(), "server", "{text}");
        }
        // Another path, another root, other words: what follows is not looked for here.
        for text in
            ["env -i server", "env PATH=/x server", "env -S 'a b' server", "chroot /x server"]
        {
            let found = of(&format!("exec {text}")).unwrap();
            assert_eq!((found.programs.len(), found.is_whole), (1, false), "{text}");
        }
        assert_eq!(of("exec env -C /srv server").unwrap().directories, ["/srv"]);
        assert_eq!(of("exec chroot /srv server").unwrap().directories, ["/srv"]);
        let read = |text| of(text).unwrap().script;
        assert_eq!(read("exec python3 /opt/a.py -x"), Some("/opt/a.py".into()));
        assert_eq!(read("exec java -Xmx1g -jar /opt/a.jar"), Some("/opt/a.jar".into()));
        assert_eq!(read("exec sh -c /opt/a"), None);
    }
}
