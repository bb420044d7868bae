//! What of a line is compared: its words, and not the numbers that differ with every run.

use std::sync::LazyLock;

use regex::Regex;

/// What stands for what, in this order.
static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rule = |pattern: &str, word| (Regex::new(pattern).unwrap(), word);
    vec![
        rule(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T _][0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9:]{5})?", "TIME"),
        rule(r"\bpid( +)[0-9]+", "pid N"),
        rule(r"@[0-9a-f]{24}", "LABEL"),
        rule(r"\braw +[0-9a-f]{36,}", "raw RECORD"),
        rule(r#""([a-z_]*pid|uptime|took|seq)":[0-9.]+"#, "\"$1\":N"),
        rule(r"\b[0-9]+(\.[0-9]+)? ?(ms|s|m|h)\b", "SPAN"),
        rule(r"  +", "  "),
    ]
});

/// The lines as they are compared. Of a table it is the first two columns: which columns there are
/// besides is for the snapshots of tables to say.
pub(super) fn normal(lines: &[String]) -> Vec<String> {
    let mut table = false;
    let one = |line: &String| {
        table = line.starts_with("SERVICE ") || (table && !line.is_empty());
        let mut text = line.trim_end().to_owned();
        for (pattern, word) in RULES.iter() {
            text = pattern.replace_all(&text, *word).into_owned();
        }
        if table { text.split("  ").take(2).collect::<Vec<_>>().join("  ") } else { text }
    };
    lines.iter().map(one).collect()
}

/// Whether a line that was awaited is this one.
pub(super) fn alike(awaited: &str, line: &str) -> bool {
    let [awaited, line] = [awaited, line].map(|line| normal(&[line.to_owned()]).remove(0));
    let mut parts = awaited.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[test]
fn numbers_are_no_difference_and_words_are() {
    let line = |text: &str| normal(&[text.to_owned()]).remove(0);
    assert_eq!(line("web: up (pid 15) 2ms, after 3.5s"), line("web: up (pid 4) 30s, after 1ms"));
    assert_eq!(line("2026-11-23T01:50:42.206Z web: down"), "TIME web: down");
    assert_ne!(line("exited with 3"), line("exited with 4"));
    let table = ["SERVICE  STATE  PID", "web      up     15"].map(str::to_owned);
    assert_eq!(normal(&table), ["SERVICE  STATE", "web  up"]);
    assert!(alike("web: [..] (pid 1)[..]", "web: up (pid 20) 3s"));
    assert!(!alike("web: [..] (pid 1)", "web: up (pid 20) 3s") && !alike("web", "webs"));
}
