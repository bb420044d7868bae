//! The tree of a file of definitions: written anew, and its engine started, with nothing enabled
//! yet.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::unistd::Uid;
use svcmgr::{
    LogDir, Order, Scale,
    build::{
        Definitions, Lossy, Options, Target,
        spec::{Dirs, Restart, Stream, Time},
    },
    devtree::{DevTree, TreeError, TreeErrorKind},
};

use super::log_writer;
use crate::{
    args::Dev,
    cmd::{
        build,
        definitions::{self, notices::Notices, plan::Plan},
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
    pub(super) cast: Vec<Cast>,
}

/// One service.
pub(super) struct Cast {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// What it writes.
    pub(super) log: LogDir,
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
        let mut definitions = definitions::load(&file, output)?;
        let names = args.named().1;
        definitions::choose(&mut definitions, &file, names, &args.exit_with, output)?;
        let mut tree = match &args.tree {
            Some(base) => DevTree::at(base),
            None => DevTree::named(&name_of(&file)),
        }
        .map_err(|error| refused_place(&error, args, output))?
        .removed_at_end();
        // Before anything in it is touched: it may be another program's, and at work.
        let deadline = Instant::now() + STARTING;
        take(&mut tree, deadline).map_err(|error| refused_place(&error, args, output))?;
        let logs = tree.base().join("logs");
        redirect(&mut definitions, &logs, output)
            .map_err(|error| told(&format!("cannot make {}: {error}", logs.display()), output))?;
        as_oneself(&mut definitions, output);
        let options = Options::new().lossy(Lossy::Commented);
        let plan = for_supervisor(&definitions).render(Target::Embedded, options);
        let plan = plan.map_err(|error| build::refused(&error, output))?;
        for gap in &plan.gaps {
            output.message(&printable(&format!("not here: {gap}")));
        }
        let services = tree.services_dir();
        tree.start(deadline).map_err(|error| refused(&error, output))?;
        plan.write(&services).map_err(|error| build::refused(&error, output))?;
        // What has a `down` is not started either.
        for (name, _) in definitions.service.iter().filter(|(_, service)| !service.down) {
            let dir = services.join(name);
            Notices::hold(&dir).map_err(|error| {
                told(&format!("cannot write in {}: {error}", dir.display()), output)
            })?;
        }
        Self::of(tree, &definitions, &logs, &args.exit_with, output)
    }

    fn of(
        tree: DevTree,
        definitions: &Definitions,
        logs: &Path,
        exit_with: &[String],
        output: &mut Output,
    ) -> Result<Self, Exit> {
        let order = definitions::order(definitions, output)?;
        let mut cast = Vec::new();
        for (name, service) in &definitions.service {
            let log = LogDir::new(logs.join(name), Scale::Fixed);
            let log = log.map_err(|error| {
                output.error(&error);
                Exit::from(&error)
            })?;
            let kill_after = service.stop.kill_after.map_or(KILL_AFTER, |time| time.0);
            let dir = tree.services_dir().join(name);
            cast.push(Cast { name: name.clone(), dir, log, kill_after });
        }
        let mut plan = Plan::new(definitions, exit_with);
        for (name, why) in definitions::obstacles::find(definitions) {
            output.message(&printable(&format!("{name}: {why}")));
            plan.refused(&name, &why);
        }
        Ok(Self { tree, order, plan, cast })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Cast> {
        self.cast.iter().find(|cast| cast.name == name)
    }
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
    output: &mut Output,
) -> std::io::Result<()> {
    let mut dropped = Vec::new();
    for (name, service) in &mut definitions.service {
        let pipe = log_writer::prepare(&logs.join(name))?;
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
        output.message(&printable(&text));
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
            output
                .message(&format!("not here: `dirs` of service `{name}`: only root can make them"));
        }
        if service.user.take().is_some() {
            (service.group, service.groups) = (None, Vec::new());
            output
                .message(&format!("not here: `user` of service `{name}`: only root can change it"));
        }
    }
}

/// The same tree for the same file, and another one for another.
fn name_of(file: &Path) -> String {
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

fn refused(error: &TreeError, output: &mut Output) -> Exit {
    output.failure(error, error.hint().as_deref());
    Exit::System
}
