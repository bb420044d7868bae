//! The whole picture of one service.

use std::{fs, time::Instant};

use serde_json::Value;

use crate::{
    sentences::{act, until_state},
    supervised::{PATIENCE, Suite, Supervised},
};

/// A service that listens, has started another process, and logs.
pub fn a_service_is_shown_whole(suite: Suite) {
    let program = r#"socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(0,INADDR_LOOPBACK)); listen(S,1);
        if (!fork) { exec "sleep", "4711" } sleep 1000"#;
    let run = format!("exec perl -MSocket -e '{program}'");
    let mut supervised = Supervised::prepare(suite, &run);
    // As loggers leave it.
    let log = supervised.dir().join("main");
    fs::create_dir(&log).unwrap();
    let lines: Vec<String> =
        (0..20).map(|at| format!("@400000006b03e7013468773c line {at}\n")).collect();
    fs::write(log.join("current"), lines.concat()).unwrap();
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec multilog t ../main");
    fs::write(supervised.dir().join("notes"), "mine").unwrap();
    supervised.supervise();
    let main = until_state(&supervised, "up")["pid"].clone();
    let show = || act(&supervised, &["show", "--json"]).json();
    let deadline = Instant::now() + PATIENCE;
    // The program says that number as well, also after its fork and before it executes.
    let sleeper = serde_json::json!(["sleep", "4711"]);
    let is_whole = |it: &Value| {
        it["listening"].as_array().is_some_and(|it| !it.is_empty())
            && it["processes"]
                .as_array()
                .is_some_and(|it| it.iter().any(|it| it["command"] == sleeper))
    };
    let mut shown = show();
    while !is_whole(&shown) {
        assert!(Instant::now() < deadline, "{shown}");
        shown = show();
    }
    let of = |role: &str| -> Vec<&Value> {
        let all = shown["processes"].as_array().unwrap();
        all.iter().filter(|it| it["role"] == role).collect()
    };
    let (supervisor, run) = (of("supervisor")[0], of("run")[0]);
    assert_eq!((&run["pid"], &run["parent"]), (&main, &supervisor["pid"]), "{shown}");
    assert_eq!(supervisor["pid"].as_i64(), Some(supervised.pid().as_raw().into()));
    assert!(run["memory"].as_u64().unwrap() > 0 && run["processor"].is_f64());
    let below = of("other").into_iter().find(|it| it["parent"] == main).unwrap();
    assert_eq!(below["command"], sleeper);
    let socket = &shown["listening"][0];
    assert!(socket["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{socket}");
    assert_eq!((&socket["protocol"], &socket["pid"]), (&"tcp".into(), &main));
    let first = &shown["definition"][0];
    assert!(first["text"].as_str().unwrap().contains("perl -MSocket"), "{first}");
    assert!(shown["control"].to_string().contains("supervise/control"), "{shown}");
    assert!(!shown["definition"].to_string().contains("notes"), "{shown}");
    let lines = shown["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[9]["line"]), (10, &"line 19".into()), "{shown}");
    let text = act(&supervised, &["show"]);
    for part in ["web: up (pid ", "  processes:", "  listens:", "  definition:", "line 19"] {
        assert!(text.out.contains(part), "{part}: {text:?}");
    }
    assert_eq!((text.code, text.err.as_str()), (0, ""));
}
