//! What the model checker runs: `RUSTFLAGS='--cfg loom' cargo test --release --lib loom_`.
//!
//! loom runs each model again and again, through all orders in which its threads can run (with a
//! bound on how often a thread is interrupted) and all values that its loads can see by the rules
//! of the language. A thread that is never woken is a deadlock, which loom reports.
//!
//! The code under test is the product's own: the ring, its wait words, the biased mutex and its
//! owner, the waiting of threads, the stages on the way into rings, and the lock and the units of
//! named objects. The operating system and the mapping below them are replaced by the stand-ins
//! here. A model in which a holder is killed is checked once for each step that may be the last.
//! *Not* modelled are loads that overtake later stores, which loom never tries, and the code above
//! [`Waiters`](crate::readiness::waiters::Waiters), which the models of waiting imitate.

pub mod barrier;
pub mod death;
pub mod futex;
pub mod mapping;
pub mod processors;
pub mod thread_id;
pub mod waker;

#[cfg(test)]
mod biased_mutex;
#[cfg(test)]
mod locking;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod notifying;
#[cfg(test)]
mod records;
#[cfg(test)]
mod side;
#[cfg(test)]
mod units;
#[cfg(test)]
mod waking;

/// The most interruptions of threads that could go on, unless LOOM_MAX_PREEMPTIONS says otherwise.
/// Nearly every mistake shows with two.
#[cfg(test)]
const PREEMPTIONS: usize = 2;

/// Runs a model through all its executions.
#[cfg(test)]
fn check(model: impl Fn() + Sync + Send + 'static) {
    check_with(0, model);
}

/// Runs a model through all its executions, with `more` interruptions than usual; fewer if
/// negative.
#[cfg(test)]
fn check_with(more: isize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    let preemptions = builder.preemption_bound.unwrap_or(PREEMPTIONS);
    builder.preemption_bound = Some(preemptions.saturating_add_signed(more));
    builder.check(move || {
        barrier::begin();
        futex::begin();
        model();
    });
}
