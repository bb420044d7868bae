//! `supervise/death_tally`: the last deaths of a service under s6 2.7.1 and later, oldest first.
//!
//! | bytes  | field  | encoding                                            |
//! |--------|--------|-----------------------------------------------------|
//! | 0..12  | time   | TAI64N label, leap seconds counted                  |
//! | 12     | code   | exit code, or 128 plus the signal                   |
//! | 13     | signal | 0 if it exited by itself                            |
//!
//! 14 bytes a death, one after the other; replaced by rename; emptied when the supervisor starts.
//!
//! Source: `s6_dtally_pack` of s6 2.11.3; captured beside the records.

use crate::{
    LastExit, Scale, Tai64n, UnixTime,
    bytes::{field, put, record_of_bytes},
};

record_of_bytes! {
    /// One death. Any 14 bytes are one.
    Death: 14
}

impl Death {
    /// The largest number of deaths that a tally keeps (`max-death-tally` is at most this).
    pub const MAX_COUNT: usize = 4096;

    /// A death from its fields, for a program that supervises.
    #[must_use]
    pub const fn new(at: Tai64n, code: u8, signal: u8) -> Self {
        let mut bytes = [0; Self::LEN];
        put::<0, 12, 14>(&mut bytes, at.to_bytes());
        put::<12, 2, 14>(&mut bytes, [code, signal]);
        Self(bytes)
    }

    /// The label of the death.
    #[must_use]
    pub const fn label(&self) -> Tai64n {
        Tai64n::from_bytes(field::<0, 12, 14>(&self.0))
    }

    /// When it died; `None` when the stamp is no moment.
    #[must_use]
    pub const fn at(&self) -> Option<UnixTime> {
        self.label().unix(Scale::LeapSeconds)
    }

    /// How it died. A tally does not record core dumps.
    #[must_use]
    pub const fn exit(&self) -> LastExit {
        let [.., code, signal] = self.0;
        match signal {
            0 => LastExit::Exited { code },
            signal => LastExit::Signaled { signal, core: false },
        }
    }
}

/// The deaths in the bytes of a `death_tally` file, oldest first.
///
/// A tail of fewer than 14 bytes is no death; s6 itself ignores it, and so does this.
#[derive(Clone, Debug)]
pub struct Tally<'a> {
    rest: &'a [u8],
}

impl<'a> Tally<'a> {
    /// Reads the bytes of a file.
    ///
    /// ```
    /// use svproto::{LastExit, s6::tally::{Death, Tally}, Tai64n};
    ///
    /// let death = Death::new(Tai64n::default(), 1, 0);
    /// let exits: Vec<LastExit> = Tally::new(death.as_bytes()).map(|death| death.exit()).collect();
    /// assert_eq!(exits, [LastExit::Exited { code: 1 }]);
    /// ```
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl Iterator for Tally<'_> {
    type Item = Death;

    fn next(&mut self) -> Option<Death> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(Death(*first))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len() / Death::LEN;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Tally<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// `death_tally` of s6 2.11.3.2 after one exit with 5, and a killed one of 2.13.1.0.
    const BYTES: [u8; 28] = *b"\x40\0\0\0\x6b\x03\x7e\x1a\x13\xf5\xe3\x00\x05\x00\
        \x40\0\0\0\x6b\x03\x7e\x34\x37\xba\x64\x74\x83\x03";

    #[test]
    fn deaths_come_oldest_first_and_a_cut_one_is_none() {
        let deaths: std::vec::Vec<_> = Tally::new(&BYTES).map(|death| death.exit()).collect();
        let (first, second) =
            (LastExit::Exited { code: 5 }, LastExit::Signaled { signal: 3, core: false });
        assert_eq!(deaths, [first, second]);
        assert_eq!(Tally::new(&BYTES[..27]).len(), 1);
        assert_eq!(Tally::new(&BYTES[..27]).count(), 1);
    }

    #[test]
    fn a_death_made_of_its_fields_is_the_same_death() {
        let death = Tally::new(&BYTES).last().unwrap();
        assert_eq!(Death::new(death.label(), 0x83, 3), death);
        assert_eq!(death.at().map(UnixTime::secs), Some(1_795_390_991));
    }
}
