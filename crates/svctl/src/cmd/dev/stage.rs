//! The tree of a file of definitions: written anew, and its engine started, with nothing enabled
//! yet.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::unistd::Uid;
use svcmgr::{
    LogDir, Order, Scale,
    build::{
        self as format, Definitions, Lossy, Options, Target,
        spec::{Dirs, Restart, Stream, Time},
    },
    devtree::{DevTree, TreeError, TreeErrorKind},
};

use super::log_writer;
use crate::{
    args::Dev,
    cmd::{
        build,
        definitions::{
            self,
            notices::Notices,
            plan::Plan,
            sources::{self, Paths, Sources},
        },
    },
    exit::Exit,
    output::{Output, printable},
};

/// The tree, and who plays in it.
pub(super) struct Stage {
    pub(super) tree: DevTree,
    /// In the order of their needs, for their end.
    pub(super) order: Order,
    pub(super) plan: Plan,
    /// In the order in which the log writer has them; also who is no more.
    pub(super) cast: Vec<Cast>,
    pub(super) staged: Staged,
    /// What the definitions were read from; `None` where that is not followed.
    pub(super) sources: Option<Sources>,
}

/// What definitions come to here.
pub(super) struct Staged {
    pub(super) definitions: Definitions,
    /// What the tree has of them.
    pub(super) made: format::Plan,
    /// Of each service, what is in its files of variables.
    pub(super) variables: BTreeMap<String, u64>,
}

/// One service.
pub(super) struct Cast {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// What it writes.
    pub(super) log: LogDir,
    pub(super) kill_after: Duration,
}

/// One service of a level.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) kill_after: Duration,
}

/// For a service that does not say how long it may take to end.
const KILL_AFTER: Duration = Duration::from_secs(10);
const STARTING: Duration = Duration::from_secs(30);
/// Up to this the rests of a crash loop grow.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// For the keeper of a killed program to end what it had.
const RELEASING: Duration = Duration::from_secs(1);

impl Stage {
    pub(super) fn set(args: &Dev, output: &mut Output) -> Result<Self, Exit> {
        let file = args.file();
        // Before it is read: what is written meanwhile is a change.
        let mut sources = Sources::new(Paths::from([file.clone()]));
        let (definitions, read) = chosen(args, output)?;
        sources.follow(read);
        let mut tree = match &args.tree {
            Some(base) => DevTree::at(base),
            None => DevTree::named(&name_of(&file)),
        }
        .map_err(|error| refused_place(&error, args, output))?
        .removed_at_end();
        // Before anything in it is touched: it may be another program's, and at work.
        let deadline = Instant::now() + STARTING;
        take(&mut tree, deadline).map_err(|error| match error {
            TreeError::Held { .. } => refused_second(&error, &tree, output),
            error => refused_place(&error, args, output),
        })?;
        let logs = tree.base().join("logs");
        let staged = Staged::of(definitions, &logs, &[], output)?;
        let services = tree.services_dir();
        tree.start(deadline).map_err(|error| refused(&error, output))?;
        staged.made.write(&services).map_err(|error| build::refused(&error, output))?;
        // What has a `down` is not started either.
        for (name, _) in staged.definitions.service.iter().filter(|(_, service)| !service.down) {
            let dir = services.join(name);
            Notices::hold(&dir).map_err(|error| {
                told(&format!("cannot write in {}: {error}", dir.display()), output)
            })?;
        }
        // What is no regular file is read once: standard input, a FIFO.
        let sources = Some(sources).filter(|_| !args.no_reload && file.is_file());
        Self::of(tree, staged, sources, &args.exit_with, output)
    }

