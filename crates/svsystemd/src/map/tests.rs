//! Each row of the table of states.

use svproto::{Facts, LastExit, Phase, Readiness, State, Want};

use super::{JobKind, MainProcess, status};
use crate::{LoadState, Properties, PropertyValue, ServiceResult};

fn unit(text: &str, numbers: &[(&str, u64)]) -> Properties {
    let words = text.split(' ').filter_map(|pair| pair.split_once('='));
    let words = words.map(|(name, it)| (name.to_owned(), PropertyValue::Text(it.to_owned())));
    let numbers =
        numbers.iter().map(|(name, it)| ((*name).to_owned(), PropertyValue::Unsigned(*it)));
    words.chain(numbers).collect()
}

#[track_caller]
fn check(text: &str, numbers: &[(&str, u64)], expected: State) -> Facts {
    let status = status(&unit(text, numbers), None, MainProcess::Unseen);
    assert_eq!(status.state(), expected, "{text}: {status:?}");
    status
}

const PID: (&str, u64) = ("MainPID", 7);
const CONTROL: (&str, u64) = ("ControlPID", 8);

#[test]
fn each_row_of_the_table_has_its_word() {
    let running = "ActiveState=active SubState=running";
    check(&format!("{running} Type=exec"), &[PID], State::Up);
    check(&format!("{running} Type=simple"), &[PID], State::Up);
    for kind in ["notify", "notify-reload", "dbus"] {
        check(&format!("{running} Type={kind}"), &[PID], State::Ready);
        check(
            &format!("ActiveState=activating SubState=start Type={kind}"),
            &[PID],
            State::Starting,
        );
    }
    check("ActiveState=active SubState=exited", &[], State::Exited);
    check("ActiveState=active SubState=running-revalidating", &[PID], State::Up);
    check("ActiveState=reloading SubState=reload", &[PID], State::Up);
    check("ActiveState=reloading SubState=reload-notify Type=notify", &[PID], State::Ready);
    check("ActiveState=refreshing SubState=refresh-extensions", &[PID], State::Up);
    for sub in ["condition", "start-pre", "start", "start-post"] {
        let text = format!("ActiveState=activating SubState={sub} Type=exec");
        check(&text, &[CONTROL], State::Starting);
        let status = check(&text, &[PID], State::Starting);
        assert_eq!(status.phase, Phase::Up, "{sub}");
    }
    for sub in ["auto-restart", "auto-restart-queued"] {
        let text = format!("ActiveState=activating SubState={sub} Restart=always");
        let status = check(&text, &[], State::Backoff);
        assert_eq!(status.want, Some(Want::Up));
    }
    check("ActiveState=failed SubState=failed-before-auto-restart", &[], State::Backoff);
    check("ActiveState=inactive SubState=dead-before-auto-restart", &[], State::Backoff);
    for sub in ["stop", "stop-watchdog", "stop-sigterm", "stop-sigkill"] {
        check(&format!("ActiveState=deactivating SubState={sub}"), &[PID], State::Stopping);
    }
    for sub in ["stop-post", "final-watchdog", "final-sigterm", "final-sigkill"] {
        let text = format!("ActiveState=deactivating SubState={sub}");
        let status = check(&text, &[CONTROL], State::Finishing);
        assert_eq!((status.pid, status.finish_pid.map(svproto::Pid::get)), (None, Some(8)));
    }
    check("ActiveState=inactive SubState=dead", &[], State::Down);
    check("ActiveState=inactive SubState=dead-resources-pinned", &[], State::Down);
    check("ActiveState=maintenance SubState=cleaning", &[], State::Down);
    check("ActiveState=failed SubState=failed", &[], State::Failed);
    check("ActiveState=new SubState=words", &[], State::Unknown);
    check("", &[], State::Unknown);
}

