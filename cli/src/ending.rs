//! Ctrl-C, SIGTERM and SIGHUP: what was opened is closed, so that no name is left and peers see a
//! close and not a death. Then the signal takes its usual effect, as the shell expects.

use crate::failure::{Exit, Failure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError, Weak};
use std::thread;
use treenail::Channel;

type Closing = Box<dyn Fn() + Send>;

/// What is to be done before the end. A signal waits for its lock: so nothing is opened, and not yet
/// in here, when the program ends.
static CLOSINGS: Mutex<Vec<Closing>> = Mutex::new(Vec::new());
static CHANNELS: Mutex<Vec<Weak<Channel>>> = Mutex::new(Vec::new());
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// Opens something, and has it closed when the program is ended by a signal.
pub fn open<T: Clone + Send + 'static>(
    open: impl FnOnce() -> Result<T, Failure>,
    close: impl Fn(&T) + Send + 'static,
) -> Result<T, Failure> {
    prepare()?;
    let mut closings = closings();
    let opened = open()?;
    let mine = opened.clone();
    closings.push(Box::new(move || close(&mine)));
    Ok(opened)
}

/// Closes a channel when the program is ended by a signal.
pub fn hold(channel: &Arc<Channel>) -> Result<(), Failure> {
    prepare()?;
    let mut channels = channels();
    channels.retain(|one| one.strong_count() > 0);
    channels.push(Arc::downgrade(channel));
    Ok(())
}

/// Closes what is open, at the usual end. A signal that has come ends the program instead, which has
/// no more to say then.
pub fn finish() {
    while HAS_BEGUN.load(Ordering::SeqCst) {
        thread::park();
    }
    close_all();
}

fn close_all() {
    closings().drain(..).for_each(|close| close());
    channels().drain(..).filter_map(|one| one.upgrade()).for_each(|channel| channel.close());
}

fn closings() -> MutexGuard<'static, Vec<Closing>> {
    CLOSINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn channels() -> MutexGuard<'static, Vec<Weak<Channel>>> {
    CHANNELS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that waits for signals, once.
fn prepare() -> Result<(), Failure> {
    static STARTED: Once = Once::new();
    static FAILED: OnceLock<io::Error> = OnceLock::new();
    STARTED.call_once(|| match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Ok(signals) => drop(thread::spawn(move || wait(signals))),
        Err(error) => drop(FAILED.set(error)),
    });
    match FAILED.get() {
        Some(error) => Err(Failure::new(Exit::Failed, format!("waiting for signals: {error}"))),
        None => Ok(()),
    }
}

fn wait(mut signals: Signals) {
    for signal in signals.forever() {
        HAS_BEGUN.store(true, Ordering::SeqCst);
        close_all();
        let _ = emulate_default_handler(signal);
    }
}
