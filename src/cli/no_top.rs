//! Stands in for `top` on systems without Unix sockets.

use std::path::{Path, PathBuf};

/// Name of the socket in its folder.
pub(super) const SOCKET: &str = "octrls.sock";

/// Path of the socket for the results folder `out`.
pub(super) fn socket_of(out: &Path) -> PathBuf {
    out.join(SOCKET)
}
