//! The compute device that this build was made for.

use burn::prelude::Device;

/// The device: LibTorch on the CPU with feature `tch`, otherwise Burn's own CPU backend.
#[must_use]
pub fn device() -> Device {
    #[cfg(feature = "tch")]
    {
        // Deprecated upstream from 0.23 on; at 0.22 it is several times faster than the other CPU backends.
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
