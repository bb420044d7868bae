//! One connection on a thread of its own, which always reads: replies to their callers, signals to
//! a sink.
//!
//! zbus stops reading the socket when one queue of messages is full, and then replies stop as well.
//! Here there is one queue, and one thread that does nothing but empty it. dbus-daemon refuses a
//! 129th call in flight; here at most 64 are (256 where there is no bus), the rest wait their turn.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    num::{NonZeroU32, NonZeroUsize},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    thread::{self, JoinHandle},
};

use futures_core::Stream as _;
use zbus::{Message, MessageStream, message::Type};

use crate::{
    Action,
    error::{BusError, Error, Subject},
    wire::{
        address::Address,
        slot::{Fill, Slot, lock, slot},
    },
};

/// Calls by way of a bus that have no reply yet, at most. dbus-daemon's limit for a connection is
/// 128.
const IN_FLIGHT: usize = 64;
/// The same without a bus. The manager keeps the replies that were not read yet.
const IN_FLIGHT_DIRECT: usize = 256;
/// Messages that wait to be read by the thread. It does nothing else.
const QUEUE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Handle on the thread; the connection ends with it.
pub(crate) struct Pump {
    shared: Arc<Mutex<Inbox>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Inbox {
    calls: VecDeque<Call>,
    /// The thread, while it is in its loop.
    waker: Option<Waker>,
    /// No more calls are taken: the handle is gone, or the connection.
    closed: bool,
    /// The connection was lost.
    lost: bool,
}

struct Call {
    message: Message,
    reply: Fill<Message>,
}

/// What the thread tells: each signal, and the end.
pub(crate) trait Sink: Send {
    /// A signal has come.
    fn signal(&mut self, message: &Message);
    /// The connection was lost.
    fn lost(&mut self);
}

/// For a connection on which nothing is listened to.
pub(crate) struct Deaf;

impl Sink for Deaf {
    fn signal(&mut self, _: &Message) {}
    fn lost(&mut self) {}
}

impl Pump {
    /// Connects, on a new thread.
    pub(crate) async fn connect(
        address: Address,
        sink: impl Sink + 'static,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Mutex::new(Inbox::default()));
        let (connected, result) = slot();
        let inbox = Arc::clone(&shared);
        let name = address.to_string();
        let failure = move |why: BusError| Error::NoManager { manager: name.clone(), source: why };
        let thread = thread::Builder::new()
            .name("svsystemd".to_owned())
            .spawn(move || zbus::block_on(run(&address, &inbox, sink, connected)))
            .map_err(|why| failure(BusError::of(&why)))?;
        let pump = Self { shared, thread: Some(thread) };
        match result.await {
            Some(Ok(())) => Ok(pump),
            Some(Err(why)) => Err(failure(why)),
            None => Err(failure(BusError::of("the thread of the connection ended"))),
        }
    }

    /// Whether the connection was lost; then nothing more comes of it.
    pub(crate) fn is_lost(&self) -> bool {
        lock(&self.shared).lost
    }

    /// Sends calls in this order, in as few writes as possible; a slot for each reply, which stays
    /// empty if the connection is lost.
    pub(crate) fn send(&self, messages: Vec<Message>) -> Vec<Slot<Message>> {
        let mut inbox = lock(&self.shared);
        let mut slots = Vec::with_capacity(messages.len());
        for message in messages {
            let (reply, arrives) = slot();
            slots.push(arrives);
            if !inbox.closed {
                inbox.calls.push_back(Call { message, reply });
            }
        }
        let waker = inbox.waker.take();
        drop(inbox);
        if let Some(waker) = waker {
            waker.wake();
        }
        slots
    }

