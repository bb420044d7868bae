//! Completion in bash, zsh and fish, as somebody types it: some letters, Tab, Enter. What the shell
//! then passes to the program is noted, and must be the name, byte for byte.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::tmux::{PATIENCE, SVCTL, Terminal, are_installed};

/// What is typed of a name, and the name.
const NAMES: [(&str, &[u8]); 16] = [
    ("web", b"web-server"),
    ("ab", b"ab c"),
    ("d", b"d'e"),
    ("f", b"f\"g"),
    ("h", b"h$HOME`id`"),
    ("i", b"i\nj"),
    ("k", b"k\xffl"),
    ("m", b"m*n?[o]"),
    ("o", b"o\\p"),
    ("q", b"q!r"),
    ("g", b"g;t|u&"),
    ("v", b"v:w=x"),
    ("y", b"y(z){a}"),
    ("\u{e4}", "\u{e4} \u{f6}".as_bytes()),
    ("l", b"l\x1b[2Jm"),
    ("t", b"t\tu"),
];

/// A shell in a terminal, with services to complete.
struct Shell {
    terminal: Terminal,
    home: TempDir,
}

impl Shell {
    fn start(program: &str, settings: &[(&str, &str)], argv: &[&str]) -> Self {
        let home = tempfile::Builder::new().prefix("svsh-").tempdir().unwrap();
        for (_, name) in NAMES {
            let dir = home.path().join("service").join(OsStr::from_bytes(name));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("run"), "").unwrap();
        }
        let logger = home.path().join("service/web-server/log");
        fs::create_dir_all(&logger).unwrap();
        fs::write(logger.join("run"), "").unwrap();
        // Notes what it is given; what completes is the program itself.
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let note = format!(
            "#!/bin/sh\ncase $1 in __complete|completions) exec {SVCTL} \"$@\";; esac\n\
             printf '%s\\0' \"$@\" >\"$NOTES/fresh\"; mv \"$NOTES/fresh\" \"$NOTES/typed\"\n"
        );
        fs::write(bin.join("svctl"), note).unwrap();
        fs::set_permissions(bin.join("svctl"), fs::Permissions::from_mode(0o755)).unwrap();
        for (file, text) in settings {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", bin.display());
        let here = home.path().to_str().unwrap().to_owned();
        let scan = format!("{here}/service");
        let env = [
            ("HOME", &*here),
            ("NOTES", &here),
            ("ZDOTDIR", &here),
            ("XDG_CONFIG_HOME", &here),
            ("XDG_DATA_HOME", &here),
            ("PATH", &path),
            ("SVDIR", &scan),
        ];
        let argv: Vec<String> = argv.iter().map(|word| word.replace("HOME", &here)).collect();
        let argv: Vec<&str> =
            [program].into_iter().chain(argv.iter().map(|word| &**word)).collect();
        let terminal = Terminal::start(100, 30, &env, &argv);
        terminal.until_line("ready>");
        Self { terminal, home }
    }

    fn notes(&self) -> PathBuf {
        self.home.path().join("typed")
    }

    /// Types this, completes it and enters it; the words that the program gets.
    #[track_caller]
    fn completed(&self, line: &str) -> Vec<Vec<u8>> {
        self.terminal.types(line);
        self.terminal.keys(&["Tab", "Enter"]);
        let limit = Instant::now() + PATIENCE;
        let noted = loop {
            if let Ok(noted) = fs::read(self.notes()) {
                break noted;
            }
            let screen = || self.terminal.screen().join("\n");
            assert!(Instant::now() < limit, "{line}: nothing was run:\n{}", screen());
            std::thread::sleep(Duration::from_millis(10));
        };
        fs::remove_file(self.notes()).unwrap();
        let mut words: Vec<Vec<u8>> = noted.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        words.pop();
        words
    }

    #[track_caller]
    fn completes(&self, line: &str, words: &[&[u8]]) {
        let got = self.completed(line);
        let shown = |words: &[Vec<u8>]| {
            words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>()
        };
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        assert!(got == words, "{line}: {:?}, not {:?}", shown(&got), shown(&words));
    }

    fn every_name_comes_back(&self, but: &[&str]) {
        for (typed, name) in NAMES {
            if !but.contains(&typed) {
                self.completes(&format!("svctl up {typed}"), &[b"up", name]);
            }
        }
    }

    /// What is the same in all shells.
    fn commands_and_options(&self) {
        self.completes("svctl sta", &[b"status"]);
        self.completes(
            "svctl status --json --changed",
            &[b"status", b"--json", b"--changed-within"],
        );
        self.completes("svctl wait --for res", &[b"wait", b"--for", b"restarted"]);
        self.completes("svctl wait --for=res", &[b"wait", b"--for=restarted"]);
        self.completes("svctl down web-server/l", &[b"down", b"web-server/log"]);
        let other = self.home.path().join("other dir");
        fs::create_dir_all(other.join("else where")).unwrap();
        fs::write(other.join("else where/run"), "").unwrap();
        let dir = other.as_os_str().as_bytes();
        let typed = other.to_str().unwrap().replace(' ', "\\ ");
        self.completes(
            &format!("svctl --dir {typed} up el"),
            &[b"--dir", dir, b"up", b"else where"],
        );
        self.completes("svctl up 'ab", &[b"up", b"ab c"]);
        self.completes("svctl up \"ab", &[b"up", b"ab c"]);
        // A path is the shell's business.
        let path = self.home.path().join("service/web-server");
        let typed = format!("{}/service/web-s", self.home.path().display());
        let got = self.completed(&format!("svctl up {typed}"));
        let word = String::from_utf8(got[1].clone()).unwrap();
        assert_eq!(word.trim_end_matches('/'), path.to_str().unwrap());
    }
}

#[test]
fn bash_passes_names_back() {
    if !are_installed(&["tmux", "bash"]) {
        return;
    }
    let rc = "PS1='ready> '; PROMPT_COMMAND=; unset HISTFILE\nsource <(svctl completions bash)\n";
    let shell = Shell::start("bash", &[("rc", rc)], &["--noprofile", "--rcfile", "HOME/rc", "-i"]);
    shell.every_name_comes_back(&[]);
    shell.commands_and_options();
    // bash ends words at these, and completes what follows.
    shell.completes("svctl up v:w=", &[b"up", b"v:w=x"]);
    shell.completes("svctl up $'i", &[b"up", b"i\nj"]);
    shell.completes("false; svctl up 'd'", &[b"up", b"d'e"]);
}

#[test]
fn zsh_passes_names_back() {
    if !are_installed(&["tmux", "zsh"]) {
        return;
    }
    let rc = "PS1='ready> '; setopt no_beep\nautoload -Uz compinit; compinit -u -D\n\
              source <(svctl completions zsh)\n";
    let shell = Shell::start("zsh", &[(".zshrc", rc)], &["-d", "-i"]);
    shell.every_name_comes_back(&[]);
    shell.commands_and_options();
}

#[test]
fn fish_passes_names_back() {
    if !are_installed(&["tmux", "fish"]) {
        return;
    }
    let config = "function fish_prompt; echo 'ready> '; end\nfunction fish_greeting; end\n\
                  svctl completions fish | source\n";
    let shell = Shell::start("fish", &[("fish/config.fish", config)], &["--private", "-i"]);
    // What follows a tab is a description for fish.
    shell.every_name_comes_back(&["t"]);
    shell.commands_and_options();
}
