//! File systems: their type, and whether they are network shares.

use std::path::{Path, PathBuf};

use crate::platform;

/// File systems that other machines can change without a change event on this one.
const SHARES: [&str; 16] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.smbnetfs",
    "fuse.sshfs",
    "fuse.vmhgfs-fuse",
    "glusterfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "vboxsf",
];

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    point: PathBuf,
    /// Type of the file system, such as `ext4`.
    pub kind: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

impl Mount {
    /// The mount that contains `path`, which must be absolute and without links; `None` if the system does not list
    /// mounts.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Self::find(path, &platform::mount_table()?)
    }

    fn find(path: &Path, table: &str) -> Option<Self> {
        let holding = table.lines().filter_map(Self::parse).filter(|mount| path.starts_with(&mount.point));
        // If several mounts share a point, the last one hides the others.
        holding.max_by_key(|mount| mount.point.components().count())
    }

    /// Parses a line of `/proc/self/mountinfo`, see proc(5).
    fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(4);
        let (point, options) = (fields.next()?, fields.next()?);
        let mut source = after.split(' ');
        let (kind, super_options) = (source.next()?.to_owned(), source.nth(1).unwrap_or_default());
        let read_only = [options, super_options].iter().any(|options| options.split(',').any(|option| option == "ro"));
        Some(Self { point: unescaped(point).into(), kind, read_only })
    }

    /// Whether it is a network share, which sends no change events.
    #[must_use]
    pub fn is_share(&self) -> bool {
        SHARES.contains(&self.kind.as_str())
    }
}

/// Decodes the octal escapes of `mountinfo`, such as `\040` for a space.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /srv/oct rw,relatime shared:2 - xfs /dev/sdb1 rw
41 40 0:36 / /srv/oct/in ro,relatime - cifs //scanner/export rw,vers=3.0
42 22 0:37 / /mnt/my\\040share rw - nfs4 box:/x rw
43 22 0:38 / /mnt/old rw - ext4 /dev/sdc ro
";

    #[test]
    fn the_nearest_mount_counts() {
        let found =
            |path: &str| Mount::find(Path::new(path), TABLE).map(|m| (m.kind.clone(), m.is_share(), m.read_only));
        assert_eq!(found("/home/x"), Some(("ext4".into(), false, false)));
        assert_eq!(found("/srv/oct/out"), Some(("xfs".into(), false, false)));
        assert_eq!(found("/srv/oct/in/deep"), Some(("cifs".into(), true, true)));
        assert_eq!(found("/srv/octopus"), Some(("ext4".into(), false, false)));
        assert_eq!(found("/mnt/my share/a"), Some(("nfs4".into(), true, false)));
        assert_eq!(found("/mnt/old"), Some(("ext4".into(), false, true)));
        assert_eq!(Mount::find(Path::new("/x"), "nonsense"), None);
    }
}
