//! Words with references to variables, for every target the same: `sh` replaces them when everything else is
//! done, right before the program.

use std::os::unix::ffi::OsStrExt as _;

use crate::{
    quote::{Unquotable, sh},
    spec::{HealthCheck, Part, ReadyCheck, Service, Word},
};

/// Makes words for `eval` of a value, as systemd splits that of a `$NAME` alone: at blanks; quotes of both kinds
/// go, wherever they stand, and a backslash takes what follows it as it is. What is left open at the end
/// ends there. Without a single quote, so that people can read it.
///
/// Source: `systemd.service(5)`; compared with systemd 252.
const SPLITTER: &str = r#"words() {
s=$1; w=; q=; some=; a=$(printf "\047"); b=$(printf " \t\n\r")
while [ -n "$s" ]; do
r=${s#?}; c=${s%"$r"}; s=$r
case $c in
\\) r=${s#?}; w=$w${s%"$r"}; s=$r; some=1; continue;;
"$a"|\") if [ "$q" = "$c" ]; then q=; continue; fi; if [ -z "$q" ]; then q=$c; some=1; continue; fi;;
esac
if [ -z "$q" ]; then case $b in *"$c"*) if [ -n "$some" ]; then put; fi; w=; some=; continue;; esac; fi
w=$w$c; some=1
done
if [ -n "$some" ]; then put; fi
}
put() {
o=" $a"
while :; do case $w in *"$a"*) o=$o${w%%"$a"*}$a\\$a$a; w=${w#*"$a"};; *) break;; esac; done
printf "%s" "$o$w$a"
}
"#;

/// The service as it is without references: what had some is done by a script.
pub(super) fn carried_out(service: &Service) -> Result<Service, (String, Unquotable)> {
    if service.expand != Some(true) {
        return Ok(service.clone());
    }
    let mut done = service.clone();
    done.expand = None;
    done.env.retain(|_, value| !value.refers());
    let at = |key: &'static str| move |error| (key.to_owned(), error);
    let mut before = Vec::new();
    let named: Vec<_> = service.env.iter().filter(|(_, value)| value.refers()).collect();
    if !named.is_empty() {
        // All of them of what was before, none of another.
        before.extend_from_slice(b"set --");
        for (name, value) in &named {
            before.push(b' ');
            before.extend(one(value).map_err(|error| (format!("env.{name}"), error))?);
        }
        before.extend_from_slice(b"\nexport");
        for (at, (name, _)) in named.iter().enumerate() {
            before.extend_from_slice(format!(" {name}=\"${{{}}}\"", at + 1).as_bytes());
        }
        before.push(b'\n');
    }
    for value in done.env.values_mut() {
        *value = plain(value);
    }
    if let Some(cwd) = &service.cwd {
        let word = Word::from(cwd.clone());
        if word.refers() {
            done.cwd = None;
            before.extend_from_slice(b"CDPATH= cd -- ");
            before.extend(one(&word).map_err(at("cwd"))?);
            before.extend_from_slice(b" || exit 111\n");
        } else {
            done.cwd = Some(plain(&word).as_os_str().into());
        }
    }
    done.exec = exec(&service.exec, &before).map_err(at("exec"))?;
    // They run as the service does; their own words are as they are.
    let mut others: Vec<(&str, &mut Vec<Word>)> =
        done.pre.iter_mut().map(|argv| ("pre", argv)).collect();
    others.push(("stop.command", &mut done.stop.command));
    if let Some(reload) = &mut done.reload {
        others.push(("reload.command", &mut reload.command));
        others.push(("reload.check", &mut reload.check));
    }
    if let Some(ReadyCheck::Command(argv)) = done.ready.as_mut().map(|it| &mut it.check) {
        others.push(("ready.command", argv));
    }
    if let Some(HealthCheck::Command(argv)) = done.health.as_mut().map(|it| &mut it.check) {
        others.push(("health.command", argv));
    }
    for (key, argv) in others.into_iter().filter(|(_, argv)| !argv.is_empty() && !before.is_empty())
    {
        let mut text = before.clone();
        text.extend_from_slice(b"exec");
        for word in argv.iter() {
            text.push(b' ');
            text.extend(sh::quote(word.as_bytes()).map_err(at(key))?);
        }
        *argv = in_sh(text);
    }
    Ok(done)
}

/// The command of a service, by a script that does this before.
fn exec(argv: &[Word], before: &[u8]) -> Result<Vec<Word>, Unquotable> {
    if before.is_empty() && !argv.iter().any(Word::refers) {
        return Ok(argv.iter().map(plain).collect());
    }
    let alone =
        |word: &Word| word.parts().is_ok_and(|it| matches!(it[..], [Part::Variable { .. }]));
    let mut text = Vec::new();
    if argv.iter().any(alone) {
        text.extend_from_slice(SPLITTER.as_bytes());
    }
    text.extend_from_slice(before);
    text.extend_from_slice(b"set --");
    let mut in_line = true;
    for word in argv {
        let value = one(word)?;
        if !alone(word) {
            text.extend_from_slice(if in_line { b" " } else { b"\nset -- \"$@\" " });
            in_line = true;
            text.extend(value);
            continue;
        }
        // What is not set would end the process of the splitter alone.
        text.extend_from_slice(&[b"\n: ", &value[..], b"\n"].concat());
        text.extend_from_slice(
            &[b"eval \"set -- \\\"\\$@\\\" $(words ", &value[..], b")\""].concat(),
        );
        in_line = false;
    }
    text.extend_from_slice(
        b"\n[ $# != 0 ] || { echo \"nothing is left of exec\" >&2; exit 111; }\nexec \"$@\"",
    );
    Ok(in_sh(text))
}

fn in_sh(script: Vec<u8>) -> Vec<Word> {
    use std::os::unix::ffi::OsStringExt as _;
    let script = std::ffi::OsString::from_vec(script);
    vec!["/bin/sh".into(), "-c".into(), script.into(), "expand".into()]
}

/// A word without references, as the program gets it.
fn plain(word: &Word) -> Word {
    match word.parts().as_deref() {
        Ok([Part::Text(text)]) => Word::from(std::ffi::OsStr::from_bytes(text)),
        _ => word.clone(),
    }
}

/// A word of a script that stays one.
fn one(word: &Word) -> Result<Vec<u8>, Unquotable> {
    let mut text = Vec::new();
    for part in word.parts().unwrap_or_default() {
        match part {
            Part::Text(it) => text.extend(sh::quote(&it)?),
            Part::Variable { name, otherwise: None } => {
                text.extend_from_slice(format!("\"${{{name}?is set nowhere}}\"").as_bytes());
            }
            Part::Variable { name, otherwise: Some(otherwise) } => {
                text.extend_from_slice(format!("\"${{{name}:-").as_bytes());
                for byte in otherwise {
                    // In double quotes these mean something.
                    if b"\\$`\"".contains(&byte) {
                        text.push(b'\\');
                    }
                    text.push(byte);
                }
                text.extend_from_slice(b"}\"");
            }
        }
    }
    Ok(text)
}
