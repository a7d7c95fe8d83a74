//! How slow this machine is now: time limits and estimates are made for two processors that do
//! nothing else, and grow with what others use.

use std::time::{Duration, Instant};

/// What limits are made for.
const PROCESSORS: f64 = 2.0;
/// However loaded the machine is, what hangs is killed some day.
const SLOWNESS_MAX: f64 = 20.0;
/// The system counts its load anew every five seconds.
const LOOK_PERIOD: Duration = Duration::from_secs(5);

/// How many times as long as on two idle processors things take now.
pub fn slowness() -> f64 {
    let own = std::thread::available_parallelism().map_or(1, |count| count.get());
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    slowness_of(&read("/proc/loadavg"), &read("/proc/stat"), own as f64)
}

/// Where `own` processors may be used: a container may have fewer than there are.
fn slowness_of(loadavg: &str, stat: &str, own: f64) -> f64 {
    let load = loadavg.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let is_processor = |line: &&str| {
        let number = line.strip_prefix("cpu").and_then(|rest| rest.chars().next());
        number.is_some_and(|first| first.is_ascii_digit())
    };
    let all = stat.lines().filter(is_processor).count().max(1) as f64;
    let (crowded, few) = ((load / all).max(1.0), (PROCESSORS / own).max(1.0));
    (crowded * few).min(SLOWNESS_MAX)
}

/// Up to so many hundredths of the processors' time the machine is quiet.
const QUIET: f64 = 10.0;
const QUIET_PERIOD: Duration = Duration::from_millis(500);

/// Waits until nobody uses the processors: how many hundredths of them others still use after
/// `limit`; None if it is quiet.
pub fn wait_until_quiet(limit: Duration) -> Option<f64> {
    let _ = crate::shell::run("sync");
    let read = || std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let (start, mut before) = (Instant::now(), read());
    loop {
        std::thread::sleep(QUIET_PERIOD);
        let now = read();
        let busy = busy_between(&before, &now);
        if busy <= QUIET {
            return None;
        }
        if start.elapsed() >= limit {
            return Some(busy);
        }
        before = now;
    }
}

/// How many hundredths of all processors' time were used between two states of /proc/stat.
fn busy_between(before: &str, now: &str) -> f64 {
    let (all_before, idle_before) = times(before);
    let (all, idle) = times(now);
    let (all, idle) = (all - all_before, idle - idle_before);
    100.0 * (all - idle).max(0.0) / all.max(1.0)
}

/// All of the processors' time, and what of it was idle: user, nice, system, idle, iowait, ...
fn times(stat: &str) -> (f64, f64) {
    let words = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let times: Vec<f64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
    (times.iter().sum(), times.iter().skip(3).take(2).sum())
}

/// Time as it would pass for a command on two idle processors.
pub struct Clock {
    looked: Instant,
    slowness: f64,
    spent: Duration,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { looked: Instant::now(), slowness: slowness(), spent: Duration::ZERO }
    }

    /// How much has passed.
    pub fn elapsed(&mut self) -> Duration {
        let since = self.looked.elapsed();
        if since >= LOOK_PERIOD {
            self.spent += since.div_f64(self.slowness);
            (self.looked, self.slowness) = (Instant::now(), slowness());
            return self.spent;
        }
        self.spent + since.div_f64(self.slowness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "cpu  1 2 3\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\nctxt 9\n";

    #[test]
    fn an_idle_machine_is_not_slow() {
        assert_eq!(slowness_of("0.10 0.20 0.30 1/200 7", FOUR, 4.0), 1.0);
        assert_eq!(slowness_of("", "", 2.0), 1.0);
    }

    #[test]
    fn load_and_few_processors_make_it_slow() {
        assert_eq!(slowness_of("12.00 1 1 1/2 3", FOUR, 4.0), 3.0);
        assert_eq!(slowness_of("12.00 1 1 1/2 3", FOUR, 1.0), 6.0);
        assert_eq!(slowness_of("900.00 1 1 1/2 3", FOUR, 1.0), SLOWNESS_MAX);
    }

    #[test]
    fn what_is_neither_idle_nor_waiting_for_a_disk_is_busy() {
        let (before, now) = ("cpu  10 0 10 100 5 0 0 0 0 0\n", "cpu  20 0 20 170 15 0 0 0 9 9\n");
        assert_eq!(busy_between(before, now), 20.0);
        assert_eq!(busy_between(now, now), 0.0);
        assert_eq!(busy_between("", ""), 0.0);
    }

    #[test]
    fn time_passes_more_slowly_under_load() {
        let looked = Instant::now() - Duration::from_secs(40);
        let mut clock = Clock { looked, slowness: 4.0, spent: Duration::from_secs(5) };
        assert_eq!(clock.elapsed().as_secs(), 15);
        assert_eq!(clock.spent.as_secs(), 15, "and the load is looked at anew");
    }
}
