//! Channels and listeners whose calls are awaited, on either runtime of tokio.

mod calls;
mod drops;
mod ends;
mod listening;
mod requests;

use crate::common::{bounded, name, with};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Builder;
use treenail::{AsyncChannel, AsyncListener};

const SCHEMES: [&str; 2] = ["shm", "local"];
/// Generous: what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(100);

/// Runs a test over each scheme on each runtime: on one thread, and on four.
fn everywhere<F: Future<Output = ()>>(test: impl Fn(&'static str) -> F + Clone + Send + 'static) {
    for scheme in SCHEMES {
        for threads in [1, 4] {
            let test = test.clone();
            bounded(LIMIT, move || {
                let mut builder = match threads {
                    1 => Builder::new_current_thread(),
                    _ => Builder::new_multi_thread(),
                };
                let runtime = builder.worker_threads(threads).enable_all().build();
                runtime.expect("a runtime").block_on(test(scheme));
            });
        }
    }
}

/// Both ends of a channel at an endpoint with these options.
async fn pair(scheme: &str, options: &str) -> (AsyncChannel, AsyncChannel) {
    let endpoint = with(&format!("{scheme}:{}", name()), options);
    let listener = AsyncListener::open(&endpoint).expect("the name is free");
    let connector = AsyncChannel::connect(&endpoint).await.expect("somebody listens");
    (connector, listener.accept().await.expect("somebody connects"))
}

/// Polls a future once, and drops it: its value if it was done.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        Poll::Ready(match Pin::as_mut(&mut future).poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}
