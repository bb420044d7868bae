//! Rounds of measurements and what is told of them.

use crate::failure::Failure;

/// Columns of numbers, one number a round: nanoseconds, or what the column says.
#[derive(Debug, PartialEq)]
pub(super) struct Rounds {
    columns: Vec<(String, Vec<f64>)>,
}

impl Rounds {
    pub(super) fn new(columns: impl IntoIterator<Item = (String, Vec<f64>)>) -> Self {
        let mut columns: Vec<_> = columns.into_iter().collect();
        for (_, numbers) in &mut columns {
            numbers.sort_unstable_by(f64::total_cmp);
        }
        Self { columns }
    }

    /// From a line `columns NAME...` and a line of numbers for each round.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut lines = text.lines();
        let names = lines.next().and_then(|line| line.strip_prefix("columns "));
        let names = names.ok_or_else(|| Failure::cannot("read a bench row", text))?;
        let mut columns: Vec<(String, Vec<f64>)> =
            names.split(' ').map(|name| (name.to_owned(), Vec::new())).collect();
        for line in lines {
            let numbers: Vec<&str> = line.split(' ').collect();
            if numbers.len() != columns.len() {
                return Err(Failure::cannot("read a bench row", line));
            }
            for ((_, column), word) in columns.iter_mut().zip(numbers) {
                column.push(word.parse().map_err(|why| Failure::cannot("read a number", why))?);
            }
        }
        Ok(Self::new(columns))
    }

    /// The same rounds, whose numbers were picoseconds.
    pub(super) fn of_picoseconds(mut self) -> Self {
        for number in self.columns.iter_mut().flat_map(|(_, numbers)| numbers) {
            *number /= 1e3;
        }
        self
    }

    /// The same, for each of so many.
    pub(super) fn each(mut self, count: usize) -> Self {
        for number in self.columns.iter_mut().flat_map(|(_, numbers)| numbers) {
            *number /= float(count);
        }
        self
    }

    /// These and one column of others.
    pub(super) fn with(mut self, other: Self, name: &str) -> Self {
        self.columns.extend(other.columns.into_iter().filter(|it| it.0 == name));
        self
    }

    fn at(&self, name: &str, place: impl FnOnce(usize) -> usize) -> f64 {
        let numbers = self.columns.iter().find(|it| it.0 == name).map(|it| it.1.as_slice());
        let numbers = numbers.unwrap_or_default();
        numbers.get(place(numbers.len())).copied().unwrap_or_default()
    }

    /// The middle of a column.
    pub(super) fn median(&self, name: &str) -> f64 {
        self.at(name, |len| len / 2)
    }

    /// What one round of a hundred exceeds; the largest, of fewer rounds.
    pub(super) fn p99(&self, name: &str) -> f64 {
        self.at(name, |len| len * 99 / 100)
    }
}

/// Nanoseconds as people read them.
pub(super) fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e2 => format!("{nanos:.1} ns"),
        _ if nanos < 1e3 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

/// One number in terms of another.
pub(super) fn ratio(ours: f64, other: f64) -> f64 {
    if other > 0.0 { ours / other } else { f64::INFINITY }
}

/// A count to calculate with.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_read_and_ranked() {
        let rounds = Rounds::parse("columns a b\n3 30\n1 10\n2 20\n").unwrap();
        let shown = [rounds.median("a"), rounds.p99("b"), rounds.median("c")].map(time);
        assert_eq!(shown, ["2.0 ns", "30.0 ns", "0.0 ns"]);
        assert_eq!(time(rounds.each(2).median("a")), "1.0 ns");
        for bad in ["a b\n1 2\n", "columns a\nx\n", "columns a b\n1\n"] {
            assert!(Rounds::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_in_the_unit_that_fits() {
        let shown = [7.25, 720.0, 7_300.0, 7_300_000.0].map(time);
        assert_eq!(shown, ["7.2 ns", "720 ns", "7.30 µs", "7.30 ms"]);
    }
}
