//! What services write: read from a FIFO for each, kept in its log directory, and handed on to be
//! shown.
//!
//! A thread does this, so that a slow disk holds up the services and not the view. What is to be
//! shown is bounded: when the view is behind, lines are left out and counted. The logs have them;
//! these are bounded by rotation, as those of `multilog` are.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        resource::{Resource, getrlimit, rlim_t, setrlimit},
        stat::Mode,
    },
    unistd::mkfifo,
};
use svcmgr::{Scale, UnixTime, proto::Tai64n};

/// The FIFO that a service writes to, beside its log.
pub(super) const PIPE: &str = "pipe";

/// The file of a log that grows.
const CURRENT: &str = "current";

/// So long is a file of a log, about, and so many older ones are kept: the figures of `multilog`
/// and `svlogd`.
const FILE: u64 = 1_000_000;
const FILES: usize = 10;

/// So much is read of one service before the others have their turn.
const PIECE: usize = 64 * 1024;

/// A longer line is shown up to here; its log has it whole.
const LINE: usize = 16 * 1024;

/// So much waits to be shown.
const ROOM: usize = 1024 * 1024;

/// At the end, so long for what services have written last.
const LAST: Duration = Duration::from_millis(500);

/// Something of one service.
pub(super) struct Heard {
    /// Which, in the order in which they were given.
    pub(super) at: usize,
    pub(super) what: What,
}

/// What there is to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Line(Vec<u8>),
    /// The beginning of a line that is too long to be shown.
    Cut(Vec<u8>),
    /// So many lines were left out here.
    Skipped(u64),
    /// Its log cannot be written.
    Unkept(String),
}

/// The thread, and how it is heard.
pub(super) struct LogWriter {
    shared: Arc<Shared>,
    reader: UnixStream,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    heard: VecDeque<Heard>,
    bytes: usize,
    /// Of each service, lines that were left out since its last one.
    skipped: Vec<u64>,
    /// What is to be read from now on, too.
    coming: Vec<Source>,
    ending: bool,
    ended: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that is done under the lock can panic half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Takes a line if there is room; else counts it.
    fn put(&mut self, at: usize, what: What) {
        let bytes = match &what {
            What::Line(text) | What::Cut(text) => text.len(),
            What::Skipped(_) | What::Unkept(_) => 0,
        };
        if self.bytes + bytes > ROOM {
            if let Some(skipped) = self.skipped.get_mut(at) {
                *skipped += 1;
            }
            return;
        }
        self.tell_skipped(at);
        // What a line costs beside its text, an empty one too.
        self.bytes += bytes + size_of::<Heard>();
        self.heard.push_back(Heard { at, what });
    }

    fn tell_skipped(&mut self, at: usize) {
        let skipped = self.skipped.get_mut(at).map_or(0, std::mem::take);
        if skipped > 0 {
            self.heard.push_back(Heard { at, what: What::Skipped(skipped) });
        }
    }

    fn take(&mut self) -> Option<Heard> {
        let heard = self.heard.pop_front();
        match heard.as_ref().map(|heard| &heard.what) {
            Some(What::Line(text) | What::Cut(text)) => {
                self.bytes = self.bytes.saturating_sub(text.len() + size_of::<Heard>());
            }
            Some(What::Skipped(_) | What::Unkept(_)) => (),
            // Room for all, and nothing more to come of some.
            None => (0..self.skipped.len()).for_each(|at| self.tell_skipped(at)),
        }
        heard.or_else(|| self.heard.pop_front())
    }
}

/// Makes a log directory for one run: an empty `current`, nothing of earlier runs, and the FIFO,
/// whose path is given back.
pub(super) fn prepare(dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    for file in rotated(dir)? {
        fs::remove_file(file)?;
    }
    let current = dir.join(CURRENT);
    append(&current)?.set_len(0)?;
    let pipe = dir.join(PIPE);
    match fs::symlink_metadata(&pipe) {
        Ok(data) if data.file_type().is_fifo() => (),
        Ok(_) => return Err(io::Error::other("`pipe` in it is no FIFO")),
        Err(_) => mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR)?,
    }
    Ok(pipe)
}

