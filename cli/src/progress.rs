//! How much has gone, and how fast: a line on standard error that is redrawn.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

const KNOWN: &str = "{bytes} of {total_bytes} [{bar:30}] {binary_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{bytes} in {elapsed}, {binary_bytes_per_sec}";
/// How often the line is redrawn, also while nothing moves.
const REDRAWN: Duration = Duration::from_millis(100);

/// The bar of something of a known size or not; one that isn't shown costs nothing.
pub fn bar(is_shown: bool, size: Option<u64>) -> ProgressBar {
    if !is_shown {
        return ProgressBar::hidden();
    }
    let template = if size.is_some() { KNOWN } else { UNKNOWN };
    let style = ProgressStyle::with_template(template).expect("the template is right");
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(REDRAWN);
    bar
}
