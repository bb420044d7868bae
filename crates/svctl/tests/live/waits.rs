//! What is waited for, and what the answer is about.

use crate::{
    sentences::{act, until, until_state},
    supervised::{Suite, Supervised},
};

const SLEEP: &str = "exec sleep 1000";

/// `family.md` 8 and 9.
pub fn what_is_paused_is_not_up(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    until_state(&supervised, "up");
    assert_eq!(act(&supervised, &["pause"]).code, 0);
    until_state(&supervised, "paused");
    let late = act(&supervised, &["wait", "--for", "up", "--timeout", "400ms"]);
    assert!(late.code == 99 && late.err.contains("its process is paused; `cont`"), "{late:?}");
    assert!(late.err.contains("hint: svctl cont "), "{late:?}");
    let check = act(&supervised, &["check"]);
    assert!(check.code == 1 && check.err.contains("`cont` lets it go on"), "{check:?}");
    // It has read `up`, and does not end: SIGTERM waits as well.
    assert_eq!(act(&supervised, &["term"]).code, 0);
    let late = act(&supervised, &["up", "--timeout", "400ms", "--json"]);
    let row = late.json()[0].take();
    assert_eq!((late.code, row["why"].as_str()), (99, Some("paused")), "{row}");
    assert_eq!(act(&supervised, &["cont"]).code, 0);
    until(&supervised, |now| now["state"] == "up" && now["pid"] != row["pid"]);
}
