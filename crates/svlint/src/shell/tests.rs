//! What is read of scripts.

use super::*;

fn all(text: &str) -> Vec<(String, usize, bool)> {
    let script = read(text).unwrap_or_else(|| panic!("not read: {text}"));
    let words = |it: &Command| {
        let words: Vec<_> = it.words.iter().map(|it| it.text.as_str()).collect();
        words.join(" ")
    };
    script.commands.iter().map(|it| (words(it), it.depth, it.in_background)).collect()
}

fn texts(text: &str) -> Vec<String> {
    all(text).into_iter().map(|it| it.0).collect()
}

#[test]
fn commands_stand_where_they_stand() {
    let text = "#!/bin/sh\nset -e\nif test -r /etc/default/x; then . /etc/default/x; fi\nexec 2>&1\nexec prog -a 'b c' &\n";
    let found = all(text);
    assert_eq!(found[0], ("set -e".into(), 0, false));
    assert_eq!(found[1], ("test -r /etc/default/x".into(), 1, false));
    assert_eq!(found[2], (". /etc/default/x".into(), 1, false));
    assert_eq!(found[3], ("exec".into(), 0, false));
    assert_eq!(found[4], ("exec prog -a b c".into(), 0, true));
    let script = read(text).unwrap();
    assert_eq!(script.commands[3].redirections[0].operator, ">&");
    assert!(script.ends_plainly);
}

#[test]
fn constructs_are_followed_to_their_ends() {
    assert_eq!(texts("case $1 in a|b) one;; *) two ;; esac\nthree"), ["one", "two", "three"]);
    assert_eq!(texts("for x in a b; do one $x; done\ntwo"), ["one $x", "two"]);
    assert_eq!(texts("f() {\n one\n}\nf\n"), ["one", "f"]);
    assert_eq!(texts("while :\ndo\n one; sleep 1\ndone"), [":", "one", "sleep 1"]);
    assert_eq!(texts("cat <<X\nexec no\nX\nyes"), ["cat", "yes"]);
    assert_eq!(texts("(cd /x && one) || exit 1"), ["cd /x", "one", "exit 1"]);
    assert_eq!(texts("A=$(date '+%s)') B=2 one \"$(two \"x\")\""), ["one $(two \"x\")"]);
    assert_eq!(texts("one \\\n two # three\n"), ["one two"]);
    assert!(!read("if a; then b; fi").unwrap().ends_plainly);
    for broken in ["echo 'a", "if a; then b", "a $(b", "}"] {
        assert!(read(broken).is_none(), "{broken}");
    }
}

#[test]
fn an_exec_is_followed_behind_those_who_prepare_it() {
    let script = read("exec chpst -u www:adm -o 100 \\\n /opt/web/server -p 80 2>&1").unwrap();
    let chain = chain(&script.commands[0].words[1..]);
    let names: Vec<_> = chain.links.iter().map(|it| it.name).collect();
    assert_eq!(names, ["chpst", "server"]);
    assert!(chain.is_whole && chain.rest.len() == 2);
    let options: Vec<_> = chain.links[0].options.iter().map(|it| (it.0, it.1.clone())).collect();
    assert_eq!(options, [('u', Some("www:adm".into())), ('o', Some("100".into()))]);
    let script = read("exec chpst -x a b").unwrap();
    let chain = super::chain(&script.commands[0].words[1..]);
    assert_eq!(chain.links[0].unknown.as_ref().unwrap().0, 'x');
}
