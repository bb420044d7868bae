//! Rotated files that a processor has packed: gzip and zstd are read, the rest is named.
//!
//! A packed file has a beginning only, and a few bytes of it may stand for very many. So it ends where no logger's file
//! goes on: in a line without an end, far beyond what its bytes are worth as text, and where it takes bytes and gives
//! none.
//!
//! Source: RFC 1952 and RFC 8878, read by `flate2` and `ruzstd`.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

#[cfg(feature = "packed")]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[cfg(feature = "packed")]
use std::io::BufRead;

#[cfg(feature = "packed")]
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// What has no line end within so many bytes is not searched for one to its end: what follows is found from the back,
/// and in a packed file not at all.
pub(super) const LINE: u64 = 16 * 1024 * 1024;

/// So much is unpacked of any file. s6-log's longest file has 256 MiB; what others write, and what packs better than
/// [`RATIO`], is rare, and both at once is no text.
#[cfg(feature = "packed")]
const LEAST: u64 = 272 << 20;

/// Of a larger file, so much for each of its bytes.
#[cfg(feature = "packed")]
const RATIO: u64 = 64;

/// More is not unpacked of one file. No logger writes files as long.
#[cfg(feature = "packed")]
const LONGEST_FILE: u64 = 4 << 30;

/// So much may be taken of a packed file before anything comes of it, and beside what has come of it.
#[cfg(feature = "packed")]
const AHEAD: u64 = 1 << 20;

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
    #[cfg(feature = "packed")]
    pub(super) fn unpack(self, file: File) -> Option<Unpacked> {
        let longest = file
            .metadata()
            .map_or(LEAST, |data| data.len().saturating_mul(RATIO).clamp(LEAST, LONGEST_FILE));
        let allowed = Arc::new(AtomicU64::new(AHEAD));
        let fed = BufReader::new(Fed { file, taken: 0, allowed: Arc::clone(&allowed) });
        let inner: Box<dyn Read + Send + Sync> = match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(fed)),
            Self::Zstd => Box::new(Frames::new(fed)),
            Self::Other => return None,
        };
        let whole = Whole { inner, left: longest, line: 0, allowed, failure: None };
        Some(BufReader::new(whole))
    }

    /// This build has no reader for any.
    #[cfg(not(feature = "packed"))]
    #[expect(clippy::unused_self, reason = "with the feature it matters")]
    pub(super) fn unpack(self, _file: File) -> Option<Unpacked> {
        None
    }
}

/// An unpacked file. Damage is its end; [`Whole::failure`] has it.
pub(super) type Unpacked = BufReader<Whole>;

/// Ends where the file is damaged, or longer than may be.
pub(super) struct Whole {
    inner: Box<dyn Read + Send + Sync>,
    left: u64,
    /// Bytes since the last line end.
    line: u64,
    #[cfg(feature = "packed")]
    allowed: Arc<AtomicU64>,
    failure: Option<io::Error>,
}

impl Whole {
    /// Why it ended too early; told once.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn fail(&mut self, why: io::Error) {
        self.failure = Some(why);
        self.left = 0;
    }
}

impl Read for Whole {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let read = match self.inner.read(buf.get_mut(..room).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.fail(error);
                return Ok(0);
            }
        };
        self.left = self.left.saturating_sub(read as u64);
        #[cfg(feature = "packed")]
        self.allowed.fetch_add(2 * read as u64, Ordering::Relaxed);
        let new = buf.get(..read).unwrap_or_default();
        self.line = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => (read - end - 1) as u64,
            None => self.line.saturating_add(read as u64),
        };
        if self.line > LINE {
            self.fail(io::Error::other("a line of it is longer than 16 MiB"));
        } else if self.left == 0 && read > 0 {
            self.fail(io::Error::other("it is longer than any log"));
        }
        Ok(read)
    }
}

/// A packed file that gives no more than is worth it: a hole of a terabyte is blocks of nothing to a reader of zstd.
#[cfg(feature = "packed")]
struct Fed {
    file: File,
    taken: u64,
    allowed: Arc<AtomicU64>,
}

#[cfg(feature = "packed")]
impl Read for Fed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken > self.allowed.load(Ordering::Relaxed) {
            return Err(io::Error::other("it takes bytes, and nothing comes of them"));
        }
        let read = self.file.read(buf)?;
        self.taken = self.taken.saturating_add(read as u64);
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
