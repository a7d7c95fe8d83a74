//! How long is for ever: limits are made for two idle processors, and grow with the machine's load.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// What limits are made for.
const PROCESSORS: f64 = 2.0;
/// However loaded the machine is, what hangs is told of some day.
const SLOWNESS_MAX: f64 = 20.0;

/// A time after which something hangs.
pub struct Limit {
    began: Instant,
    most: Duration,
}

impl Limit {
    /// It begins now.
    pub fn of(most: Duration) -> Limit {
        Limit { began: Instant::now(), most }
    }

    /// Whether it is over, as the machine is loaded now.
    pub fn is_over(&self) -> bool {
        let time = self.began.elapsed();
        time >= self.most && time >= self.most.mul_f64(slowness())
    }
}

/// How many times as long as on idle processors things take now.
fn slowness() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    (load / PROCESSORS).clamp(1.0, SLOWNESS_MAX)
}

/// Fails unless one of some measurements is good: a machine that is busy with something else gets
/// another chance.
pub fn once_of<T: Debug>(
    tries: u32,
    what: &str,
    mut measure: impl FnMut() -> T,
    is_good: impl Fn(&T) -> bool,
) {
    let mut seen = Vec::new();
    for _ in 0..tries {
        seen.push(measure());
        if seen.last().is_some_and(&is_good) {
            return;
        }
    }
    panic!("{what}: {seen:?}");
}
