//! What the files beside a record add to it: whether the service says when it is ready, how often it ended, and
//! what the last supervisor has left behind.

use std::num::NonZeroU32;

use svproto::{Cause, Dialect, Facts, LastExit, Phase, Reading, Want, embedded::Embedded, files};

use super::{Service, record::READS_OF_A_MOVING_RECORD};
use crate::{CrashLoop, Liveness, Normally, Oddities, Status, Suite, node};

/// Bytes of a note that are read.
const LONGEST_NOTE: u64 = 4096;

fn is_wanted_down(facts: &Facts) -> bool {
    facts.phase == Phase::Down && facts.want == Some(Want::Down)
}

impl Service {
    /// What its supervisor does with it at a start, where the directory tells.
    pub(super) fn normally(&self, dialect: Option<Dialect>) -> Option<Normally> {
        let is_down = node::exists(&self.handle.at(files::DOWN));
        let normally = if is_down { Normally::Down } else { Normally::Up };
        // s6-rc leaves a `down` in each of its directories, and starts what it wants itself.
        let is_of_s6_rc = is_down && dialect == Some(Dialect::S6) && self.s6_rc().is_some();
        (!is_of_s6_rc).then_some(normally)
    }

    /// A reading, and what the files beside the record add to it.
    pub(super) fn with_what_is_beside(
        &self,
        reading: Reading,
        liveness: Liveness,
        dialect: Option<Dialect>,
        normally: Option<Normally>,
    ) -> Status {
        let mut seen = Status {
            normally,
            suite: dialect.map(Suite::from),
            odd: Oddities::of_reading(&reading),
            ..Status::new(reading, liveness)
        };
        match (reading, dialect) {
            (Reading::Record(facts), Some(Dialect::S6)) => {
                let notifies = self.notifies();
                let (ends, crash_loop) = self.tallied(&facts);
                seen.reading = Reading::Record(self.beside_the_record(facts, notifies, ends));
                seen.notifies = Some(notifies);
                seen.restarts = ends;
                seen.odd.crash_loop = crash_loop;
            }
            (Reading::Record(facts), Some(Dialect::Runit)) => {
                let (facts, embedded) = self.embedded_beside(facts);
                seen.reading = Reading::Record(facts);
                if let Some(embedded) = embedded {
                    let is_up = facts.phase == Phase::Up;
                    seen.reading = Reading::Record(embedded.add_to(facts));
                    seen.notifies = is_up.then_some(embedded.readiness.is_some());
                    seen.suite = Some(Suite::Embedded);
                    seen.restarts = Some(embedded.restarts);
                    seen.odd.crash_loop = CrashLoop::of_embedded(&embedded, &facts);
                    seen.odd.cannot_start = embedded.cannot_start;
                    seen.odd.cause = embedded.gave_up.map(|_| Cause::StartLimit);
                    if seen.odd.cause.is_none() && is_wanted_down(&facts) {
                        seen.odd.cause = self.waits_for().map(|(cause, _)| cause);
                    }
                    let rests = embedded.backoff.filter(|_| facts.phase == Phase::Down);
                    let millis = rests.and_then(|it| u32::try_from(it.millis).ok());
                    seen.rests = millis.and_then(NonZeroU32::new);
                    let has_ended = embedded.exit.is_some() && !is_up;
                    seen.is_end_asked = has_ended.then_some(embedded.is_end_asked);
                }
            }
            _ => (),
        }
        seen
    }

    /// A service without a supervisor, and what the last one has left there.
    pub(super) fn as_left(&self, seen: Status) -> Status {
        let odd = Oddities { stale_since: self.stale_since(), ..seen.odd };
        let suite = if self.is_embeddeds() { Some(Suite::Embedded) } else { seen.suite };
        Status { suite, odd, ..seen }
    }

    /// Whether the embedded supervisor has written the record, which is runit's.
    pub(crate) fn is_embeddeds(&self) -> bool {
        if !node::exists(&self.handle.at(files::EMBEDDED)) {
            return false;
        }
        let record = self.read_record(Dialect::Runit).ok().flatten();
        record.is_some_and(|record| self.embedded_beside(record.facts()).1.is_some())
    }

    /// What an s6 record leaves open and the files beside it tell.
    fn beside_the_record(&self, mut status: Facts, notifies: bool, ends: Option<u64>) -> Facts {
        status.readiness = status.readiness.with_notification(notifies);
        // The record says "exited 0" of a service that was never started, too. The tally begins
        // with the supervisor, as the record's wait status does; but it may be kept empty.
        if status.phase == Phase::Down
            && status.last_exit == (LastExit::Exited { code: 0 })
            && ends == Some(0)
            && !node::exists(&self.handle.at("max-death-tally"))
        {
            status.last_exit = LastExit::NotStarted;
        }
        status
    }

    /// What the embedded supervisor tells beside runit's record, and the record that it belongs to: a
    /// later one than these facts if it was replaced meanwhile. Under runsv that is one name that is
    /// not there.
    fn embedded_beside(&self, mut facts: Facts) -> (Facts, Option<Embedded>) {
        for _ in 0..READS_OF_A_MOVING_RECORD {
            let text =
                node::read_at_most(&self.handle.at(files::EMBEDDED), Embedded::MAX_LEN as u64);
            let embedded = text.ok().flatten().and_then(|text| Embedded::from_bytes(&text));
            match embedded {
                Some(embedded) if embedded.belongs_to(&facts) => return (facts, Some(embedded)),
                // It is replaced first, and its record follows.
                Some(embedded) if embedded.is_ahead_of(&facts) => {
                    let Ok(Some(record)) = self.read_record(Dialect::Runit) else { break };
                    facts = record.facts();
                }
                // Of a supervisor that is gone.
                Some(_) | None => break,
            }
        }
        (facts, None)
    }

    /// What keeps it from being started, as whoever starts services in order has noted, and what that is about.
    pub(crate) fn waits_for(&self) -> Option<(Cause, String)> {
        let text = node::read_at_most(&self.handle.at(files::WAITING), LONGEST_NOTE).ok()??;
        let text = String::from_utf8_lossy(&text);
        let (word, what) = text.trim_end().split_once(' ')?;
        let cause = word.parse().ok()?;
        matches!(cause, Cause::Waiting | Cause::HeldBack).then(|| (cause, what.to_owned()))
    }

    /// Whether s6 listens for readiness: whether the file holds a number that it takes. It ignores
    /// anything else, a blank after the number included, and 0.
    fn notifies(&self) -> bool {
        let text = node::read_at_most(&self.handle.at(files::NOTIFICATION_FD), 16);
        let Ok(Some(text)) = text else { return false };
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.is_some_and(|number: u32| number > 0) && digits.iter().all(u8::is_ascii_digit)
    }
}
