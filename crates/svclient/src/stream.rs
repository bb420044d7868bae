//! A watch as a `Stream` and `pursue` as a future: one poll function each, and a thin driver for each runtime.
//!
//! The machine is [`WatchSet`] itself, so both streams give what the blocking iterator gives. Between
//! two polls nothing is held that a drop could lose: dropping a stream ends the watch, and
//! `into_inner` gives it back with everything that was not taken yet.

mod task;

use std::{
    collections::BTreeMap,
    io,
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use svproto::UnixTime;

use crate::{
    Error, Supervised, WatchEvent, WatchKey, WatchSet,
    pursue::{Added, Heard, World},
};

/// What a runtime has to offer: to be woken by a descriptor, and at a time.
trait Driver {
    /// Ready once the descriptor may have something to read, and then again only after more came.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready once the moment has come.
    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()>;
}

fn poll_next(
    watch: &mut WatchSet,
    driver: &mut impl Driver,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<WatchEvent, Error>>> {
    loop {
        if let Some(event) = watch.next_now().transpose() {
            return Poll::Ready(Some(event));
        }
        if watch.is_stopped() {
            return Poll::Ready(None);
        }
        if let Some(due) = watch.due() {
            if driver.poll_until(cx, due).is_ready() {
                continue;
            }
        }
        if let Err(source) = ready!(driver.poll_readable(cx)) {
            return Poll::Ready(Some(Err(no_descriptor(source))));
        }
    }
}

/// [`WatchSet`] as the world of a wait whose thread has other things to do.
struct Waiting<D> {
    watch: WatchSet,
    driver: D,
}

impl<D: Driver, B: Supervised + Clone + 'static> World<B> for Waiting<D> {
    fn add(&mut self, service: &B) -> Result<Added, Error> {
        World::add(&mut self.watch, service)
    }

    fn add_together(&mut self, services: &[(usize, &B)]) -> BTreeMap<usize, Result<Added, Error>> {
        World::add_together(&mut self.watch, services)
    }

    fn listen(&mut self, key: WatchKey) -> bool {
        World::<B>::listen(&mut self.watch, key)
    }

    fn remove(&mut self, key: WatchKey) {
        self.watch.remove(key);
    }

    fn waker(&mut self) -> Result<(WatchKey, Waker), Error> {
        self.watch.waker()
    }

    fn mute(&mut self, key: WatchKey) {
        self.watch.mute(key);
    }

    fn poll_next_before(
        &mut self,
        cx: &mut Context<'_>,
        until: Instant,
    ) -> Poll<Result<Option<Heard>, Error>> {
        loop {
            if let Some(event) = self.watch.next_now().transpose() {
                return Poll::Ready(event.map(|event| Some(event.into())));
            }
            if let Some(key) = self.watch.woken.pop_front() {
                return Poll::Ready(Ok(Some(Heard::Woken(key))));
            }
            if until <= Instant::now() {
                return Poll::Ready(Ok(None));
            }
            let due = self.watch.due().map_or(until, |due| due.min(until));
            if self.driver.poll_until(cx, due).is_ready() {
                continue;
            }
            if let Err(source) = ready!(self.driver.poll_readable(cx)) {
                let error = Error::system("wait for changes of services", source);
                return Poll::Ready(Err(error));
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> UnixTime {
        UnixTime::now()
    }
}

macro_rules! pursue_futures {
    ($($example:literal)*) => {
        /// As [`crate::Request::pursue`], as a future. Dropping it ends the wait and takes no request back.
        ///
        /// The task is never held: what is asked of files is asked in a thread beside it, which ends with each look. So
        /// it ends within 0.2 s of `deadline`, also where a directory hangs in the system (a server that is gone).
        ///
        $(#[doc = $example])*
        ///
        /// # Errors
        ///
        /// As [`crate::Request::pursue`].
        pub async fn pursue<B: Supervised + Clone + 'static>(
            service: &B,
            request: &Request,
            deadline: Instant,
        ) -> Result<Outcome, Error> {
            let services = std::slice::from_ref(service);
            let outcomes = pursue_all(services, request, deadline).await?;
            outcomes.into_iter().next().unwrap_or_else(|| Ok(Outcome::not_asked()))
        }

        /// As [`crate::pursue`], as a future: one watch for all services, and no thread while nothing happens.
        ///
        /// # Errors
        ///
        /// As [`crate::pursue`].
        pub async fn pursue_all<B: Supervised + Clone + 'static>(
            services: &[B],
            request: &Request,
            deadline: Instant,
        ) -> Result<Vec<Result<Outcome, Error>>, Error> {
            let WatchStream { watch, driver } = WatchStream::new(WatchSet::new()?)?;
            super::task::pursue_all(watch, driver, Clock::new(), services, request, deadline).await
        }
    };
}

fn no_descriptor(source: io::Error) -> Error {
    Error::system("wait for changes of services", source)
}

macro_rules! watch_stream {
    ($driver:ty) => {
        /// A [`WatchSet`] as an endless stream of its events.
        pub struct WatchStream {
            watch: WatchSet,
            driver: $driver,
        }

        impl WatchStream {
            /// The watch, with everything that was not taken yet.
            #[must_use]
            pub fn into_inner(self) -> WatchSet {
                self.watch
            }

            /// The watch, to add services to it or to remove them.
            pub fn watch_mut(&mut self) -> &mut WatchSet {
                &mut self.watch
            }

            /// The next event; `None` once somebody has stopped the watch ([`WatchSet::stopper`]). A
            /// call that is dropped before it is done loses nothing.
            ///
            /// # Errors
            ///
            /// [`Error::Io`] if the notification mechanism fails. A directory that hangs in the system holds the
            /// thread for as long as it hangs.
            pub async fn next(&mut self) -> Option<Result<WatchEvent, Error>> {
                std::future::poll_fn(|cx| super::poll_next(&mut self.watch, &mut self.driver, cx))
                    .await
            }
        }

        impl std::fmt::Debug for WatchStream {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple("WatchStream").field(&self.watch).finish()
            }
        }

        impl futures_core::Stream for WatchStream {
            type Item = Result<WatchEvent, Error>;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                let this = self.get_mut();
                super::poll_next(&mut this.watch, &mut this.driver, cx)
            }
        }
    };
}

#[cfg(feature = "tokio")]
/// Watching, and waiting for requests, under tokio.
///
/// The runtime needs its drivers of descriptors and time (`enable_all`, as `#[tokio::main]` has it); of tokio's features, a program adds what it
/// uses itself, as `rt` and `macros`.
///
/// ```
/// use std::time::{Duration, Instant};
/// use svclient::{Request, WatchSet, scripted::Scripted, tokio::{WatchStream, pursue}};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), svclient::Error> {
///     let web = Scripted::new("web"); // or `Service::open(…)?`
///     let mut watch = WatchSet::new()?;
///     watch.add(web.clone())?; // or `watch.follow(ScanDir::new("/etc/service"))?`
///     let mut events = WatchStream::new(watch)?;
///
///     let deadline = Instant::now() + Duration::from_secs(10);
///     println!("{}", pursue(&web, &Request::up(), deadline).await?);
///     while let Some(event) = events.next().await {
///         println!("{}", event?);
/// #       break;
///     }
///     Ok(())
/// }
/// ```
pub mod tokio {
    use std::{
        future::Future,
        io,
        os::fd::{AsFd, OwnedFd},
        pin::Pin,
        task::{Context, Poll, ready},
        time::Instant,
    };

    use tokio::{
        io::{Interest, unix::AsyncFd},
        runtime::Handle,
        time::{Sleep, sleep_until},
    };

    use crate::{Error, Outcome, Request, Supervised, WatchEvent, WatchSet};

    watch_stream!(Driver);
    pursue_futures! {
        "```"
        "use std::time::{Duration, Instant};"
        "use svclient::{Request, scripted::Scripted, tokio::pursue};"
        ""
        "# #[tokio::main(flavor = \"current_thread\")]"
        "# async fn main() -> Result<(), svclient::Error> {"
        "let web = Scripted::new(\"web\");"
        "let deadline = Instant::now() + Duration::from_secs(10);"
        "assert!(pursue(&web, &Request::up(), deadline).await?.is_reached());"
        "# Ok(())"
        "# }"
        "```"
    }

    impl WatchStream {
        /// Drives a watch.
        ///
        /// # Errors
        ///
        /// [`Error::System`], if there is no descriptor left.
        ///
        /// # Panics
        ///
        /// Outside a tokio runtime, as everything of tokio's does.
        ///
        /// ```
        /// use svclient::{News, WatchSet, scripted::Scripted, tokio::WatchStream};
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), svclient::Error> {
        /// let mut watch = WatchSet::new()?;
        /// watch.add(Scripted::new("web"))?;
        /// let mut events = WatchStream::new(watch)?;
        /// if let Some(event) = events.next().await {
        ///     assert_eq!(event?.news, News::Snapshot);
        /// }
        /// # Ok(())
        /// # }
        /// ```
        pub fn new(mut watch: WatchSet) -> Result<Self, Error> {
            // Afterwards the descriptor stays the same, whatever is added.
            watch.hear_wakers()?;
            let fd = watch.as_fd().try_clone_to_owned().map_err(super::no_descriptor)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe because a descriptor may be closed elsewhere; an OwnedFd cannot"
            )]
            let fd =
                AsyncFd::with_interest(fd, Interest::READABLE).map_err(super::no_descriptor)?;
            Ok(Self { watch, driver: Driver { fd, clock: Clock::new() } })
        }
    }

    struct Driver {
        fd: AsyncFd<OwnedFd>,
        clock: Clock,
    }

    struct Clock {
        runtime: Handle,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl Clock {
        fn new() -> Self {
            Self { runtime: Handle::current(), sleep: None }
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            let at = at.into();
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            sleep.as_mut().poll(cx)
        }
    }

    impl super::task::Runtime for Clock {
        type Entry = Handle;

        fn entry(&self) -> Handle {
            self.runtime.clone()
        }

        fn within<T>(entry: &Handle, act: impl FnOnce() -> T) -> T {
            let _here = entry.enter();
            act()
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            Self::poll_until(self, cx, at)
        }
    }

    impl super::Driver for Driver {
        fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            // Readiness is cleared before the descriptor is read, so what comes in between is seen.
            ready!(self.fd.poll_read_ready(cx))?.clear_ready();
            Poll::Ready(Ok(()))
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            self.clock.poll_until(cx, at)
        }
    }
}

