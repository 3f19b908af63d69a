//! Where there are no Unix sockets, nothing attaches.

use std::path::{Path, PathBuf};

/// Name of the socket in its folder.
pub(super) const SOCKET: &str = "octrls.sock";

/// Where it would be.
pub(super) fn socket_of(out: &Path) -> PathBuf {
    out.join(SOCKET)
}
