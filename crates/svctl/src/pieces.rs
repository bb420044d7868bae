//! Text that is put together from many short pieces: tables and JSON.

use std::{fmt, io};

/// Bytes that grow by pieces. Most of these are shorter than sixteen bytes, and `memcpy` of musl
/// takes 10 ns to begin with each: a tenth of what a service takes to be looked at. Blocks of fixed
/// size are copied without it.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    /// So many of them are used.
    len: usize,
}

impl Pieces {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity], len: 0 }
    }

    /// Puts a piece at the end.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let end = self.len + piece.len();
        if end > self.bytes.len() {
            self.bytes.resize((2 * end).max(64), 0);
        }
        match piece.len() {
            1..=3 => self.put_in_blocks::<1>(piece),
            4..=7 => self.put_in_blocks::<4>(piece),
            8..=15 => self.put_in_blocks::<8>(piece),
            16..=31 => self.put_in_blocks::<16>(piece),
            _ => {
                if let Some(place) = self.bytes.get_mut(self.len..end) {
                    place.copy_from_slice(piece);
                }
            }
        }
        self.len = end;
    }

    /// Whole blocks, and the last one, which may overlap with the one before.
    fn put_in_blocks<const N: usize>(&mut self, piece: &[u8]) {
        let Some(place) = self.bytes.get_mut(self.len..self.len + piece.len()) else { return };
        if let Some((to, from)) = place.last_chunk_mut::<N>().zip(piece.last_chunk::<N>()) {
            *to = *from;
        }
        for (to, from) in place.chunks_exact_mut(N).zip(piece.chunks_exact(N)) {
            if let Some((to, from)) = to.first_chunk_mut::<N>().zip(from.first_chunk::<N>()) {
                *to = *from;
            }
        }
    }

    /// The same byte so many times.
    pub(crate) fn push_times(&mut self, byte: u8, times: usize) {
        const MANY: usize = 32;
        let many = [byte; MANY];
        let mut left = times;
        while let Some(some) = many.get(..left.min(MANY)).filter(|some| !some.is_empty()) {
            self.push(some);
            left -= some.len();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl io::Write for Pieces {
    #[inline]
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.push(piece);
        Ok(piece.len())
    }

    #[inline]
    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        self.push(piece);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Pieces {
    #[inline]
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.push(piece.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_are_put_together_whole() {
        let text: Vec<u8> = (0..100).collect();
        let mut pieces = Pieces::default();
        let mut expected = Vec::new();
        for len in (0..=text.len()).chain((0..=40).rev()) {
            pieces.push(&text[..len]);
            pieces.push_times(b' ', len % 5);
            expected.extend_from_slice(&text[..len]);
            expected.extend(std::iter::repeat_n(b' ', len % 5));
            assert_eq!(pieces.as_bytes(), expected, "{len}");
        }
    }
}