#[test]
fn units_without_processes_are_up_as_well() {
    for sub in ["listening", "waiting", "mounted", "active"] {
        check(&format!("ActiveState=active SubState={sub}"), &[], State::Up);
    }
}

#[test]
fn frozen_and_stopped_are_paused_while_it_runs() {
    let running = "ActiveState=active SubState=running";
    check(&format!("{running} FreezerState=frozen"), &[PID], State::Paused);
    check(&format!("{running} FreezerState=freezing"), &[PID], State::Paused);
    check(&format!("{running} FreezerState=running"), &[PID], State::Up);
    // Stale after the death of a frozen unit.
    check("ActiveState=failed SubState=failed FreezerState=frozen", &[], State::Failed);
    let of = |main| status(&unit(running, &[PID]), None, main);
    assert_eq!(of(MainProcess::Stopped).state(), State::Paused);
    assert_eq!(of(MainProcess::Going).paused, Some(false));
    assert_eq!(of(MainProcess::Unseen).paused, None);
}

#[test]
fn a_job_says_what_is_wanted() {
    let of = |text, job| status(&unit(text, &[]), job, MainProcess::Unseen).want;
    let (up, down) = (Some(Want::Up), Some(Want::Down));
    let stopping = "ActiveState=deactivating SubState=stop-sigterm Restart=always";
    assert_eq!(of(stopping, Some(JobKind::Down)), down);
    assert_eq!(of(stopping, Some(JobKind::Up)), up);
    // On its own way down: it will be started again.
    assert_eq!(of(stopping, None), up);
    assert_eq!(of("ActiveState=deactivating SubState=stop-sigterm Restart=no", None), down);
    assert_eq!(of("ActiveState=inactive SubState=dead", Some(JobKind::Up)), up);
    assert_eq!(of("ActiveState=inactive SubState=dead", None), down);
    assert_eq!(of("ActiveState=failed SubState=failed Restart=always", None), down);
    assert_eq!(of("ActiveState=active SubState=running", None), up);
    let running = unit("ActiveState=active SubState=running", &[PID]);
    let told = status(&running, Some(JobKind::Down), MainProcess::Going);
    assert_eq!(told.state(), State::Stopping);
    // Nor is what is held up, or still being prepared, down before it is.
    for text in ["ActiveState=active SubState=exited", "ActiveState=activating SubState=start-pre"]
    {
        let told = status(&unit(text, &[]), Some(JobKind::Down), MainProcess::Unseen);
        assert_eq!((told.state(), told.phase), (State::Stopping, Phase::Up), "{text}");
    }
    // Of one that waits for another unit, and of one that was started again by itself before.
    for text in ["ActiveState=inactive SubState=dead", "ActiveState=failed SubState=failed"] {
        for (restarts, state) in [(0, State::Starting), (3, State::Backoff)] {
            let waits = unit(text, &[("NRestarts", restarts)]);
            let told = status(&waits, Some(JobKind::Up), MainProcess::Unseen);
            let seen = if text.contains("failed") && restarts > 0 { State::Failed } else { state };
            assert_eq!((told.state(), told.phase), (seen, Phase::Down), "{text} {restarts}");
        }
    }
    let waits = unit("ActiveState=activating SubState=auto-restart", &[]);
    let told = status(&waits, Some(JobKind::Down), MainProcess::Unseen);
    assert_eq!((told.state(), told.want), (State::Down, Some(Want::Down)));
    for (kind, expected) in [
        ("start", Some(JobKind::Up)),
        ("restart", Some(JobKind::Up)),
        ("try-restart", Some(JobKind::Up)),
        ("reload", Some(JobKind::Up)),
        ("stop", Some(JobKind::Down)),
        ("verify-active", None),
        ("nop", None),
    ] {
        assert_eq!(JobKind::from_type(kind), expected, "{kind}");
    }
}

