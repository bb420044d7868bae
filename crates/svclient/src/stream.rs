//! A watch as a `Stream`: one poll function, and a thin driver for each runtime.
//!
//! The machine is [`WatchSet`] itself, so both streams give what the blocking iterator gives. Between
//! two polls nothing is held that a drop could lose: dropping a stream ends the watch, and
//! `into_inner` gives it back with everything that was not taken yet.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Instant,
};

use crate::{Error, WatchEvent, WatchSet};

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
        if let Some(due) = watch.due() {
            if driver.poll_until(cx, due).is_ready() {
                continue;
            }
        }
        if let Err(source) = ready!(driver.poll_readable(cx)) {
            let error = Error::system("wait for changes of services", source);
            return Poll::Ready(Some(Err(error)));
        }
    }
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
/// Watching under tokio.
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
        time::{Sleep, sleep_until},
    };

    use crate::{Error, WatchEvent, WatchSet};

    watch_stream!(Driver);

    impl WatchStream {
        /// Drives a watch.
        ///
        /// # Errors
        ///
        /// The system's, if it has no descriptor left.
        ///
        /// # Panics
        ///
        /// Outside a tokio runtime, as everything of tokio's does.
        pub fn new(mut watch: WatchSet) -> io::Result<Self> {
            // Afterwards the descriptor stays the same, whatever is added.
            watch.hear_bells().map_err(io::Error::other)?;
            let fd = watch.as_fd().try_clone_to_owned()?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe because a descriptor may be closed elsewhere; an OwnedFd cannot"
            )]
            let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
            Ok(Self { watch, driver: Driver { fd, sleep: None } })
        }
    }

    struct Driver {
        fd: AsyncFd<OwnedFd>,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl super::Driver for Driver {
        fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            // Readiness is cleared before the descriptor is read, so what comes in between is seen.
            ready!(self.fd.poll_read_ready(cx))?.clear_ready();
            Poll::Ready(Ok(()))
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
}

#[cfg(feature = "async-io")]
/// Watching under async-io, and so under smol.
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

    use crate::{Error, WatchEvent, WatchSet};

    watch_stream!(Driver);

    impl WatchStream {
        /// Drives a watch.
        ///
        /// # Errors
        ///
        /// The system's, if it has no descriptor left.
        pub fn new(mut watch: WatchSet) -> io::Result<Self> {
            // Afterwards the descriptor stays the same, whatever is added.
            watch.hear_bells().map_err(io::Error::other)?;
            let fd = Async::new(watch.as_fd().try_clone_to_owned()?)?;
            Ok(Self { watch, driver: Driver { fd, timer: None } })
        }
    }

    struct Driver {
        fd: Async<OwnedFd>,
        timer: Option<(Instant, Timer)>,
    }

    impl super::Driver for Driver {
        fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.fd.poll_readable(cx)
        }

        fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
            if self.timer.as_ref().is_none_or(|(set, _)| *set != at) {
                self.timer = Some((at, Timer::at(at)));
            }
            match &mut self.timer {
                Some((_, timer)) => Pin::new(timer).poll(cx).map(|_| ()),
                None => Poll::Pending,
            }
        }
    }
}
