//! Rounds of measurements and what is told of them.

use crate::failure::Failure;

/// Columns of numbers, one number a round.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rounds {
    columns: Vec<(String, Vec<u128>)>,
}

impl Rounds {
    pub(super) fn new(columns: impl IntoIterator<Item = (String, Vec<u128>)>) -> Self {
        let mut columns: Vec<_> = columns.into_iter().collect();
        for (_, numbers) in &mut columns {
            numbers.sort_unstable();
        }
        Self { columns }
    }

    /// From a line `columns NAME...` and a line of numbers for each round.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut lines = text.lines();
        let names = lines.next().and_then(|line| line.strip_prefix("columns "));
        let names = names.ok_or_else(|| Failure::cannot("read a bench row", text))?;
        let mut columns: Vec<(String, Vec<u128>)> =
            names.split(' ').map(|name| (name.to_owned(), Vec::new())).collect();
        for line in lines {
            for ((_, numbers), word) in columns.iter_mut().zip(line.split(' ')) {
                numbers.push(word.parse().map_err(|why| Failure::cannot("read a number", why))?);
            }
        }
        Ok(Self::new(columns))
    }

    /// The same with another name for a column.
    pub(super) fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in &mut self.columns {
            if name == from {
                to.clone_into(name);
            }
        }
        self
    }

    fn column(&self, name: &str) -> &[u128] {
        self.columns.iter().find(|it| it.0 == name).map_or(&[], |it| it.1.as_slice())
    }

    /// The middle of a column.
    pub(super) fn median(&self, name: &str) -> u128 {
        let numbers = self.column(name);
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    }

    /// What one round of a hundred exceeds; the largest, of fewer rounds.
    pub(super) fn p99(&self, name: &str) -> u128 {
        let numbers = self.column(name);
        numbers.get(numbers.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// Nanoseconds as people read them.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn time(nanos: u128) -> String {
    let nanos = nanos as f64;
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.3} µs", nanos / 1e3),
        _ => format!("{:.3} ms", nanos / 1e6),
    }
}

/// One number in terms of another.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(super) fn ratio(ours: u128, other: u128) -> f64 {
    ours as f64 / (other as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_read_and_ranked() {
        let rounds = Rounds::parse("columns a b\n3 30\n1 10\n2 20\n").unwrap();
        assert_eq!((rounds.median("a"), rounds.p99("b"), rounds.median("c")), (2, 30, 0));
        assert!(Rounds::parse("a b\n1 2\n").is_err());
        assert!(Rounds::parse("columns a\nx\n").is_err());
    }

    #[test]
    fn times_are_in_the_unit_that_fits() {
        assert_eq!([7, 7_300, 7_300_000].map(time), ["7 ns", "7.300 µs", "7.300 ms"]);
    }
}
