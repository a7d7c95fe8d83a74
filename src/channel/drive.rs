//! How a call runs until it is done: it tries, and if need be spins and sleeps, or is refused with
//! TN_AGAIN.

use super::connection::Connection;
use super::core::Core;
use super::rearm::Side;
use crate::error::{Error, Result, Status};
use crate::readiness::Direction;
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Step;
use crate::sync::biased_mutex::Patience;
use crate::timeout::Deadline;
use crate::transport::message::choked;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a call waits for other threads to release views that keep the peer from sending.
pub const CHOKED_MAX: Duration = Duration::from_millis(100);

impl Core {
    /// Runs `attempt` until it is done, fails, or the time is over. `attempt` is told whether it
    /// may wait for another thread.
    #[inline]
    pub fn drive<T>(
        &self,
        interest: Interest,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&Connection, Patience) -> Result<Step<T>>,
    ) -> Result<T> {
        let (connection, timeout) = self.connection(Direction::of(interest), timeout)?;
        let now = timeout == Some(Duration::ZERO);
        match attempt(connection, if now { Patience::Try } else { Patience::Wait }) {
            Ok(Step::Done(value)) => Ok(value),
            Ok(Step::Choked) if now => Err(choked()),
            Ok(_) => {
                let result = match now {
                    true => self.refuse(connection, interest, &mut attempt),
                    false => self.drive_slowly(connection, interest, timeout, &mut attempt),
                };
                result.map_err(|error| self.judge(error))
            }
            Err(error) => Err(self.judge(error)),
        }
    }

    #[cold]
    fn drive_slowly<T>(
        &self,
        connection: &Connection,
        interest: Interest,
        timeout: Option<Duration>,
        attempt: &mut dyn FnMut(&Connection, Patience) -> Result<Step<T>>,
    ) -> Result<T> {
        let deadline = Deadline::after(timeout);
        let mut choked_since = None;
        let mut patient = || {
            self.alive()?;
            let step = attempt(connection, Patience::Wait)?;
            if let Step::Choked = step {
                let since = choked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > CHOKED_MAX {
                    return Err(choked());
                }
            }
            Ok(step)
        };
        let waits = if interest.has(Interest::WRITE) {
            &connection.send_waits
        } else {
            &connection.recv_waits
        };
        if let Some(value) = self.spin(connection, deadline, &mut patient)? {
            return Ok(value);
        }
        waits.fetch_add(1, Ordering::Relaxed);
        connection.link.idle();
        self.help_sending(connection);
        let wanted =
            || interest | Interest::WRITE.when(connection.owes_remainder.load(Ordering::Relaxed));
        let side = Side { core: self, connection };
        let on_drain = || self.readiness.after_drain(&side, None);
        let done = self.waiters.wait(&side, &wanted, deadline, &on_drain, &mut patient)?;
        if interest.has(Interest::WRITE) {
            return match done {
                Some(value) => {
                    self.disarm(connection);
                    Ok(value)
                }
                None => self.time_out(connection, interest, attempt),
            };
        }
        done.ok_or_else(|| nothing_came(connection))
    }

    /// A sending call is out of time: its descriptor shows when there is room.
    fn time_out<T>(
        &self,
        connection: &Connection,
        interest: Interest,
        attempt: &mut dyn FnMut(&Connection, Patience) -> Result<Step<T>>,
    ) -> Result<T> {
        if !self.readiness.is_watched(Direction::Send) {
            self.disarm(connection);
            return Err(stayed_full(connection));
        }
        self.refuse(connection, interest, attempt).map_err(|error| match error.status() {
            Status::Again => stayed_full(connection),
            _ => error,
        })
    }
}

/// The error of a call that waited for a message in vain.
#[cold]
fn nothing_came(connection: &Connection) -> Error {
    let peer = peer_in_words(connection);
    let detail = format!("nothing came in time; give it longer, or see what {peer} does");
    Error::new(Status::TimedOut, detail)
}

/// The error of a call that waited for room in vain.
#[cold]
fn stayed_full(connection: &Connection) -> Error {
    let peer = peer_in_words(connection);
    let (full, more) = match connection.link.sends_by_ring() {
        true => ("the ring", "raise ring=, "),
        false => ("the socket", ""),
    };
    let detail = format!(
        "{full} stayed full, as the peer has not received what was sent before; give it longer, \
         {more}or see what {peer} does"
    );
    Error::new(Status::TimedOut, detail)
}

fn peer_in_words(connection: &Connection) -> String {
    match connection.link.peer().credentials.pid {
        0 => "the peer".to_owned(),
        pid => format!("the peer, process {pid},"),
    }
}
