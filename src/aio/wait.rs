//! How a task waits for a descriptor.

use crate::channel::drive::CHOKED_MAX;
use crate::error::{Result, Status};
use crate::os::poll::Wanted;
use crate::os::reactor::Kept;
use crate::sync::waker::poll_with_waker;
use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// Whether a call could do nothing now.
pub fn is_again<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(error) if error.status() == Status::Again)
}

/// Waits for the descriptor.
pub async fn readable<T>(fd: &AsyncFd<Kept<T>>) -> AsyncFdReadyGuard<'_, Kept<T>> {
    // It fails only while the runtime is being shut down: then tasks aren't polled any more.
    match fd.readable().await {
        Ok(guard) => guard,
        Err(_) => std::future::pending().await,
    }
}

/// Lets the runtime forget that the descriptor was readable, after a call that could do nothing.
/// The descriptor still is where another thread was in the middle of a call, and leaves something:
/// as the runtime only sees what changes, nobody would be woken for that.
pub async fn forget<T>(mut guard: AsyncFdReadyGuard<'_, Kept<T>>) {
    match is_readable(guard.get_inner().as_fd()) {
        true => yield_now().await,
        false => guard.clear_ready(),
    }
}

/// Whether the descriptor is readable now; true where the system can't tell.
fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let looked = poll_with_waker([Wanted::readable(fd)], None, Some(Duration::ZERO));
    looked.map_or(true, |[found]| found.is_readable())
}

/// Makes `attempt`, which never waits, until it returns something else than Again.
pub async fn when_readable<T, R>(
    fd: &AsyncFd<Kept<T>>,
    attempt: impl Fn() -> Result<R>,
) -> Result<R> {
    let mut outcome = attempt();
    while is_again(&outcome) {
        let guard = readable(fd).await;
        outcome = attempt();
        if is_again(&outcome) {
            forget(guard).await;
        }
    }
    outcome
}

/// The first of two futures that is done.
pub enum Either<A, B> {
    /// The left one.
    Left(A),
    /// The right one.
    Right(B),
}

/// Waits for either.
pub async fn first<A, B>(
    left: impl Future<Output = A>,
    right: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|context| match left.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Either::Left(value)),
        Poll::Pending => right.as_mut().poll(context).map(Either::Right),
    })
    .await
}

/// How long a task waits for others to make room: to release views that keep the peer from sending,
/// or to receive what lies in the inbox. As long as a thread would wait for views.
#[derive(Default)]
pub struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Lets other tasks run, if room is what the call failed for. False if it failed for anything
    /// else, or the time is over.
    pub async fn wait<T>(&mut self, outcome: &Result<T>) -> bool {
        let lacks_room = matches!(outcome, Err(error) if error.status() == Status::NoSpace);
        let waits =
            lacks_room && self.since.get_or_insert_with(Instant::now).elapsed() < CHOKED_MAX;
        if waits {
            yield_now().await;
        }
        waits
    }
}

/// Lets the tasks run that can.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| match std::mem::replace(&mut has_yielded, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
