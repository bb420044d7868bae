//! Waits in a scripted world: its clock moves when nobody has anything to do, so nothing here
//! sleeps, reads a file or starts a thread.

mod scripted_world;

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use svproto::{Cause, LastExit, Op, Phase, Readiness, Stage, Want, goal::Goal, s6::event::S6Event};

use self::scripted_world::{
    Play, Role, Turn, at_ms, down, is_kind, reached, role, seen, status, up,
};
use super::*;
use crate::{Bulk, CheckRule, ErrorKind, Intent, Told};

#[test]
fn results_come_in_the_order_of_the_services_whoever_is_done_first() {
    let slow = role(down(0), &[("up", 500, Turn::Is(up(7, 500)))]);
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let gone = role(down(0), &[("up", 20, Turn::Vanishes)]);
    let already = role(up(9, 0), &[]);
    let mut play = Play::new(vec![slow, quick, gone, already]);
    let results = play.run(&Request::up(), 1000);
    assert_eq!(reached(&results[0]), (7, 500));
    assert_eq!(reached(&results[1]), (8, 10));
    assert_eq!(results[2].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(reached(&results[3]), (9, 0));
    assert!(play.asked().iter().all(|&(at, ..)| at == 0), "all are asked before the first wait");
}

#[test]
fn what_changed_before_the_request_was_taken_is_no_answer_to_it() {
    // Its FIFO is full for two attempts; meanwhile somebody else restarts it.
    let mut busy = role(up(5, 0), &[("restart", 5, Turn::Is(up(7, 45)))]);
    busy.full = 2;
    busy.turns = vec![(30, Turn::Is(up(6, 30)))];
    let mut play = Play::new(vec![busy]);
    let results = play.run(&Request::restart(), 1000);
    assert_eq!(play.asked(), [(40, 0, "restart")]);
    // It has another process than before the request, and that is what was asked for.
    assert_eq!(reached(&results[0]).0, 6);
}

#[test]
fn a_fifo_that_stays_full_is_an_error_at_the_deadline_and_delays_nobody() {
    let mut wedged = role(down(0), &[]);
    wedged.full = usize::MAX;
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let mut play = Play::new(vec![wedged, quick]);
    let results = play.run(&Request::up(), 300);
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(reached(&results[1]), (8, 10));
}

#[test]
fn the_deadline_tells_whether_the_request_was_read() {
    let deaf = role(down(0), &[]);
    let wanted = seen(status(Phase::Down, 0, Want::Up, 0));
    let slow = role(down(0), &[("up", 10, Turn::Is(wanted))]);
    let results = Play::new(vec![deaf, slow]).run(&Request::up(), 300);
    let acknowledged: Vec<bool> = results
        .iter()
        .map(|result| match result {
            Ok(outcome) if outcome.kind() == OutcomeKind::Deadline => outcome.was_read(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(acknowledged, [false, true]);
}

#[test]
fn a_process_that_stays_is_killed_when_its_time_is_over_and_not_before() {
    let stubborn = role(up(5, 0), &[("kill", 3, Turn::Is(down(203)))]);
    let mut play = Play::new(vec![stubborn]);
    let results = play.run(&Request::down().kill_after(Duration::from_millis(200)), 1000);
    assert_eq!(play.asked(), [(0, 0, "down"), (200, 0, "kill")]);
    assert_eq!(reached(&results[0]), (0, 203));
}

#[test]
fn what_vanishes_before_it_can_be_killed_has_stopped() {
    let mut transient = role(up(5, 0), &[("down", 210, Turn::Is(down(210)))]);
    transient.gone_at = Some("kill");
    let mut play = Play::new(vec![transient]);
    let results = play.run(&Request::down().kill_after(Duration::from_millis(200)), 1000);
    assert_eq!(play.asked(), [(0, 0, "down")]);
    assert_eq!(reached(&results[0]), (0, 210));
}

#[test]
fn the_process_that_follows_is_not_killed_for_the_one_before() {
    let obedient = role(up(5, 0), &[("restart", 10, Turn::Is(up(6, 10)))]);
    let mut play = Play::new(vec![obedient]);
    let stays = Request::restart().until(Goal::UpFor(Duration::from_millis(500)));
    let results = play.run(&stays.kill_after(Duration::from_millis(200)), 1000);
    assert_eq!(play.asked(), [(0, 0, "restart")]);
    assert_eq!(reached(&results[0]), (6, 510));
}

#[test]
fn a_question_for_all_time_is_asked_once() {
    let count = AtomicU32::new(0);
    let prober = Prober::asking(Duration::MAX, |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        false
    });
    let mut play = Play::new(vec![role(up(5, 0), &[])]);
    let results = play.run_with(&Request::wait(Goal::Ready), &prober, 1, 100);
    assert!(is_kind(&results[0], OutcomeKind::Deadline), "{results:?}");
    drop(prober);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn one_after_the_other_is_watched_one_at_a_time() {
    let services = (1..=3).map(|n| role(up(n, 0), &[("restart", 100, Turn::Is(up(10 + n, 100)))]));
    let mut play = Play::new(services.collect());
    let results = play.run_with(&Request::restart(), &Prober::none(), 1, 10_000);
    assert!(results.iter().all(|result| reached(result).0 > 10));
    assert_eq!(play.scripted_world.most, 1);
}

#[test]
fn after_the_deadline_nobody_has_a_turn() {
    let mut play = Play::new(vec![role(up(1, 0), &[]), role(up(2, 0), &[])]);
    let results = play.run_with(&Request::up(), &Prober::none(), 1, 0);
    assert_eq!(reached(&results[0]), (1, 0));
    assert!(is_kind(&results[1], OutcomeKind::NotAsked), "{results:?}");
    assert_eq!(play.asked(), [(0, 0, "up")]);
}

#[test]
fn no_more_than_the_limit_are_under_way() {
    let services = (1..=5).map(|n| role(up(n, 0), &[("restart", 100, Turn::Is(up(10 + n, 100)))]));
    let mut play = Play::new(services.collect());
    let results = play.run_with(&Request::restart(), &Prober::none(), 2, 10_000);
    let pids: Vec<u64> = results.iter().map(|result| reached(result).0).collect();
    assert_eq!(pids, [11, 12, 13, 14, 15]);
    assert_eq!(play.scripted_world.most, 2);
    let times: Vec<u64> = play.asked().iter().map(|&(at, ..)| at).collect();
    assert_eq!(times, [0, 0, 100, 100, 200]);
}

#[test]
fn the_first_of_them_is_enough_where_any_will_do() {
    let slow = role(down(0), &[("up", 500, Turn::Is(up(7, 500)))]);
    let quick = role(down(0), &[("up", 10, Turn::Is(up(8, 10)))]);
    let mut play = Play::new(vec![slow, quick]);
    play.enough = Enough::One;
    let results = play.run(&Request::up(), 1000);
    assert!(is_kind(&results[0], OutcomeKind::Deadline), "{results:?}");
    assert_eq!(reached(&results[1]), (8, 10));
}

#[test]
fn who_never_had_a_turn_was_not_asked() {
    let stuck = role(up(1, 0), &[]);
    let next = role(up(2, 0), &[]);
    let mut play = Play::new(vec![stuck, next]);
    let results = play.run_with(&Request::restart(), &Prober::none(), 1, 300);
    assert!(is_kind(&results[0], OutcomeKind::Deadline));
    assert!(is_kind(&results[1], OutcomeKind::NotAsked));
    assert_eq!(play.asked(), [(0, 0, "restart")]);
}

#[test]
fn a_service_that_cannot_be_watched_is_looked_at() {
    let mut hidden = role(down(0), &[("up", 60, Turn::Is(up(7, 60)))]);
    hidden.watchable = false;
    let results = Play::new(vec![hidden]).run(&Request::up(), 1000);
    assert_eq!(reached(&results[0]), (7, 100), "at the second look");
}

#[test]
fn a_service_that_says_nothing_is_ready_when_the_probe_says_so() {
    let started = ("up", 10, Turn::Is(up(7, 10)));
    let again = ("up", 120, Turn::Is(up(8, 120)));
    let mut play = Play::new(vec![role(down(0), &[started, again])]);
    let asked_about = Mutex::new(vec![]);
    let count = AtomicU32::new(0);
    let prober = Prober::asking(Duration::from_millis(50), |service, status| {
        let pid = status.reading.facts().unwrap().pid.unwrap().get();
        asked_about.lock().unwrap().push((service.name().to_string(), pid));
        count.fetch_add(1, Ordering::Relaxed);
        count.load(Ordering::Relaxed) == 5
    });
    let results = play.run_with(&Request::up().until(Goal::Ready), &prober, usize::MAX, 1000);
    drop(prober);
    // At 10, 60 and 110 of one process, at 120 and 170 of the next.
    assert_eq!(reached(&results[0]), (8, 170));
    let pids: Vec<u32> =
        asked_about.into_inner().unwrap().into_iter().map(|(_, pid)| pid).collect();
    assert_eq!(pids, [7, 7, 7, 8, 8]);
}

#[test]
fn without_a_probe_readiness_that_nobody_reports_is_never_reached() {
    let results = Play::new(vec![role(up(7, 0), &[])]).run(&Request::wait(Goal::Ready), 1000);
    assert!(results[0].as_ref().unwrap().why() == Some(Cause::NoReadiness));
}

#[test]
fn what_a_service_says_of_its_readiness_goes_before_any_probe() {
    let readiness = |pid, since, readiness| {
        let mut up = status(Phase::Up, pid, Want::Up, since);
        up.readiness = readiness;
        Turn::Is(seen(up))
    };
    let mut first = status(Phase::Up, 5, Want::Up, 0);
    first.readiness = Readiness::Ready { since: Some(at_ms(0)) };
    let answers = [
        ("restart", 10, readiness(6, 10, Readiness::Awaited)),
        ("restart", 90, readiness(6, 10, Readiness::Ready { since: Some(at_ms(90)) })),
    ];
    let mut play = Play::new(vec![role(seen(first), &answers)]);
    let prober = Prober::asking(Duration::from_millis(1), |_, _| unreachable!());
    let results = play.run_with(&Request::restart().until(Goal::Ready), &prober, 1, 1000);
    // Not the readiness of the process that was there before.
    assert_eq!(reached(&results[0]), (6, 90));
}

#[test]
fn a_wait_alone_asks_for_nothing() {
    let mut comes = role(down(0), &[]);
    comes.turns = vec![(70, Turn::Is(up(7, 70)))];
    let mut play = Play::new(vec![comes]);
    let results = play.run(&Request::wait(Goal::Up), 1000);
    assert_eq!(reached(&results[0]), (7, 70));
    assert_eq!(play.asked(), []);
}

#[test]
fn the_rules_of_checking_differ_for_what_does_not_stand_as_it_is_wanted() {
    let starting = seen(status(Phase::Down, 0, Want::Up, 0));
    let ending = seen(status(Phase::Up, 5, Want::Down, 0));
    let passes = |rule, stands| {
        let mut play = Play::new(vec![role(stands, &[])]);
        play.run(&Request::check(rule), 100)[0].as_ref().unwrap().is_reached()
    };
    for stands in [starting, ending] {
        assert!(passes(CheckRule::Runit2_1, stands));
        assert!(!passes(CheckRule::Runit2_3, stands));
    }
    for stands in [up(5, 0), down(0)] {
        assert!(passes(CheckRule::Runit2_1, stands) && passes(CheckRule::Runit2_3, stands));
    }
}

#[test]
fn a_finish_that_refuses_another_start_is_a_reason_of_its_own() {
    let exit = LastExit::Exited { code: 3 };
    let refused = status(Phase::Down, 0, Want::Down, 30).with_last_exit(exit);
    // The record comes before the letters, and the letters may be lost.
    let answers = [("up", 10, Turn::Is(up(7, 10))), ("up", 30, Turn::Is(seen(refused)))];
    let letters =
        [("up", 31, Turn::Letter(S6Event::Failed)), ("up", 31, Turn::Letter(S6Event::Down))];
    let told = role(down(0), &[answers.as_slice(), &letters].concat());
    let lost = role(down(0), &answers);
    let plain = role(down(0), &answers);
    let mut play =
        Play::new(vec![Role { tells: true, ..told }, Role { tells: true, ..lost }, plain]);
    // A process that ends before it is ready.
    let results = play.run(&Request::up().until(Goal::UpFor(Duration::from_secs(5))), 3000);
    let never: Vec<(Cause, u128)> = results
        .iter()
        .map(|result| match result {
            Ok(outcome) => (outcome.why().unwrap(), outcome.took().as_millis()),
            other => panic!("{other:?}"),
        })
        .collect();
    let given_up = Cause::GivenUp { exit };
    assert_eq!(never, [(Cause::Refused { exit }, 31), (given_up, 1030), (given_up, 30)]);
}

#[test]
fn bulk_calls_answer_in_order_with_any_number_of_threads() {
    let roles = (1..=200).map(|n| role(up(n, 0), &[])).collect();
    let play = Play::new(roles);
    for threads in [1, 2, 7] {
        let bulk = Bulk::new(&play.services).parallel(NonZeroUsize::new(threads).unwrap());
        let pids: Vec<u32> = bulk
            .statuses()
            .into_iter()
            .map(|status| status.unwrap().reading.facts().unwrap().pid.unwrap().get())
            .collect();
        assert_eq!(pids, (1..=200).collect::<Vec<u32>>());
        assert_eq!(bulk.request(Intent::Op(Op::Usr1)).iter().flatten().count(), 200);
    }
    assert_eq!(play.asked().len(), 600);
}

/// systemd replies when it has taken a job on, so what is seen then is the answer, also if the want
/// in between was seen by nobody.
#[test]
fn what_a_service_of_another_kind_says_after_it_has_acknowledged_is_the_answer() {
    let failed = seen(status(Phase::Down, 0, Want::Down, 7).with_stage(Stage::Failed));
    let answering = |answer| {
        let answers = [("up", 0, Turn::Is(answer)), ("up", 9, Turn::Is(up(3, 9)))];
        Role { acknowledges: true, ..role(down(1), &answers) }
    };
    let starting = seen(status(Phase::Down, 0, Want::Up, 7).with_stage(Stage::Starting));
    let mut play = Play::new(vec![
        answering(failed),
        answering(starting),
        role(down(1), &[("up", 0, Turn::Is(failed))]),
    ]);
    let outcomes = play.run(&Request::up(), 1_000);
    let [failed, started, unread] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let why = failed.as_ref().unwrap().why();
    assert!(matches!(why, Some(Cause::GivenUp { .. })), "{failed:?}");
    assert!(started.as_ref().unwrap().is_reached(), "{started:?}");
    // Without that it could still be the old want.
    assert!(
        is_kind(unread, OutcomeKind::Deadline) && !unread.as_ref().unwrap().was_read(),
        "{unread:?}"
    );
}

/// A unit: what is seen of it decides nothing while its job runs, and what the job says does.
#[test]
fn where_the_supervisor_says_what_became_of_a_request_that_decides() {
    let telling = |after, told, seen| {
        let answers = [("up", 5, Turn::Is(seen)), ("restart", 5, Turn::Is(seen))];
        Role { tells_of: Some((after, told)), ..role(down(1), &answers) }
    };
    let over = seen(status(Phase::Down, 0, Want::Down, 5));
    let failed = Cause::Exited;
    let mut play = Play::new(vec![
        // A one-shot that ran and is down again.
        telling(40, Told::reached().with_word("done"), over),
        // It seems to be up, and what runs before it fails.
        telling(30, Told::never(failed).with_word("failed").because("exited with 3"), up(3, 5)),
        telling(10, Told::skipped(Cause::Condition), down(1)),
        telling(2_000, Told::reached(), up(4, 5)),
    ]);
    let outcomes = play.run(&Request::up(), 1_000);
    let outcomes: Vec<&Outcome> = outcomes.iter().map(|it| it.as_ref().unwrap()).collect();
    let kinds: Vec<_> = outcomes.iter().map(|it| (it.kind(), it.took().as_millis())).collect();
    let expected = [
        (OutcomeKind::Reached, 40),
        (OutcomeKind::Never, 30),
        (OutcomeKind::Skipped, 10),
        (OutcomeKind::Deadline, 1_000),
    ];
    assert_eq!(kinds, expected);
    let words: Vec<_> = outcomes.iter().map(|it| (it.word(), it.why(), it.changed())).collect();
    assert_eq!(words[0], (Some("done"), None, Some(true)));
    assert_eq!(words[1], (Some("failed"), Some(failed), Some(true)));
    assert_eq!(words[2], (None, Some(Cause::Condition), Some(false)));
    assert_eq!(outcomes[1].to_string(), "exited with 3");
    assert!(outcomes[3].was_read());
}

#[test]
fn more_than_the_supervisor_says_is_waited_for_after_its_word() {
    let answers = [("restart", 5, Turn::Is(up(3, 5))), ("restart", 300, Turn::Is(up(4, 300)))];
    let telling = Role { tells_of: Some((20, Told::reached())), ..role(up(2, 1), &answers) };
    let mut play = Play::new(vec![telling]);
    let outcomes = play.run(&Request::restart().until(Goal::UpFor(Duration::from_secs(1))), 5_000);
    assert_eq!(reached(&outcomes[0]), (4, 1_300));
}
