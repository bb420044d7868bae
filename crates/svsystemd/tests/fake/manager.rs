//! A manager that does what it is told, on a bus of its own: for faults that a real one does not
//! produce on demand.
//!
//! It is both the bus and systemd: it answers on a socket, one connection after the other, and
//! writes down what it was asked. It proves nothing about systemd.

use std::{
    collections::HashMap,
    future::poll_fn,
    os::unix::net::{UnixListener, UnixStream},
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use futures_core::Stream as _;
use zbus::{
    Connection, Message, ObjectPath, OwnedObjectPath, Variant,
    connection::Builder,
    message::{Flags, Type},
};

pub const OWNER: &str = ":1.0";
pub const JOB: &str = "/org/freedesktop/systemd1/job/7";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";

/// What to do about a call of this name.
#[derive(Clone)]
pub enum Answer {
    /// As a manager would.
    Usual,
    /// This error.
    Error(&'static str, &'static str),
    /// This error the next time, then as a manager would.
    ErrorOnce(&'static str, &'static str),
    /// The end of the connection.
    HangUp,
    /// Nothing.
    Silence,
    /// A reply of another type.
    Nonsense,
}

/// What is told, and the directory of its socket. Its threads share the first and not the second:
/// they live as long as the program, and a directory that they held would stay behind.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<State>>, Option<Arc<tempfile::TempDir>>);

struct State {
    answers: HashMap<&'static str, Answer>,
    /// Name, and whether interactive authorization was allowed.
    calls: Vec<(String, bool)>,
    /// Calls that get their reply when they are let go.
    held: Vec<(Connection, Message)>,
    connections: Vec<(u64, Connection)>,
    accepted: u64,
    unit: HashMap<&'static str, String>,
    numbers: HashMap<&'static str, u64>,
    /// What the list says of the unit, if it has it.
    listed: Option<(&'static str, &'static str)>,
    stamp: u64,
    job: u32,
    job_is_pending: bool,
    owner: String,
}

impl Fake {
    pub fn new() -> Self {
        Self::listening("bus")
    }

    /// One that answers at this place below its directory.
    pub fn listening(place: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join(place);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let unit = [
            ("Id", "web.service"),
            ("LoadState", "loaded"),
            ("ActiveState", "inactive"),
            ("SubState", "dead"),
            ("Result", "success"),
            ("Type", "exec"),
        ];
        let state = State {
            answers: HashMap::new(),
            calls: Vec::new(),
            held: Vec::new(),
            connections: Vec::new(),
            accepted: 0,
            unit: unit.map(|(name, it)| (name, it.to_owned())).into(),
            numbers: HashMap::new(),
            listed: None,
            stamp: 1,
            job: 0,
            job_is_pending: true,
            owner: OWNER.to_owned(),
        };
        let this = Self(Arc::new(Mutex::new(state)), Some(Arc::new(dir)));
        let fake = Self(Arc::clone(&this.0), None);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), fake) = (stream, fake.clone()) else { return };
                thread::spawn(move || zbus::block_on(fake.serve(stream)));
            }
        });
        this
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.dir().join("bus").display())
    }

    pub fn dir(&self) -> &std::path::Path {
        self.1.as_ref().unwrap().path()
    }

    pub fn bus(&self) -> svsystemd::Bus {
        svsystemd::Bus::address(self.address()).wait().unwrap()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on calls of this name are answered so.
    pub fn answer(&self, member: &'static str, answer: Answer) {
        self.state().answers.insert(member, answer);
    }

    /// How often this was asked, and how often with interactive authorization.
    pub fn asked(&self, member: &str) -> (usize, usize) {
        let state = self.state();
        let calls = state.calls.iter().filter(|(name, _)| name == member);
        (calls.clone().count(), calls.filter(|(_, interactive)| *interactive).count())
    }

    /// Waits until this was asked so often.
    #[track_caller]
    pub fn wait_until_asked(&self, member: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.asked(member).0 < count {
            assert!(Instant::now() < deadline, "{member}: {:?}", self.asked(member));
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The unit is so from now on; nobody is told.
    pub fn turn(&self, active: &str, sub: &str) {
        let mut state = self.state();
        state.stamp += 1;
        state.unit.insert("ActiveState", active.to_owned());
        state.unit.insert("SubState", sub.to_owned());
    }

    /// The list says this of the unit from now on.
    pub fn list(&self, active: &'static str, sub: &'static str) {
        self.state().listed = Some((active, sub));
    }

    /// A property that is a number: `u64`, or `u32` if it is a pid.
    pub fn number(&self, name: &'static str, it: u64) {
        self.state().numbers.insert(name, it);
    }

    /// A property that is a word.
    pub fn word(&self, name: &'static str, it: &str) {
        self.state().unit.insert(name, it.to_owned());
    }

    pub fn job_is_over(&self) {
        self.state().job_is_pending = false;
    }

    /// Answers what was held back.
    pub fn let_go(&self) {
        let held = std::mem::take(&mut self.state().held);
        for (connection, message) in held {
            zbus::block_on(self.usual(&connection, &message));
        }
    }

    pub fn held(&self) -> usize {
        self.state().held.len()
    }

    /// Ends all connections.
    pub fn hang_up(&self) {
        let connections = std::mem::take(&mut self.state().connections);
        for (_, connection) in connections {
            let _gone = zbus::block_on(connection.close());
        }
    }

    /// Signals the first half of what changed: that of the service.
    pub fn signal_first_half(&self, sender: &str) {
        self.changed(sender, "org.freedesktop.systemd1.Service");
    }

    /// Signals how the unit stands now, from this sender.
    pub fn signal(&self, sender: &str) {
        self.signal_first_half(sender);
        self.changed(sender, "org.freedesktop.systemd1.Unit");
    }

    fn changed(&self, sender: &str, interface: &str) {
        let (unit, stamp) = {
            let state = self.state();
            (state.unit.clone(), state.stamp)
        };
        let none = HashMap::new();
        let all = properties(&unit, &none, stamp);
        let of_unit = ["ActiveState", "SubState", "StateChangeTimestampMonotonic"];
        let is_unit = interface.ends_with(".Unit");
        let changed: HashMap<&str, Variant<'_>> =
            all.into_iter().filter(|(name, _)| of_unit.contains(name) == is_unit).collect();
        let none: Vec<&str> = Vec::new();
        let path = "/org/freedesktop/systemd1/unit/web_2eservice";
        let signal = Message::signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged");
        let signal = signal.sender(sender).build(&(interface, changed, none)).unwrap();
        self.send(&signal);
    }

    pub fn job_removed(&self, sender: &str, result: &str) {
        let job = ObjectPath::try_from(JOB).unwrap();
        let signal = Message::signal(MANAGER_PATH, MANAGER, "JobRemoved").sender(sender);
        self.send(&signal.build(&(7_u32, job, "web.service", result)).unwrap());
    }

    /// The manager is executed again, under another name of the bus.
    pub fn reexecute(&self, name: &str) {
        let before = std::mem::replace(&mut self.state().owner, name.to_owned());
        let signal =
            Message::signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged");
        let signal = signal.sender("org.freedesktop.DBus");
        let body = ("org.freedesktop.systemd1", before.as_str(), name);
        self.send(&signal.build(&body).unwrap());
    }

    fn send(&self, message: &Message) {
        let connections = self.state().connections.clone();
        // On a thread of its own: zbus's `block_on` panics on one of an executor.
        thread::scope(|scope| {
            scope.spawn(|| {
                for (_, connection) in &connections {
                    let _gone = zbus::block_on(connection.send(message));
                }
            });
        });
    }

    async fn serve(self, stream: UnixStream) {
        let guid = zbus::Guid::generate();
        // A stream from the beginning: the first call may come with the end of the handshake.
        let server = Builder::unix_stream(stream).server(guid).p2p();
        let Ok(mut messages) = server.build_message_stream().await else { return };
        let connection = Connection::from(&messages);
        let number = {
            let mut state = self.state();
            state.accepted += 1;
            let number = state.accepted;
            state.connections.push((number, connection.clone()));
            number
        };
        while let Some(Ok(message)) = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
            if message.message_type() == Type::MethodCall {
                let member = message.header().member().unwrap().to_string();
                if !self.take(&connection, &message, &member).await {
                    let _gone = connection.close().await;
                    break;
                }
            }
        }
        self.state().connections.retain(|(it, _)| *it != number);
    }

    /// Answers; whether the connection goes on.
    async fn take(&self, connection: &Connection, message: &Message, member: &str) -> bool {
        let interactive = message.primary_header().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let answer = {
            let mut state = self.state();
            state.calls.push((member.to_owned(), interactive));
            let answer = state.answers.get(member).cloned().unwrap_or(Answer::Usual);
            if matches!(answer, Answer::ErrorOnce(..)) {
                state.answers.remove(member);
            }
            answer
        };
        match answer {
            Answer::Usual => self.usual(connection, message).await,
            Answer::Silence => self.state().held.push((connection.clone(), message.clone())),
            Answer::HangUp => {
                return false;
            }
            Answer::Nonsense => {
                let _gone = connection.reply(&message.header(), &("what", 1_u8)).await;
            }
            Answer::Error(name, text) | Answer::ErrorOnce(name, text) => {
                let _gone = connection.reply_error(&message.header(), name, &text).await;
            }
        }
        true
    }

    async fn usual(&self, connection: &Connection, message: &Message) {
        let header = message.header();
        let member = header.member().unwrap().as_str();
        let (unit, stamp, owner, job, pending) = {
            let state = self.state();
            let owner = state.owner.clone();
            (state.unit.clone(), state.stamp, owner, state.job, state.job_is_pending)
        };
        let (numbers, listed) = {
            let state = self.state();
            (state.numbers.clone(), state.listed)
        };
        let path = || OwnedObjectPath::try_from(JOB).unwrap();
        let _gone = match member {
            "Hello" => connection.reply(&header, &":1.42").await,
            "GetNameOwner" => connection.reply(&header, &owner).await,
            "GetAll" => {
                let _ = job;
                connection.reply(&header, &properties(&unit, &numbers, stamp)).await
            }
            "Get" => {
                let body = message.body();
                let (_, name): (&str, &str) = body.deserialize().unwrap();
                if let Some(value) = properties(&unit, &numbers, stamp).remove(name) {
                    connection.reply(&header, &value).await
                } else {
                    let name = "org.freedesktop.DBus.Error.UnknownProperty";
                    connection.reply_error(&header, name, &"Unknown property").await
                }
            }
            "GetJob" if pending => connection.reply(&header, &path()).await,
            "GetJob" => {
                let name = "org.freedesktop.systemd1.NoSuchJob";
                connection.reply_error(&header, name, &"Job 7 does not exist.").await
            }
            "StartUnit" | "StopUnit" | "RestartUnit" => connection.reply(&header, &path()).await,
            "ListUnitsByNames" | "ListUnitsByPatterns" => {
                let root = || ObjectPath::try_from("/").unwrap();
                let row = |(active, sub)| {
                    ("web.service", "", "loaded", active, sub, "", root(), 0_u32, "", root())
                };
                let rows: Vec<_> = listed.map(row).into_iter().collect();
                connection.reply(&header, &rows).await
            }
            _ => connection.reply(&header, &()).await,
        };
    }
}

fn properties<'a>(
    unit: &'a HashMap<&'static str, String>,
    numbers: &HashMap<&'static str, u64>,
    stamp: u64,
) -> HashMap<&'static str, Variant<'a>> {
    let words = unit.iter().map(|(name, word)| (*name, Variant::from(word.as_str())));
    let stamp = ("StateChangeTimestampMonotonic", Variant::from(stamp));
    let number = |(name, it): (&&'static str, &u64)| match u32::try_from(*it) {
        Ok(pid) if name.ends_with("PID") => (*name, Variant::from(pid)),
        _ => (*name, Variant::from(*it)),
    };
    words.chain([stamp]).chain(numbers.iter().map(number)).collect()
}
