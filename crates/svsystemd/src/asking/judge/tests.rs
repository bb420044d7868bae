//! Verdicts on ends that each have their words.

use super::*;

const ASKED: u64 = 1_000_000;
const AFTER: u64 = ASKED + 10;
const EARLIER: u64 = ASKED - 10;

fn text(it: &str) -> PropertyValue {
    PropertyValue::Text(it.to_owned())
}

fn unit(active: &str, result: &str, more: &[(&str, PropertyValue)]) -> Properties {
    let words = [("ActiveState", text(active)), ("Result", text(result))];
    words.into_iter().chain(more.iter().cloned()).collect()
}

fn ran(code: u64, status: u64) -> Vec<(&'static str, PropertyValue)> {
    vec![
        ("InactiveExitTimestampMonotonic", PropertyValue::Unsigned(AFTER)),
        ("ExecMainStartTimestampMonotonic", PropertyValue::Unsigned(AFTER)),
        ("ExecMainExitTimestampMonotonic", PropertyValue::Unsigned(AFTER)),
        ("ExecMainCode", PropertyValue::Unsigned(code)),
        ("ExecMainStatus", PropertyValue::Unsigned(status)),
    ]
}

fn judged(action: Action, result: &JobResult, unit: &Properties, before: &str) -> Judged {
    judge(&facts(action, result, unit, before))
}

fn facts<'a>(
    action: Action,
    result: &'a JobResult,
    unit: &'a Properties,
    before: &'a str,
) -> Facts<'a> {
    Facts {
        action,
        result,
        unit,
        before,
        asked_at: ASKED,
        dependency: Some("db.service"),
        is_service: true,
        triggered: None,
    }
}

#[test]
fn what_is_no_service_has_no_exit() {
    let said = |unit: &Properties, triggered: Option<&(Cause, String)>| {
        let facts = facts(Action::Start, &JobResult::Failed, unit, "inactive");
        let got = judge(&Facts { is_service: false, triggered, ..facts });
        got.cause.map(|it| it.about(&got.about).to_string()).unwrap_or_default()
    };
    let mount = [("ExecMount", commands(&[("/bin/mount /a /b", 1, 32)]))];
    let mount = unit("failed", "exit-code", &mount);
    let words = "ExecMount=/bin/mount /a /b exited with 32 before the start";
    assert_eq!(said(&mount, None), words);
    assert_eq!(
        said(&unit("failed", "resources", &[]), None),
        Cause::Resources.about("").to_string()
    );
    // It was refused, and has not been started too often.
    let socket = unit("inactive", "success", &[]);
    assert_eq!(said(&socket, None), "cannot do this as it stands");
    let gone = (Cause::Dependency, "web.service (there is no such unit)".to_owned());
    let words = "the dependency web.service (there is no such unit) failed";
    assert_eq!(said(&socket, Some(&gone)), words);
    let limit = unit("failed", "start-limit-hit", &[]);
    assert!(said(&limit, None).starts_with("was started too often"));
}

#[test]
fn what_is_started_again_however_it_ends_has_not_done_its_work() {
    let restart = |word: &str| {
        let more = [ran(1, 0), vec![("Restart", text(word))]].concat();
        judged(Action::Start, &JobResult::Done, &unit("inactive", "success", &more), "inactive")
    };
    assert_eq!((restart("always").reached, restart("on-success").reached), (false, false));
    assert_eq!((restart("on-failure").reached, restart("no").reached), (true, true));
}

#[track_caller]
fn started(result: &JobResult, unit: &Properties, reached: bool, sentence: &str) {
    let got = judged(Action::Start, result, unit, "inactive");
    let said = got.cause.map(|it| it.about(&got.about).to_string()).unwrap_or_default();
    assert_eq!((got.reached, said.as_str()), (reached, sentence));
}

fn commands(rows: &[(&str, i64, i64)]) -> PropertyValue {
    let row = |(line, code, status): &(&str, i64, i64)| {
        let words = line.split(' ').map(text).collect();
        let stamps = (0..4).map(|_| PropertyValue::Unsigned(AFTER));
        let mut fields =
            vec![text("/bin/x"), PropertyValue::List(words), PropertyValue::Bool(false)];
        fields.extend(stamps);
        fields.extend([
            PropertyValue::Unsigned(7),
            PropertyValue::Signed(*code),
            PropertyValue::Signed(*status),
        ]);
        PropertyValue::Struct(fields)
    };
    PropertyValue::List(rows.iter().map(row).collect())
}

fn condition(name: &str, negate: bool, about: &str, state: i64) -> PropertyValue {
    let (trigger, negate) = (PropertyValue::Bool(false), PropertyValue::Bool(negate));
    PropertyValue::Struct(vec![
        text(name),
        trigger,
        negate,
        text(about),
        PropertyValue::Signed(state),
    ])
}