    fn of(
        tree: DevTree,
        staged: Staged,
        sources: Option<Sources>,
        exit_with: &[String],
        output: &mut Output,
    ) -> Result<Self, Exit> {
        let definitions = &staged.definitions;
        let order = definitions::order(definitions, output)?;
        let mut cast = Vec::new();
        for name in definitions.service.keys() {
            let one = Cast::new(name, &tree, definitions).map_err(|error| {
                output.error(&error);
                Exit::from(&error)
            })?;
            cast.push(one);
        }
        let mut plan = Plan::new(definitions, exit_with);
        for (name, why) in definitions::obstacles::find(definitions) {
            output.message(&printable(&format!("{name}: {why}")));
            plan.refused(&name, &why);
        }
        Ok(Self { tree, order, plan, cast, staged, sources })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Cast> {
        self.cast.iter().find(|cast| cast.name == name)
    }

    /// The last to be started first.
    pub(super) fn levels(&self) -> Vec<Vec<Job>> {
        let job = |name: &String| {
            self.find(name).map(|cast| Job {
                name: cast.name.clone(),
                dir: cast.dir.clone(),
                kill_after: cast.kill_after,
            })
        };
        let levels = self.order.levels().iter().rev();
        levels.map(|level| level.iter().filter_map(job).collect()).collect()
    }
}

impl Staged {
    /// Of definitions as they were read. Who is `known` writes into the log that he has.
    pub(super) fn of(
        mut definitions: Definitions,
        logs: &Path,
        known: &[Cast],
        output: &mut Output,
    ) -> Result<Self, Exit> {
        redirect(&mut definitions, logs, known, output)
            .map_err(|error| told(&format!("cannot make {}: {error}", logs.display()), output))?;
        as_oneself(&mut definitions, output);
        let options = Options::new().lossy(Lossy::Commented);
        let made = for_supervisor(&definitions).render(Target::Embedded, options);
        let made = made.map_err(|error| build::refused(&error, output))?;
        for gap in &made.gaps {
            output.once(&printable(&format!("not here: {gap}")));
        }
        let digest = |service| sources::digest(&sources::variables(service));
        let of = |(name, service): (&String, _)| (name.clone(), digest(service));
        let variables = definitions.service.iter().map(of).collect();
        Ok(Self { definitions, made, variables })
    }
}

impl Cast {
    pub(super) fn new(
        name: &str,
        tree: &DevTree,
        definitions: &Definitions,
    ) -> Result<Self, svcmgr::Error> {
        let log = LogDir::new(tree.base().join("logs").join(name), Scale::Fixed)?;
        let kill_after = definitions.service.get(name).map_or(KILL_AFTER, kill_after);
        Ok(Self { name: name.to_owned(), dir: tree.services_dir().join(name), log, kill_after })
    }
}

pub(super) fn kill_after(service: &format::Service) -> Duration {
    service.stop.kill_after.map_or(KILL_AFTER, |time| time.0)
}

/// The definitions of those that are to run, and what they were read from.
pub(super) fn chosen(args: &Dev, output: &mut Output) -> Result<(Definitions, Paths), Exit> {
    let (file, mut read) = (args.file(), Paths::new());
    let mut definitions = definitions::load(&file, output, &mut read)?;
    let names = args.named().1;
    definitions::choose(&mut definitions, &file, names, &args.exit_with, output)?;
    read.extend(definitions.service.values().flat_map(sources::variables));
    Ok((definitions, read))
}

/// What the supervisor is to do of it. With whom all end is decided here, in order; a crash loop becomes slower, and
/// what a run has left behind in its group does not stay, unless the file says otherwise.
fn for_supervisor(definitions: &Definitions) -> Definitions {
    let mut definitions = definitions::without_order(definitions);
    for service in definitions.service.values_mut() {
        service.critical = None;
        service.stop.group.get_or_insert(true);
        let least = service.restart.delay.map_or(Duration::ZERO, |delay| delay.0);
        if service.restart.when != Restart::Never && least < LONGEST_DELAY {
            service.restart.max_delay.get_or_insert(Time(LONGEST_DELAY));
        }
    }
    definitions
}

/// Takes the tree. Of a program that was killed just now the keeper has it a moment longer.
fn take(tree: &mut DevTree, deadline: Instant) -> Result<(), TreeError> {
    let patience = Instant::now() + RELEASING;
    loop {
        match tree.take(deadline) {
            Err(TreeError::Held { .. }) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            taken => return taken,
        }
    }
}

/// What services write goes to the log writer, and nothing else keeps a log here.
fn redirect(
    definitions: &mut Definitions,
    logs: &Path,
    known: &[Cast],
    output: &mut Output,
) -> io::Result<()> {
    let mut dropped = Vec::new();
    for (name, service) in &mut definitions.service {
        let dir = logs.join(name);
        let is_known = known.iter().any(|cast| cast.name == *name);
        let pipe = if is_known { dir.join(log_writer::PIPE) } else { log_writer::prepare(&dir)? };
        if matches!(service.stdout, None | Some(Stream::Inherit)) {
            service.stdout = Some(Stream::File(pipe));
            if service.stderr.is_none() {
                service.stderr = Some(Stream::Stdout);
            }
        }
        if service.log.take().is_some() {
            dropped.push(format!("`{name}`"));
        }
    }
    if !dropped.is_empty() {
        let (names, logs) = (dropped.join(", "), logs.display());
        let text = format!("not here: `log` of {names}: {logs} has what they write, until the end");
        output.once(&printable(&text));
    }
    Ok(())
}

/// A user that is not root cannot become somebody else: the services run as this user, and it is said.
fn as_oneself(definitions: &mut Definitions, output: &mut Output) {
    if Uid::effective().is_root() {
        return;
    }
    for (name, service) in &mut definitions.service {
        if service.dirs != Dirs::default() {
            service.dirs = Dirs::default();
            output.once(&format!("not here: `dirs` of service `{name}`: only root can make them"));
        }
        if service.user.take().is_some() {
            (service.group, service.groups) = (None, Vec::new());
            output.once(&format!("not here: `user` of service `{name}`: only root can change it"));
        }
    }
}

/// The same tree for the same file, and another one for another.
pub(super) fn name_of(file: &Path) -> String {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut hash = DefaultHasher::new();
    path.hash(&mut hash);
    let project = path.parent().and_then(Path::file_name).unwrap_or_default();
    let project: String = project
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    format!("svctl-dev-{project}-{:08x}", hash.finish() & 0xffff_ffff)
}

fn told(text: &str, output: &mut Output) -> Exit {
    output.message(&printable(text));
    Exit::System
}

/// Of a place that nobody chose another one can be chosen.
fn refused_place(error: &TreeError, args: &Dev, output: &mut Output) -> Exit {
    let is_of_place = matches!(error.kind(), TreeErrorKind::NotATree | TreeErrorKind::Io);
    if args.tree.is_some() || !is_of_place {
        return refused(error, output);
    }
    output.failure(error, Some("--tree DIR keeps the tree in a directory of your own"));
    Exit::System
}

/// Another one runs these definitions already: whoever asks for them a second time wants to see them.
fn refused_second(error: &TreeError, tree: &DevTree, output: &mut Output) -> Exit {
    let scan = tree.scan_dir();
    let dir = printable(&scan.dir().display().to_string());
    let hint = format!(
        "what runs there: svctl --dir {dir} status (or logs, restart, ...); svctl dev --stop ends it; --tree DIR runs it once more"
    );
    output.failure(error, Some(&hint));
    Exit::System
}

fn refused(error: &TreeError, output: &mut Output) -> Exit {
    output.failure(error, error.hint().as_deref());
    Exit::System
}