impl LogWriter {
    /// Starts to read. From now on services can open their FIFOs.
    pub(super) fn start(dirs: &[&Path]) -> io::Result<Self> {
        make_room(dirs.len());
        let sources: Vec<Source> =
            dirs.iter().map(|dir| Source::open(dir)).collect::<Result<_, _>>()?;
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        shared.queue().skipped = vec![0; dirs.len()];
        let its = Desk { shared: Arc::clone(&shared), writer, sources };
        std::thread::Builder::new().name("logs".into()).spawn(move || its.work())?;
        Ok(Self { shared, reader })
    }

    /// Reads one more, whose place is behind the others.
    pub(super) fn add(&self, dir: &Path) -> io::Result<()> {
        make_room(1);
        let source = Source::open(dir)?;
        let mut queue = self.shared.queue();
        queue.skipped.push(0);
        queue.coming.push(source);
        // It waits at this socket, too. If that is full, it wakes all the same.
        let _woken = (&self.reader).write(&[1]);
        Ok(())
    }

    /// What is to be shown next; never waits.
    pub(super) fn next(&self) -> Option<Heard> {
        self.shared.queue().take()
    }

    /// Whether there is something.
    pub(super) fn has_more(&self) -> bool {
        !self.shared.queue().heard.is_empty()
    }

    /// Empties the descriptor.
    pub(super) fn hear(&self) {
        let mut bytes = [0; 64];
        let _heard = (&self.reader).read(&mut bytes);
    }

    /// Waits for what services have written up to now, but not for long.
    pub(super) fn finish(&self) {
        let limit = Instant::now() + LAST;
        let mut queue = self.shared.queue();
        queue.ending = true;
        // It waits at this socket, too.
        let _woken = (&self.reader).write(&[1]);
        while !queue.ended {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl AsFd for LogWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Two files for each service; what was started before keeps its own limit.
fn make_room(services: usize) {
    let wanted = rlim_t::try_from(services.saturating_mul(2)).unwrap_or(rlim_t::MAX / 2) + 64;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted + 256
    {
        let _as_it_was =
            setrlimit(Resource::RLIMIT_NOFILE, soft.saturating_add(wanted).min(hard), hard);
    }
}

/// The thread's side.
struct Desk {
    shared: Arc<Shared>,
    writer: UnixStream,
    sources: Vec<Source>,
}

impl Desk {
    fn work(mut self) {
        let mut piece = vec![0; PIECE];
        loop {
            let ending = {
                let mut queue = self.shared.queue();
                self.sources.append(&mut queue.coming);
                queue.ending
            };
            let ready = self.wait(ending);
            let rings = ready.iter().any(|ready| *ready);
            // What woke it stands in the queue.
            while matches!((&self.writer).read(&mut [0; 64]), Ok(1..)) {}
            let sources = self.sources.iter_mut().zip(ready).enumerate();
            for (at, (source, _)) in sources.filter(|(_, (_, ready))| *ready) {
                let (bytes, unkept) = source.read(&mut piece);
                let mut queue = self.shared.queue();
                if let Some(why) = unkept {
                    queue.put(at, What::Unkept(why));
                }
                source.split(bytes, |what| queue.put(at, what));
            }
            if ending && !rings {
                break;
            }
            if rings {
                // A full socket wakes as well.
                let _woken = (&self.writer).write(&[1]);
            }
        }
        for (at, source) in self.sources.iter_mut().enumerate() {
            source.finish(|what| self.shared.queue().put(at, what));
        }
        self.shared.queue().ended = true;
        self.shared.changed.notify_all();
    }

    /// Which of the sources have something.
    fn wait(&self, ending: bool) -> Vec<bool> {
        let mut fds: Vec<_> = self
            .sources
            .iter()
            .map(|source| source.pipe.as_fd())
            .chain([self.writer.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let timeout = if ending { PollTimeout::ZERO } else { PollTimeout::NONE };
        // Interrupted or not, reading is tried.
        let _ready = poll(&mut fds, timeout);
        fds.pop();
        fds.iter().map(|fd| fd.any().unwrap_or(false)).collect()
    }
}

/// One service.
struct Source {
    pipe: File,
    log: Log,
    /// What there is of a line that has no end yet.
    partial: Vec<u8>,
    /// The beginning of the line was shown, and its rest is not.
    cut: bool,
}

impl Source {
    fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        // For writing too: so it does not end while no service has it.
        let pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(dir.join(PIPE))?;
        if !pipe.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("it is no FIFO"));
        }
        Ok(Self { pipe, log: Log::open(dir)?, partial: Vec::new(), cut: false })
    }

    /// Reads once, and keeps what it gets; why it cannot, once.
    fn read<'a>(&mut self, piece: &'a mut [u8]) -> (&'a [u8], Option<String>) {
        // Nothing is there after all, or a signal came.
        let len = nix::unistd::read(&self.pipe, piece).unwrap_or(0);
        let bytes = piece.get(..len).unwrap_or_default();
        (bytes, self.log.write(bytes))
    }

    fn split(&mut self, bytes: &[u8], mut tell: impl FnMut(What)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let ends = text.len() < part.len();
            if !self.cut {
                let room = LINE.saturating_sub(self.partial.len());
                self.partial.extend_from_slice(text.get(..room).unwrap_or(text));
                self.cut = text.len() > room;
                if self.cut {
                    tell(What::Cut(std::mem::take(&mut self.partial)));
                } else if ends {
                    tell(What::Line(std::mem::take(&mut self.partial)));
                }
            }
            if ends {
                self.cut = false;
            }
        }
    }

