//! The compute device of this build.

use burn::prelude::Device;

/// LibTorch on the CPU with feature `tch`, otherwise Burn's own CPU backend.
#[must_use]
pub fn device() -> Device {
    #[cfg(feature = "tch")]
    {
        // Deprecated upstream from 0.23; in 0.22, several times faster than the other CPU backends.
        #[allow(deprecated)]
        Device::libtorch()
    }
    #[cfg(not(feature = "tch"))]
    {
        Device::flex()
    }
}

/// Name of [`device`] for logs.
#[must_use]
pub const fn name() -> &'static str {
    if cfg!(feature = "tch") { "LibTorch (CPU)" } else { "Burn flex (CPU)" }
}