#[cfg(feature = "async-io")]
/// Watching, and waiting for requests, under async-io, and so under smol.
pub mod async_io {
    use std::{
        future::Future,
        io,
        os::fd::{AsFd, OwnedFd},
        pin::Pin,
        task::{Context, Poll},
        time::Instant,
    };

    use async_io::{Async, Timer};

    use crate::{Error, Outcome, Request, Supervised, WatchEvent, WatchSet};

    watch_stream!(Driver);
    pursue_futures! {
        "```"
        "use std::time::{Duration, Instant};"
        "use svclient::{Request, async_io::pursue, scripted::Scripted};"
        ""
        "let web = Scripted::new(\"web\");"
        "let deadline = Instant::now() + Duration::from_secs(10);"
        "let outcome = async_io::block_on(pursue(&web, &Request::up(), deadline))?;"
        "assert!(outcome.is_reached());"
        "# Ok::<(), svclient::Error>(())"
        "```"
    }

    impl WatchStream {
        /// Drives a watch.
        ///
        /// # Errors
        ///
        /// [`Error::System`], if there is no descriptor left.
        pub fn new(mut watch: WatchSet) -> Result<Self, Error> {
            // Afterwards the descriptor stays the same, whatever is added.
            watch.hear_wakers()?;
            let fd = watch.as_fd().try_clone_to_owned().and_then(Async::new);
            let fd = fd.map_err(super::no_descriptor)?;
            Ok(Self { watch, driver: Driver { fd, clock: Clock::new() } })
        }
    }

    struct Driver {
        fd: Async<OwnedFd>,
        clock: Clock,
    }

    struct Clock(Option<(Instant, Timer)>);

    impl Clock {
        const fn new() -> Self {
            Self(None)
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            if self.0.as_ref().is_none_or(|(set, _)| *set != at) {
                self.0 = Some((at, Timer::at(at)));
            }
            match &mut self.0 {
                Some((_, timer)) => Pin::new(timer).poll(cx).map(|_| ()),
                None => Poll::Pending,
            }
        }
    }

    impl super::task::Runtime for Clock {
        type Entry = ();

        fn entry(&self) {}

        fn within<T>((): &(), act: impl FnOnce() -> T) -> T {
            act()
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            Self::poll_until(self, cx, at)
        }
    }

    impl super::Driver for Driver {
        fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.fd.poll_readable(cx)
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            self.clock.poll_until(cx, at)
        }
    }
}
