//! The table: one line for each comparison, and whether what was asked for is met.

use super::numbers::{Rounds, ratio, time};

/// One line.
#[derive(Clone, Debug)]
struct Row {
    work: String,
    ours: Figure,
    beside: String,
    its: Figure,
    ratio: String,
    asked: String,
    verdict: Verdict,
}

/// The middle of what was measured, and what one round of a hundred exceeds.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure {
    median: String,
    p99: String,
}

impl Figure {
    fn of(rounds: &Rounds, column: &str) -> Self {
        Self { median: time(rounds.median(column)), p99: time(rounds.p99(column)) }
    }

    /// What is measured once.
    pub(super) fn once(text: impl Into<String>) -> Self {
        Self { median: text.into(), p99: String::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    NotMet,
    /// Nothing is asked for, or nothing was measured.
    None,
}

impl From<bool> for Verdict {
    fn from(met: bool) -> Self {
        if met { Self::Met } else { Self::NotMet }
    }
}

/// What a comparison has to show.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Nothing,
    /// The most that ours may be of the other's median.
    Ratio(f64),
    /// The most that ours may take, in nanoseconds.
    Within(f64),
}

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Ours beside another: two columns of the same rounds.
    pub(super) fn compare(
        &mut self,
        work: impl Into<String>,
        rounds: &Rounds,
        (ours, other): (&str, &str),
        beside: impl Into<String>,
        asked: Asked,
    ) {
        let median = rounds.median(ours);
        let found = ratio(median, rounds.median(other));
        let (asked, verdict) = match asked {
            Asked::Nothing => (String::new(), Verdict::None),
            Asked::Ratio(most) => (format!("≤ {most:.2} ×"), (found <= most).into()),
            Asked::Within(most) => (format!("≤ {}", time(most)), (median <= most).into()),
        };
        self.0.push(Row {
            work: work.into(),
            ours: Figure::of(rounds, ours),
            beside: beside.into(),
            its: Figure::of(rounds, other),
            ratio: format!("{found:.2}"),
            asked,
            verdict,
        });
    }

    /// Ours alone, of which nothing is asked.
    pub(super) fn alone(&mut self, work: impl Into<String>, rounds: &Rounds, ours: &str) {
        self.0.push(Row { work: work.into(), ours: Figure::of(rounds, ours), ..Row::empty() });
    }

    /// What is no time.
    pub(super) fn fact(
        &mut self,
        work: impl Into<String>,
        ours: Figure,
        asked: impl Into<String>,
        met: bool,
    ) {
        let (work, asked, verdict) = (work.into(), asked.into(), met.into());
        let row = Row { work, ours, asked, verdict, ..Row::empty() };
        self.0.push(row);
    }

    /// Ours beside a number that somebody else measured, elsewhere.
    pub(super) fn cited(
        &mut self,
        work: impl Into<String>,
        rounds: &Rounds,
        ours: &str,
        (beside, its): (&str, f64),
        most: f64,
    ) {
        let found = ratio(rounds.median(ours), its);
        self.0.push(Row {
            work: work.into(),
            ours: Figure::of(rounds, ours),
            beside: format!("{beside}, cited"),
            its: Figure::once(time(its)),
            ratio: format!("{found:.2}"),
            asked: format!("≤ {most:.2} ×"),
            verdict: (found <= most).into(),
        });
    }

    /// What cannot be measured here.
    pub(super) fn absent(&mut self, work: impl Into<String>, why: impl Into<String>) {
        let beside = format!("not measured: {}", why.into());
        self.0.push(Row { work: work.into(), beside, ..Row::empty() });
    }

    /// The lines of another after these.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// For the page.
    pub(super) fn text(&self) -> String {
        let heads = ["work", "ours", "p99", "beside", "its", "p99", "ratio", "asked for", "met"];
        let mut text =
            format!("| {} |\n|---|---:|---:|---|---:|---:|---:|---:|---|\n", heads.join(" | "));
        for row in &self.0 {
            let met = match row.verdict {
                Verdict::Met => "met",
                Verdict::NotMet => "**not met**",
                Verdict::None => "",
            };
            let cells = [
                &row.work,
                &row.ours.median,
                &row.ours.p99,
                &row.beside,
                &row.its.median,
                &row.its.p99,
                &row.ratio,
                &row.asked,
                met,
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        let count = |verdict| self.0.iter().filter(|row| row.verdict == verdict).count();
        let (met, not) = (count(Verdict::Met), count(Verdict::NotMet));
        text.push_str(&format!("\nOf what is asked for, {met} lines are met and {not} are not.\n"));
        text
    }
}

impl Row {
    fn empty() -> Self {
        Self {
            work: String::new(),
            ours: Figure::default(),
            beside: String::new(),
            its: Figure::default(),
            ratio: String::new(),
            asked: String::new(),
            verdict: Verdict::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_judged() {
        let rounds = Rounds::parse("columns a b\n3 2\n3 2\n").unwrap();
        let mut table = Table::default();
        table.compare("one", &rounds, ("a", "b"), "b", Asked::Ratio(1.4));
        table.compare("two", &rounds, ("a", "b"), "b", Asked::Ratio(1.5));
        table.compare("three", &rounds, ("a", "b"), "b", Asked::Nothing);
        table.compare("four", &rounds, ("a", "b"), "b", Asked::Within(3.0));
        table.absent("five", "no tool");
        let text = table.text();
        let line =
            |work: &str| text.lines().find(|it| it.starts_with(&format!("| {work} "))).unwrap();
        assert!(line("one").ends_with("| 1.50 | ≤ 1.40 × | **not met** |"), "{text}");
        assert!(line("two").ends_with("| met |") && line("three").ends_with("|  |  |"), "{text}");
        assert!(line("four").ends_with("| met |") && line("five").contains("no tool"), "{text}");
        assert!(text.ends_with("2 lines are met and 1 are not.\n"), "{text}");
    }
}
