//! What reads a file of variables for `sh`, as systemd reads `EnvironmentFile=`.
//!
//! `awk` makes lines for `eval` of it, with every value in single quotes: `export NAME='…'`, and
//! `set -- "$@" 'NAME=…'` for names that programs on the way to the service listen to. In what is
//! given to `awk`, `\047` is a single quote, so that a script can be read by people.
//!
//! Source: `systemd.exec(5)`; compared with systemd 252, 257 and 262.

/// Names that a shell, the dynamic linker or a program of the chain listens to.
const LISTENED_TO: [&str; 24] = [
    "PATH",
    "IFS",
    "ENV",
    "PPID",
    "UID",
    "EUID",
    "GID",
    "GIDLIST",
    "GROUPS",
    "OPTIND",
    "OPTARG",
    "OPTERR",
    "LINENO",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "PS4",
    "PWD",
    "OLDPWD",
    "_",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "POSIXLY_CORRECT",
    "HOSTNAME",
];

/// What names that they listen to begin with.
const PREFIXES: [&str; 7] = ["LD_", "DYLD_", "BASH", "MALLOC_", "LOC", "LC_", "NLS"];

/// Whether a variable must not be set while programs of the chain still run.
pub(crate) fn is_listened_to(name: &str) -> bool {
    LISTENED_TO.contains(&name) || PREFIXES.into_iter().any(|prefix| name.starts_with(prefix))
}

/// The same as an extended regular expression.
fn listened_to_pattern() -> String {
    format!("^(({})$|{})", LISTENED_TO.join("|"), PREFIXES.join("|"))
}

/// The states have the first letters of systemd's: before a key, in it, before a value, in it, after a
/// backslash in it, in single and in double quotes, after a backslash in double quotes, in a comment,
/// after a backslash in one.
const READER: &str = r##"
function put(  n, i, part, quoted) {
  sub(/[ \t]+$/, "", key)
  if (key !~ /^[A-Za-z_][A-Za-z0-9_]*$/) { print FILENAME ": no variable is named " key | "cat >&2" }
  else {
    n = split(val, part, "\047")
    for (i = 1; i <= n; i++) quoted = quoted (i > 1 ? "\047\\\047\047" : "") part[i]
    if (key ~ /LISTENED/) print "set -- \"$@\" \047" key "=" quoted "\047"
    else print "export " key "=\047" quoted "\047"
  }
  key = val = tail = ""
}
function add(c) { if (c == " " || c == "\t") tail = tail c; else { val = val tail c; tail = "" } }
BEGIN { s = "k" }
{
  line = $0 "\n"
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    nl = c == "\n" || c == "\r"
    ws = nl || c == " " || c == "\t"
    if (s == "k") { if (c == "#" || c == ";") s = "c"; else if (!ws) { s = "K"; key = c } }
    else if (s == "K") { if (nl) { s = "k"; key = "" } else if (c == "=") s = "v"; else key = key c }
    else if (s == "v") {
      if (nl) { put(); s = "k" }
      else if (c == "\047") s = "\047"
      else if (c == "\"") s = "\""
      else if (c == "\\") s = "e"
      else if (!ws) { s = "V"; add(c) }
    }
    else if (s == "V") {
      if (nl) { tail = ""; put(); s = "k" }
      else if (c == "\\") { s = "e"; val = val tail; tail = "" }
      else add(c)
    }
    else if (s == "e") { s = "V"; if (!nl) { val = val tail c; tail = "" } }
    else if (s == "\047") { if (c == "\047") s = "v"; else val = val c }
    else if (s == "\"") { if (c == "\"") s = "v"; else if (c == "\\") s = "d"; else val = val c }
    else if (s == "d") {
      s = "\""
      if (c == "\"" || c == "\\" || c == "`" || c == "$") val = val c
      else if (c != "\n") val = val "\\" c
    }
    else if (s == "c") { if (c == "\\") s = "C"; else if (nl) s = "k" }
    else s = nl ? "k" : "c"
  }
}
END { if (s !~ /[kKcC]/) put() }
"##;

/// The program.
pub(super) fn reader() -> String {
    READER.trim().replace("LISTENED", &listened_to_pattern())
}