    /// Calls a method; its reply, or the error that it is.
    pub(crate) async fn call(
        &self,
        action: Action,
        subject: &Subject,
        message: Message,
    ) -> Result<Message, Error> {
        let reply = self.send(vec![message]).pop();
        let reply = match reply {
            Some(slot) => slot.await,
            None => None,
        };
        sorted(action, subject, reply)
    }
}

/// A reply that may be an error, or missing.
pub(crate) fn sorted(
    action: Action,
    subject: &Subject,
    reply: Option<Message>,
) -> Result<Message, Error> {
    let Some(reply) = reply else {
        return Err(Error::Lost { action, subject: subject.to_string() });
    };
    if reply.message_type() != Type::Error {
        return Ok(reply);
    }
    Err(Error::sorted(action, subject, reason(&reply)))
}

fn reason(error: &Message) -> BusError {
    let name = error.header().error_name().map(ToString::to_string).unwrap_or_default();
    let body = error.body();
    let text = body.deserialize::<&str>().unwrap_or("no reason was given").to_owned();
    BusError { name, text }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let mut inbox = lock(&self.shared);
        inbox.closed = true;
        let waker = inbox.waker.take();
        drop(inbox);
        if let Some(waker) = waker {
            waker.wake();
        }
        // A sink may hold the last handle; a thread does not wait for itself.
        if let Some(thread) =
            self.thread.take().filter(|it| it.thread().id() != thread::current().id())
        {
            let _ended = thread.join();
        }
    }
}

/// The thread: connects, then writes and reads until the handle or the connection is gone.
async fn run(
    address: &Address,
    inbox: &Mutex<Inbox>,
    mut sink: impl Sink,
    connected: Fill<Result<(), BusError>>,
) {
    let connection = match address.connect(QUEUE).await {
        Ok(connection) => connection,
        Err(why) => return connected.fill(Err(why)),
    };
    let mut stream = MessageStream::from(&connection);
    connected.fill(Ok(()));
    let in_flight = if address.has_bus() { IN_FLIGHT } else { IN_FLIGHT_DIRECT };
    let mut waiting: HashMap<NonZeroU32, Fill<Message>> = HashMap::new();
    loop {
        let step = poll_fn(|cx| {
            // Whoever has gone is not told what is still to be read: of 600 units, thousands of signals.
            if lock(inbox).closed {
                return Poll::Ready(UnitPlanStep::Closed);
            }
            // Signals and replies first: what was heard must not wait for what is to be said.
            match Pin::new(&mut stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(UnitPlanStep::Heard(message)),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(UnitPlanStep::Lost),
                Poll::Pending => (),
            }
            let mut inbox = lock(inbox);
            if inbox.closed {
                return Poll::Ready(UnitPlanStep::Closed);
            }
            let free = in_flight.saturating_sub(waiting.len()).min(inbox.calls.len());
            if free > 0 {
                return Poll::Ready(UnitPlanStep::Say(inbox.calls.drain(..free).collect()));
            }
            inbox.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        match step {
            UnitPlanStep::Heard(message) => match message.message_type() {
                Type::Signal => sink.signal(&message),
                Type::MethodReturn | Type::Error => {
                    let serial = message.header().reply_serial();
                    if let Some(reply) = serial.and_then(|serial| waiting.remove(&serial)) {
                        reply.fill(message);
                    }
                }
                Type::MethodCall => (),
            },
            UnitPlanStep::Say(calls) => {
                let messages: Vec<_> = calls.iter().map(|call| call.message.clone()).collect();
                for call in calls {
                    waiting.insert(call.message.primary_header().serial_num(), call.reply);
                }
                if connection.send_all(&messages).await.is_err() {
                    break;
                }
            }
            UnitPlanStep::Lost => break,
            UnitPlanStep::Closed => return,
        }
    }
    let calls = {
        let mut inbox = lock(inbox);
        (inbox.closed, inbox.lost) = (true, true);
        std::mem::take(&mut inbox.calls)
    };
    // Slots that are dropped stay empty: their callers learn that the connection is gone.
    drop((calls, waiting));
    sink.lost();
}

enum UnitPlanStep {
    Heard(Message),
    Say(Vec<Call>),
    Lost,
    Closed,
}
