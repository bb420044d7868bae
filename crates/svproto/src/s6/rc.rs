//! What `s6-rc` knows of its services, in its live directory: `state`, and by which number.
//!
//! `state` has a byte for each service, 1 for up. `compiled/resolve.cdb` has their numbers: a
//! constant database whose records begin behind 256 tables of 8 bytes and end where the first table
//! says that it is.
//!
//! | bytes of a record | field | encoding |
//! |-------------------|-------|----------|
//! | 0..4, 4..8 | length of the name, of the rest | little-endian |
//! | then | the name | |
//! | then | the number of the service; of a bundle several | big-endian |
//!
//! Source: s6-rc 0.5.4.1, a live directory that it made; cdb as it is documented by its author.

/// The number of a service in a `resolve.cdb`; `None` for a bundle, for a name that is not there,
/// and for bytes that are none.
///
/// ```
/// use svproto::s6::rc;
///
/// assert_eq!(rc::number(b"no database", b"web"), None);
/// ```
#[must_use]
pub fn number(resolve: &[u8], name: &[u8]) -> Option<usize> {
    let end = usize::try_from(little(resolve)?).ok()?;
    let mut rest = resolve.get(TABLES..end)?;
    loop {
        let key_len = usize::try_from(little(rest)?).ok()?;
        let data_len = usize::try_from(little(rest.get(4..)?)?).ok()?;
        let (key, after) = rest.get(8..)?.split_at_checked(key_len)?;
        let (data, after) = after.split_at_checked(data_len)?;
        if key == name {
            let (number, []) = data.split_first_chunk::<4>()? else { return None };
            return usize::try_from(u32::from_be_bytes(*number)).ok();
        }
        rest = after;
    }
}

/// Whether the service of a number is up, by `state`; `None` where it has no byte.
#[must_use]
pub fn is_up(state: &[u8], number: usize) -> Option<bool> {
    state.get(number).map(|byte| byte & 1 == 1)
}

const TABLES: usize = 2048;

fn little(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What s6-rc 0.5.4.1 compiled of two longruns in a pipeline, a oneshot and two bundles.
    const RESOLVE: &[u8] = include_bytes!("../../testdata/s6-rc/resolve.cdb");
    const STATE: &[u8] = include_bytes!("../../testdata/s6-rc/state");

    #[test]
    fn a_database_that_s6_rc_made_has_the_numbers_of_its_services() {
        let numbers = ["s6rc-oneshot-runner", "s6rc-fdholder", "web", "web-log", "once"];
        for (expected, name) in numbers.iter().enumerate() {
            assert_eq!(number(RESOLVE, name.as_bytes()), Some(expected), "{name}");
            assert_eq!(is_up(STATE, expected), Some(expected != 3), "{name}");
        }
        for name in ["web-pipe", "bund", "absent", ""] {
            assert_eq!(number(RESOLVE, name.as_bytes()), None, "{name}");
        }
        assert_eq!(is_up(STATE, 5), None);
    }

    #[test]
    fn half_a_database_is_none() {
        for len in 0..RESOLVE.len() {
            let _none_or_the_number = number(&RESOLVE[..len], b"once");
        }
        let mut endless = RESOLVE.to_vec();
        endless[2048..2056].fill(0xff);
        assert_eq!(number(&endless, b"web"), None);
    }
}
