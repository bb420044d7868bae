//! Rotated files that a processor has packed: gzip and zstd are read, the rest is named.
//!
//! Source: RFC 1952 and RFC 8878, read by `flate2` and `ruzstd`.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

#[cfg(feature = "packed")]
use std::io::BufRead;

#[cfg(feature = "packed")]
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// More is not unpacked of one file. No logger writes files as long.
const LONGEST_FILE: u64 = 4 << 30;

/// What common processors make of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    /// xz, bzip2.
    Other,
}

impl Packing {
    /// Bytes that tell.
    pub(super) const MAGIC: u64 = 4;

    /// By the first bytes of a file; `None` for text.
    pub(super) fn of(magic: &[u8]) -> Option<Self> {
        let known = [
            (&b"\x1f\x8b"[..], Self::Gzip),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\xfd7zX", Self::Other),
            (b"BZh", Self::Other),
        ];
        known.into_iter().find(|(start, _)| magic.starts_with(start)).map(|(_, packing)| packing)
    }

    /// What is in the file, from its beginning; `None` where this build has no reader for it.
    pub(super) fn unpack(self, file: File) -> Option<Unpacked> {
        let inner: Option<Box<dyn Read + Send + Sync>> = match self {
            #[cfg(feature = "packed")]
            Self::Gzip => {
                Some(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))))
            }
            #[cfg(feature = "packed")]
            Self::Zstd => Some(Box::new(Frames::new(BufReader::new(file)))),
            _ => {
                drop(file);
                None
            }
        };
        Some(BufReader::new(Whole { inner: inner?, left: LONGEST_FILE, failure: None }))
    }
}

/// An unpacked file. Damage is its end; [`Whole::failure`] has it.
pub(super) type Unpacked = BufReader<Whole>;

/// Ends where the file is damaged, or longer than may be.
pub(super) struct Whole {
    inner: Box<dyn Read + Send + Sync>,
    left: u64,
    failure: Option<io::Error>,
}

impl Whole {
    /// Why it ended too early; told once.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl Read for Whole {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let read = match self.inner.read(buf.get_mut(..room).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.failure = Some(error);
                self.left = 0;
                return Ok(0);
            }
        };
        self.left = self.left.saturating_sub(read as u64);
        if self.left == 0 && read > 0 {
            self.failure = Some(io::Error::other("it is longer than 4 GiB"));
        }
        Ok(read)
    }
}

/// The frames of a zstd file, one after the other.
#[cfg(feature = "packed")]
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    within: bool,
}

#[cfg(feature = "packed")]
impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins with the next frame; `false` at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.within = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

#[cfg(feature = "packed")]
impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            let decoder = &mut self.decoder;
            while decoder.can_collect() < buf.len() && !decoder.is_finished() {
                let wanted = BlockDecodingStrategy::UptoBytes(buf.len() - decoder.can_collect());
                decoder.decode_blocks(&mut self.source, wanted).map_err(io::Error::other)?;
            }
            let read = decoder.read(buf)?;
            if read > 0 {
                return Ok(read);
            }
            self.within = false;
        }
    }
}