    fn finish(&mut self, mut tell: impl FnMut(What)) {
        if !self.partial.is_empty() {
            tell(What::Line(std::mem::take(&mut self.partial)));
        }
    }
}

/// A log directory that is written.
struct Log {
    dir: PathBuf,
    file: File,
    len: u64,
    older: VecDeque<PathBuf>,
    /// That it cannot be written was told.
    unkept: bool,
}

impl Log {
    fn open(dir: &Path) -> io::Result<Self> {
        let file = append(&dir.join(CURRENT))?;
        let len = file.metadata()?.size();
        Ok(Self { dir: dir.to_owned(), file, len, older: rotated(dir)?.into(), unkept: false })
    }

    /// Why it cannot be kept, once.
    fn write(&mut self, bytes: &[u8]) -> Option<String> {
        match self.put(bytes) {
            Ok(()) => {
                self.unkept = false;
                None
            }
            Err(error) => {
                let dir = self.dir.display();
                let told = std::mem::replace(&mut self.unkept, true);
                (!told)
                    .then(|| format!("cannot write {dir}/{CURRENT}: {error}; shown and not kept"))
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut whole, mut rest) = (bytes, &[][..]);
        if self.len + bytes.len() as u64 > FILE {
            // Between two lines, if there is an end of one.
            let end =
                bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            (whole, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        }
        self.file.write_all(whole)?;
        self.len += whole.len() as u64;
        if self.len >= FILE {
            self.rotate()?;
        }
        self.file.write_all(rest)?;
        self.len += rest.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let label = Tai64n::from_unix(UnixTime::now(), Scale::Fixed).unwrap_or_default();
        let name = self.dir.join(format!("{label}.s"));
        fs::rename(self.dir.join(CURRENT), &name)?;
        self.file = append(&self.dir.join(CURRENT))?;
        self.len = 0;
        self.older.push_back(name);
        while self.older.len() > FILES {
            if let Some(oldest) = self.older.pop_front() {
                fs::remove_file(oldest)?;
            }
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
}

/// What was rotated, oldest first.
fn rotated(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('@') && path.extension().is_some_and(|ending| ending == "s") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(log_writer: &LogWriter, mut enough: impl FnMut(Heard) -> bool) {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(heard) = log_writer.next() {
                if enough(heard) {
                    return;
                }
            } else {
                assert!(Instant::now() < limit, "nothing more comes");
                let mut fds = [PollFd::new(log_writer.as_fd(), PollFlags::POLLIN)];
                poll(&mut fds, 1000_u16).unwrap();
                log_writer.hear();
            }
        }
    }

    #[test]
    fn lines_are_handed_on_and_kept_and_long_ones_are_cut() {
        let tree = tempfile::tempdir().unwrap();
        let mut writer = opened(&prepare(tree.path()).unwrap());
        let log_writer = LogWriter::start(&[tree.path()]).unwrap();
        let long = vec![b'x'; LINE + 1];
        writer.write_all(b"one\ntwo\n").unwrap();
        writer.write_all(&long).unwrap();
        writer.write_all(b"more\nlast\nhalf").unwrap();
        let mut heard = Vec::new();
        wait_for(&log_writer, |it| {
            heard.push(it.what);
            heard.len() == 4
        });
        let line = |text: &[u8]| What::Line(text.to_vec());
        let cut = What::Cut(long[..LINE].to_vec());
        assert_eq!(heard, [line(b"one"), line(b"two"), cut, line(b"last")]);
        log_writer.finish();
        assert_eq!(log_writer.next().map(|heard| heard.what), Some(line(b"half")));
        assert!(fs::read(tree.path().join(CURRENT)).unwrap().ends_with(b"xmore\nlast\nhalf"));
    }

    /// As a service has it; also before anybody reads.
    fn opened(pipe: &Path) -> File {
        OpenOptions::new().read(true).write(true).open(pipe).unwrap()
    }

    #[test]
    fn one_that_comes_later_is_read_as_well() {
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let _pipe = prepare(first.path()).unwrap();
        let log_writer = LogWriter::start(&[first.path()]).unwrap();
        let mut writer = opened(&prepare(second.path()).unwrap());
        log_writer.add(second.path()).unwrap();
        writer.write_all(b"late\n").unwrap();
        wait_for(&log_writer, |heard| heard.at == 1 && heard.what == What::Line(b"late".to_vec()));
    }

    #[test]
    fn a_flood_that_nobody_shows_is_counted_and_what_is_kept_is_bounded() {
        const LINES: u64 = 3_000_000;
        let tree = tempfile::tempdir().unwrap();
        let mut writer = opened(&prepare(tree.path()).unwrap());
        let log_writer = LogWriter::start(&[tree.path()]).unwrap();
        let flood = b"y\n".repeat(10_000);
        for _ in 0..LINES / 10_000 {
            writer.write_all(&flood).unwrap();
        }
        assert!(log_writer.shared.queue().bytes <= ROOM + size_of::<Heard>() + LINE);
        let mut lines = 0;
        let mut skipped = 0;
        wait_for(&log_writer, |heard| {
            match heard.what {
                What::Line(_) => lines += 1,
                What::Skipped(count) => skipped += count,
                other => panic!("{other:?}"),
            }
            lines + skipped == LINES
        });
        assert!(skipped > 0);
        let files = fs::read_dir(tree.path()).unwrap().count();
        assert!(files <= FILES + 2, "{files} files");
        let kept: u64 = fs::read_dir(tree.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(kept <= (FILES as u64 + 1) * (FILE + PIECE as u64), "{kept} bytes");
        // Another run begins with nothing.
        prepare(tree.path()).unwrap();
        assert_eq!(fs::read_dir(tree.path()).unwrap().count(), 2);
    }
}