#[test]
fn the_drop_in_for_one_run_shows_as_once() {
    let paths = PropertyValue::List(vec![PropertyValue::Text(
        "/run/systemd/system/a.service.d/zz-once.conf".into(),
    )]);
    let once = |text: &str| {
        let mut unit = unit(text, &[]);
        unit.0.insert("DropInPaths".to_owned(), paths.clone());
        status(&unit, None, MainProcess::Unseen)
    };
    assert_eq!(once("ActiveState=active SubState=running").want, Some(Want::Once));
    let over = once("ActiveState=inactive SubState=dead");
    assert_eq!((over.state(), over.want), (State::Exited, Some(Want::Down)));
    assert_eq!(once("ActiveState=failed SubState=failed").state(), State::Failed);
}

#[test]
fn the_end_of_a_run_is_told() {
    let of = |code, number| {
        let numbers = [("ExecMainCode", code), ("ExecMainStatus", number)];
        status(&unit("ActiveState=failed", &numbers), None, MainProcess::Unseen).last_exit
    };
    assert_eq!(of(1, 3), LastExit::Exited { code: 3 });
    assert_eq!(of(2, 9), LastExit::Signaled { signal: 9, core: false });
    assert_eq!(of(3, 11), LastExit::Signaled { signal: 11, core: true });
    // 0 means that it runs, or never ran, or was forgotten.
    assert_eq!(of(0, 0), LastExit::NotReported);
    assert_eq!(of(1, 70_000), LastExit::NotReported);
}

#[test]
fn stamps_are_those_of_what_is_there() {
    let stamps = [
        ("ExecMainStartTimestamp", 1_000_001),
        ("ActiveEnterTimestamp", 2_000_002),
        ("InactiveEnterTimestamp", 3_000_003),
        ("ExecMainExitTimestamp", 4_000_004),
        ("StateChangeTimestamp", 5_000_005),
    ];
    let since = |text: &str, more: &[(&str, u64)]| {
        let numbers = [&stamps[..], more].concat();
        let since = status(&unit(text, &numbers), None, MainProcess::Unseen).since.unwrap();
        (since.secs(), since.nanos())
    };
    assert_eq!(since("ActiveState=active SubState=running", &[PID]), (1, 1_000));
    assert_eq!(since("ActiveState=active SubState=exited", &[]), (2, 2_000));
    assert_eq!(since("ActiveState=inactive SubState=dead", &[]), (3, 3_000));
    assert_eq!(since("ActiveState=deactivating SubState=stop-post", &[CONTROL]), (4, 4_000));
    assert_eq!(since("ActiveState=activating SubState=auto-restart", &[]), (5, 5_000));
    let none = status(&unit("ActiveState=inactive", &[]), None, MainProcess::Unseen);
    assert_eq!(none.since, None);
    let ready = unit("ActiveState=active SubState=running Type=notify", &stamps);
    let ready = status(&ready, None, MainProcess::Unseen).readiness;
    let Readiness::Ready { since: Some(since) } = ready else { panic!("{ready:?}") };
    assert_eq!(since.secs(), 2);
}

#[test]
fn unknown_words_survive() {
    let unit = unit("LoadState=odd Result=strange", &[]);
    assert_eq!(LoadState::of(unit.text("LoadState")), LoadState::Other("odd".to_owned()));
    assert_eq!(ServiceResult::of(&unit).name(), "strange");
    for name in [
        "success",
        "resources",
        "protocol",
        "timeout",
        "exit-code",
        "signal",
        "core-dump",
        "watchdog",
        "start-limit-hit",
        "oom-kill",
        "exec-condition",
    ] {
        let unit = super::tests::unit(&format!("Result={name}"), &[]);
        assert_eq!(ServiceResult::of(&unit).name(), name);
        assert!(!matches!(ServiceResult::of(&unit), ServiceResult::Other(_)), "{name}");
    }
    assert_eq!(LoadState::of("bad-setting"), LoadState::Broken);
    assert_eq!(LoadState::of("error"), LoadState::Broken);
}