#[test]
fn a_oneshot_that_ran_is_reached_and_one_that_failed_is_not() {
    let done = JobResult::Done;
    started(&done, &unit("inactive", "success", &ran(1, 0)), true, "ran and ended with 0");
    started(&done, &unit("deactivating", "success", &ran(1, 0)), true, "ran and ended with 0");
    started(&JobResult::Failed, &unit("failed", "exit-code", &ran(1, 7)), false, "exited with 7");
    started(&JobResult::Failed, &unit("failed", "signal", &ran(2, 9)), false, "killed by SIGKILL");
    let dumped = unit("failed", "core-dump", &ran(3, 11));
    started(&JobResult::Failed, &dumped, false, "killed by SIGSEGV, and left a core dump");
    let held = unit("active", "success", &ran(1, 0));
    started(&done, &held, true, "");
}

#[test]
fn what_could_not_be_executed_has_a_name() {
    let unit = unit("failed", "exit-code", &ran(1, 203));
    let said = "its program was not started: the program cannot be executed, EXEC (exit 203)";
    started(&JobResult::Failed, &unit, false, said);
}

#[test]
fn an_end_of_an_earlier_run_is_not_this_one() {
    let mut old = ran(1, 3);
    for (name, value) in &mut old {
        if name.ends_with("Monotonic") && *name != "InactiveExitTimestampMonotonic" {
            *value = PropertyValue::Unsigned(EARLIER);
        }
    }
    old.push(("ExecStartPre", commands(&[("/bin/true", 1, 0), ("/bin/sh -c false", 1, 1)])));
    let unit = unit("failed", "exit-code", &old);
    let said = "ExecStartPre=/bin/sh -c false exited with 1 before the start";
    started(&JobResult::Failed, &unit, false, said);
}

#[test]
fn what_the_manager_has_forgotten_is_not_made_up() {
    // It has read its files again since.
    let gone =
        |lines: &[&str]| commands(&lines.iter().map(|line| (*line, 0, 0)).collect::<Vec<_>>());
    let stamp = |name: &'static str| (name, PropertyValue::Unsigned(AFTER));
    let begun = stamp("InactiveExitTimestampMonotonic");
    let failed = |result: &str, more: &[(&str, PropertyValue)], said: &str| {
        let more = [more, std::slice::from_ref(&begun)].concat();
        started(&JobResult::Failed, &unit("failed", result, &more), false, said);
    };
    let pre = ("ExecStartPre", gone(&["/bin/false"]));
    let post = ("ExecStartPost", gone(&["/bin/a", "/bin/b c"]));
    let after = ("ExecStopPost", gone(&["/bin/z"]));
    let all = [pre.clone(), post.clone(), ("ExecStart", gone(&["/bin/d"]))];
    failed("exit-code", &all, "ExecStartPre=/bin/false failed before the start");
    failed("signal", &all[..1], "ExecStartPre=/bin/false failed before the start");
    let main = stamp("ExecMainStartTimestampMonotonic");
    let said = "ExecStartPost=/bin/a or ExecStartPost=/bin/b c failed after the start";
    failed("exit-code", &[pre.clone(), post.clone(), main.clone()], said);
    let was_up = [pre, main.clone(), stamp("ActiveEnterTimestampMonotonic"), after.clone()];
    failed("exit-code", &was_up, "ExecStopPost=/bin/z failed after its end");
    // It was one of several kinds, or nothing was asked yet.
    let other = "its supervisor says: exit-code";
    failed("exit-code", &[post, main.clone(), after], other);
    failed("exit-code", &[], other);
    failed("success", &[], "its supervisor says: failed");
    let killed = [ran(2, 15), vec![main]].concat();
    failed("exit-code", &killed, other);
    failed("protocol", &[], "ended before it was ready");
    let seen =
        unit("failed", "exit-code", &[all.as_slice(), std::slice::from_ref(&begun)].concat());
    assert_eq!(cause_of_failure(seen), Some(Cause::BeforeStart));
}

#[test]
fn a_start_that_began_nothing_met_the_limit() {
    let limit = [
        ("InactiveExitTimestampMonotonic", PropertyValue::Unsigned(EARLIER)),
        ("ExecMainCode", PropertyValue::Unsigned(1)),
        ("ExecMainStatus", PropertyValue::Unsigned(4)),
        ("StartLimitBurst", PropertyValue::Unsigned(5)),
        ("StartLimitIntervalUSec", PropertyValue::Unsigned(10_000_000)),
    ];
    let said = "was started too often (5 times in 10 s)";
    started(&JobResult::Failed, &unit("failed", "exit-code", &limit), false, said);
    let newer = unit("failed", "start-limit-hit", &limit);
    started(&JobResult::Failed, &newer, false, said);
}

