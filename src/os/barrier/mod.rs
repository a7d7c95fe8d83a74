//! Asymmetric barriers: where one side runs often and the other seldom, the often one pays
//! nothing ([`light`]) and the seldom one pays for both, by making every processor that runs the
//! other side pass a barrier (membarrier(2)). In pairs they order like two SeqCst fences.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{STORES_VISIBLE_AFTER, available, heavy_everywhere, heavy_here, light};
