//! A listener whose accept is awaited.

use super::channel::AsyncChannel;
use super::wait::{forget, is_again, readable};
use crate::NOW;
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::os::reactor::{Kept, watch};
use std::fmt;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;

/// A [`Listener`] whose accept is awaited, on tokio. It needs the cargo feature `tokio`.
///
/// Every task may use it at any time. Handshakes go on while a task waits in
/// [`AsyncListener::accept`]; one that stalls doesn't hold up others.
///
/// ```no_run
/// # async fn serve(channel: treenail::AsyncChannel) {}
/// # async fn run() -> treenail::Result<()> {
/// let listener = treenail::AsyncListener::open("shm:hello")?;
/// loop {
///     let channel = listener.accept().await?;
///     tokio::spawn(serve(channel)); // a task for each client
/// }
/// # }
/// ```
pub struct AsyncListener {
    // In this order: tokio forgets the descriptor before the listener closes it.
    ready: AsyncFd<Kept<Listener>>,
    listener: Arc<Listener>,
    /// One task at a time drives the handshakes; the others wait for their turn here. Two at once
    /// would refuse each other, and the one that is left would miss what is still to be accepted.
    turn: Mutex<()>,
}

impl AsyncListener {
    /// Starts listening: `open("shm:NAME")`. It takes over the name of a listener that was killed;
    /// the name of one that is alive is [`Status::Exists`]. Panics where [`AsyncListener::new`]
    /// does.
    ///
    /// [`Status::Exists`]: crate::Status::Exists
    pub fn open(endpoint: &str) -> Result<AsyncListener> {
        AsyncListener::new(Listener::open(endpoint)?)
    }

    /// Takes over a listener. From here on only tasks should wait on it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O (`enable_io`).
    pub fn new(listener: Listener) -> Result<AsyncListener> {
        let listener = Arc::new(listener);
        listener.fd()?;
        let ready = watch(&listener, |listener| listener.fd().expect("it is there"));
        let ready = ready.map_err(|error| {
            let error = Error::system("giving its descriptor to tokio", &error);
            error.during("new", &Arc::from(listener.endpoint()))
        })?;
        Ok(AsyncListener { ready, listener, turn: Mutex::new(()) })
    }

    /// Returns the next connection whose HELLO has come. The connection may have ended already:
    /// what its peer sent is received first. A future that is dropped loses no connection.
    pub async fn accept(&self) -> Result<AsyncChannel> {
        let _turn = self.turn.lock().await;
        loop {
            let outcome = self.listener.accept(NOW);
            if !is_again(&outcome) {
                return AsyncChannel::new(outcome?);
            }
            let guard = readable(&self.ready).await;
            // It looks again before it clears: a crowd of connections takes several looks.
            let outcome = self.listener.accept(NOW);
            if !is_again(&outcome) {
                return AsyncChannel::new(outcome?);
            }
            forget(guard).await;
        }
    }

    /// The endpoint to connect to, without options.
    pub fn endpoint(&self) -> String {
        self.listener.endpoint()
    }

    /// The listener, for calls that don't wait.
    pub fn get_ref(&self) -> &Listener {
        &self.listener
    }

    /// Gives the listener back, for calls that threads wait in.
    pub fn into_inner(self) -> Listener {
        let AsyncListener { ready, listener, .. } = self;
        drop(ready);
        Arc::into_inner(listener).expect("nothing else holds it")
    }

    /// Stops listening, and wakes all waiting tasks. Channels that were accepted stay as they are.
    pub fn close(&self) {
        self.listener.close();
    }
}

impl fmt::Debug for AsyncListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncListener({})", self.listener.endpoint())
    }
}