#[test]
fn conditions_and_assertions_are_named() {
    let unmet = [
        ("ConditionTimestampMonotonic", PropertyValue::Unsigned(AFTER)),
        ("ConditionResult", PropertyValue::Bool(false)),
        (
            "Conditions",
            PropertyValue::List(vec![
                condition("ConditionPathExists", false, "/", 1),
                condition("ConditionPathExists", true, "/etc", -1),
            ]),
        ),
    ];
    let said = "condition ConditionPathExists=!/etc was not met, nothing was started";
    started(&JobResult::Done, &unit("inactive", "success", &unmet), true, said);
    let asserts =
        [("Asserts", PropertyValue::List(vec![condition("AssertPathExists", false, "/no", -1)]))];
    let said = "the assertion AssertPathExists=/no failed";
    started(&JobResult::Assert, &unit("inactive", "success", &asserts), false, said);
    let command = [("ExecCondition", commands(&[("/bin/sh -c no", 1, 2)]))];
    let said = "ExecCondition=/bin/sh -c no said no, nothing was started";
    started(&JobResult::Done, &unit("inactive", "exec-condition", &command), true, said);
}

#[test]
fn every_end_of_a_job_has_its_sentence() {
    let down = unit("inactive", "success", &[]);
    started(&JobResult::Dependency, &down, false, "the dependency db.service failed");
    let canceled = "another request took the place of this one";
    started(&JobResult::Canceled, &down, false, canceled);
    let times = [("JobTimeoutUSec", PropertyValue::Unsigned(1_500_000))];
    let late = unit("activating", "success", &times);
    started(&JobResult::Timeout, &late, false, "the request timed out after 1.5 s");
    let times = [("TimeoutStartUSec", PropertyValue::Unsigned(1_000_000))];
    let mut more = ran(2, 15);
    more.extend(times);
    let unready = unit("failed", "timeout", &more);
    started(&JobResult::Failed, &unready, false, "the start timed out: not ready in 1 s");
    let silent = unit("failed", "protocol", &ran(1, 0));
    started(&JobResult::Failed, &silent, false, "ended before it was ready: exited with 0");
    started(&JobResult::Other("news".to_owned()), &down, false, "its supervisor says: news");
}

#[test]
fn a_crash_after_a_start_that_was_done_is_no_success() {
    let loops = unit("activating", "exit-code", &ran(1, 4));
    started(&JobResult::Done, &loops, false, "exited with 4");
}

#[test]
fn a_stop_is_reached_when_nothing_is_left() {
    let stop = |result, unit: &Properties| judged(Action::Stop, result, unit, "active");
    let done = stop(&JobResult::Done, &unit("inactive", "success", &[]));
    assert!(done.reached && done.changed && done.cause.is_none());
    // Nobody signals a unit that is gone.
    assert!(stop(&JobResult::Done, &Properties::default()).reached);
    let late =
        unit("failed", "timeout", &[("TimeoutStopUSec", PropertyValue::Unsigned(2_000_000))]);
    let late = stop(&JobResult::Done, &late);
    assert_eq!((late.reached, late.cause, &*late.about), (true, Some(Cause::StopTimeout), "2 s"));
    let failed = [("ExecStop", commands(&[("/bin/true", 1, 0), ("/bin/drain", 1, 7)]))];
    let failed = unit("failed", "exit-code", &failed);
    let told = stop(&JobResult::Done, &failed);
    let said = "ExecStop=/bin/drain exited with 7";
    assert_eq!((told.reached, told.cause, &*told.about), (true, Some(Cause::AfterEnd), said));
    // It was so before.
    let before = judged(Action::Stop, &JobResult::Done, &failed, "failed");
    assert!(before.reached && before.cause.is_none());
    let again = stop(&JobResult::Canceled, &unit("active", "success", &[]));
    assert_eq!((again.reached, again.cause), (false, Some(Cause::Canceled)));
    let before = judged(Action::Stop, &JobResult::Done, &unit("inactive", "", &[]), "inactive");
    assert!(before.reached && !before.changed);
}

#[test]
fn a_reload_has_the_end_of_its_command() {
    let reload = |result: &JobResult, more: &[(&str, PropertyValue)]| {
        judged(Action::Reload, result, &unit("active", "success", more), "active")
    };
    assert!(reload(&JobResult::Done, &[]).reached);
    let failed = [("ExecReload", commands(&[("/bin/sh -c exit", 1, 9)]))];
    let failed = reload(&JobResult::Failed, &failed);
    assert_eq!(
        (failed.reached, failed.cause, &*failed.about),
        (false, Some(Cause::Reload), "/bin/sh -c exit exited with 9")
    );
    assert_eq!(reload(&JobResult::Invalid, &[]).cause, Some(Cause::NotUp));
}

#[test]
fn spans_are_short() {
    for (micros, text) in [
        (1_000_000, "1 s"),
        (1_500_000, "1.5 s"),
        (200_000, "200 ms"),
        (90_000_000, "90 s"),
        (120_000_000, "2 min"),
    ] {
        assert_eq!(seconds(micros), text);
    }
}
