//! Everything that depends on the operating system, which is Linux.
//!
//! A port to another system replaces this module.

use std::{
    ffi::OsStr,
    fs::{self, Metadata, OpenOptions, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fd::{AsFd, AsRawFd as _, OwnedFd},
    fs::{Access, CWD, Mode, OFlags, ResolveFlags},
};

/// Identifies a file or folder regardless of its name, as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The identity of the file that `metadata` describes.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The identity of what is at `path`, which may be a link.
    ///
    /// # Errors
    /// The system's error.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::metadata(path)?))
    }

    /// Whether both are in one file system.
    #[must_use]
    pub const fn is_on_device_of(self, other: Self) -> bool {
        self.device == other.device
    }
}

/// Device and inode number of the file that `metadata` describes.
pub(crate) fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// When the system last changed the file that `metadata` describes: its content, name, owner or rights. In nanoseconds
/// since 1970; programs cannot set it.
#[must_use]
pub fn changed_ns(metadata: &Metadata) -> i64 {
    metadata.ctime().wrapping_mul(1_000_000_000).wrapping_add(metadata.ctime_nsec())
}

/// Whether the file system at `path` keeps the inode number of an unchanged file, also after a remount.
pub(crate) fn has_stable_inodes(path: &Path) -> io::Result<bool> {
    Ok(keeps_inodes(rustix::fs::statfs(path)?.f_type as u32))
}

/// Whether file systems of the type `kind` keep inode numbers.
fn keeps_inodes(kind: u32) -> bool {
    /// 9P, FAT, exFAT, FUSE and shared folders of VirtualBox, see statfs(2).
    const INVENTED: [u32; 5] = [0x0102_1997, 0x4d44, 0x2011_bab0, 0x6573_5546, 0x786f_4256];
    !INVENTED.contains(&kind)
}

/// Device and, where it is kept, inode number of the open `folder`.
pub(crate) fn identity_of_open(folder: &OwnedFd) -> io::Result<(u64, Option<u64>)> {
    let found = rustix::fs::fstat(folder)?;
    let is_kept = keeps_inodes(rustix::fs::fstatfs(folder)?.f_type as u32);
    Ok((found.st_dev, is_kept.then_some(found.st_ino)))
}

/// A file that a process has open.
pub(crate) struct OpenFile {
    /// Its present path, as that process sees it.
    pub(crate) path: PathBuf,
    place: PathBuf,
}

impl OpenFile {
    /// Which file it is; `None` if it is closed by now.
    pub(crate) fn id(&self) -> Option<FileId> {
        fs::metadata(&self.place).ok().map(|metadata| FileId::of(&metadata))
    }
}

/// Whether any process has a file open for writing that `is_wanted`, and whether this process sees those of all
/// processes of this machine. See proc(5).
pub(crate) fn any_open_for_writing(is_wanted: impl Fn(&OpenFile) -> bool) -> (bool, bool) {
    let Ok(processes) = fs::read_dir("/proc") else { return (false, false) };
    let mut sees_all = is_first_pid_namespace();
    for process in processes.flatten() {
        let is_process = process.file_name().as_bytes().iter().all(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        let process = process.path();
        let files = match fs::read_dir(process.join("fd")) {
            Ok(files) => files,
            Err(error) => {
                sees_all &= error.kind() == io::ErrorKind::NotFound;
                continue;
            }
        };
        for file in files.flatten() {
            let Ok(path) = fs::read_link(file.path()) else { continue };
            let open = OpenFile { path, place: file.path() };
            if is_wanted(&open) && is_for_writing(&process.join("fdinfo").join(file.file_name())) {
                return (true, sees_all);
            }
        }
    }
    (false, sees_all)
}

/// Whether the open file that `info` describes may be written.
fn is_for_writing(info: &Path) -> bool {
    /// The bits for the kind of access, see open(2).
    const ACCESS: u32 = 3;
    let text = fs::read_to_string(info).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & ACCESS != 0)
}

/// Whether this process sees the processes of the whole machine, and not only those of a container.
fn is_first_pid_namespace() -> bool {
    /// Inode of the first namespace, `PROC_PID_INIT_INO` of the kernel.
    const FIRST: u64 = 0xefff_fffc;
    fs::metadata("/proc/self/ns/pid").is_ok_and(|namespace| namespace.ino() == FIRST)
}

/// The bytes of a path. Names on Linux are bytes and need not be UTF-8.
#[must_use]
pub fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path with these bytes; the inverse of [`path_bytes`].
#[must_use]
pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// Whether this process may create and remove entries of `folder`, judged by its permissions.
#[must_use]
pub fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, Access::WRITE_OK).is_ok()
}

/// Whether this process runs as root; `None` if unknown.
#[must_use]
pub fn is_root() -> Option<bool> {
    Some(fs::metadata("/proc/self").ok()?.uid() == 0)
}

/// The host name; `None` if unknown.
#[must_use]
pub fn host_name() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_owned())
}

/// The user who runs this program, with the one who logged in if that is another, as after `sudo`. A user without a name
/// is shown by number.
#[must_use]
pub fn user_name() -> String {
    /// The login of a process that nobody logged in to start, such as a service.
    const NOBODY: &str = "4294967295";
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = |id: &str| {
        let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let line = lines.find(|fields| fields.get(2) == Some(&id));
        line.map_or_else(|| format!("user {id}"), |fields| fields[0].to_owned())
    };
    let Ok(own) = fs::metadata("/proc/self").map(|process| process.uid().to_string()) else {
        return "unknown user".to_owned();
    };
    let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    match login.trim() {
        "" | NOBODY => name(&own),
        login if login == own => name(&own),
        login => format!("{} (login {})", name(&own), name(login)),
    }
}

/// Memory of the machine in bytes; `None` if unknown.
#[must_use]
pub fn total_memory() -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Memory in bytes that this process may use: that of the machine or, if it is less, of a control group around it;
/// `None` if unknown.
#[must_use]
pub fn usable_memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        // See cgroups(7): hierarchy, controllers, path.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (mount, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let group = Path::new(path.trim_start_matches('/'));
        let limit =
            |group: &Path| fs::read_to_string(Path::new(mount).join(group).join(file)).ok()?.trim().parse().ok();
        group.ancestors().filter_map(limit).collect()
    });
    total_memory().into_iter().chain(limits).min()
}

/// The number of folders that a user can watch for changes; `None` if unknown.
#[must_use]
pub fn max_watched_folders() -> Option<u64> {
    fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?.trim().parse().ok()
}

/// The table of mounted file systems in the format of `/proc/self/mountinfo`, see proc(5).
pub(crate) fn mount_table() -> Option<String> {
    fs::read_to_string("/proc/self/mountinfo").ok()
}

/// The usual permissions of a new file; the umask reduces them.
pub(crate) fn new_file_permissions() -> Permissions {
    Permissions::from_mode(0o666)
}

/// Opens the file at `path` to be read. A pipe opens at once, also if nobody writes to it.
///
/// # Errors
/// Those of the operating system.
pub fn open_without_waiting(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}

/// Permissions of a file that others must not read: the owner's, and the group's to read it. The umask reduces them.
pub(crate) const PRIVATE_MODE: u32 = 0o640;

/// Lets `options` create files with [`PRIVATE_MODE`].
pub(crate) fn create_private(options: &mut OpenOptions) {
    options.mode(PRIVATE_MODE);
}

/// Takes all permissions from the file at `path` that [`PRIVATE_MODE`] does not have, if it is ours. The handle is one
/// that cannot read or write, so that no lock is released when it is closed.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let file = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let found = rustix::fs::fstat(&file)?;
    if rustix::fs::FileType::from_raw_mode(found.st_mode) != rustix::fs::FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mode = found.st_mode & 0o7777;
    if mode & !PRIVATE_MODE == 0 {
        return Ok(());
    }
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    match fs::set_permissions(open, Permissions::from_mode(mode & PRIVATE_MODE)) {
        // Another user's file, which only that user can change; or no `/proc`.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => Ok(()),
        changed => changed,
    }
}

/// Whether `error`, or what caused it, means that this process or the machine has no file descriptors or memory left.
/// That says nothing about the file.
#[must_use]
pub fn is_out_of_resources(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            let code = io.raw_os_error().map(Errno::from_raw_os_error);
            if matches!(code, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
                || io.kind() == io::ErrorKind::OutOfMemory
            {
                return true;
            }
            // An error that wraps another one does not name it as its source.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
        }
        cause = error.source();
    }
    false
}

/// Whether the other side of `input`, a terminal or a pipe, is closed. Waits up to `patience` for input or the end.
///
/// # Errors
/// Those of the operating system.
pub fn is_hung_up(input: &impl AsFd, patience: Duration) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(input, PollFlags::IN)];
    let patience =
        Timespec { tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: patience.subsec_nanos().into() };
    match poll(&mut polled, Some(&patience)) {
        Ok(_) => Ok(polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Raises this process's limit of open files as far as it may; returns the limit. `None` stands for no limit.
///
/// # Errors
/// The system's error.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(current);
    }
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}

/// Refuses to open a link.
pub(crate) fn refuse_links(options: &mut OpenOptions) {
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
}

/// Opens the folder at `path`, which may be a link.
pub(crate) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens the folder `name` in `parent`; a link to a folder is [`io::ErrorKind::NotADirectory`].
pub(crate) fn open_subfolder(parent: &OwnedFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(folder) => Ok(folder),
        Err(rustix::io::Errno::LOOP) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) => Err(error.into()),
    }
}

/// Opens the file at the plain path `below` the open `folder` to be read, and follows no link on the way. A pipe opens at
/// once.
pub(crate) fn open_beneath(folder: &OwnedFd, below: &Path) -> io::Result<fs::File> {
    use rustix::io::Errno;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(folder, below, READ, Mode::empty(), resolve) {
        Ok(file) => Ok(file.into()),
        // The kernel is older than 5.6, or a filter of system calls, such as that of a container, does not know the call.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::TOOBIG) => open_by_steps(folder, below),
        Err(error) => Err(error.into()),
    }
}

/// As [`open_beneath`], one name at a time.
pub(crate) fn open_by_steps(folder: &OwnedFd, below: &Path) -> io::Result<fs::File> {
    let Some(name) = below.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut above: Option<OwnedFd> = None;
    for name in below.parent().into_iter().flat_map(Path::components) {
        above = Some(open_subfolder(above.as_ref().unwrap_or(folder), name.as_ref())?);
    }
    let file = rustix::fs::openat(above.as_ref().unwrap_or(folder), name, READ | OFlags::NOFOLLOW, Mode::empty())?;
    Ok(file.into())
}

/// How files are opened to be read.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Whether [`open_beneath`] came across a link, or a folder on the way is none any more.
pub(crate) fn is_link_error(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::LOOP | Errno::XDEV)) || error.kind() == io::ErrorKind::NotADirectory
}

/// A path that reaches the open `folder` whatever its name is; `None` without `/proc`, such as in a bare chroot.
pub(crate) fn path_of_open(folder: &OwnedFd) -> io::Result<Option<PathBuf>> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let found = rustix::fs::fstat(folder)?;
    let leads_there = fs::metadata(&path).is_ok_and(|m| (m.dev(), m.ino()) == (found.st_dev, found.st_ino));
    Ok(leads_there.then_some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_hangs_up_with_its_writer() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_hung_up(&reader, Duration::ZERO).unwrap());
        drop(writer);
        assert!(is_hung_up(&reader, Duration::ZERO).unwrap());
    }

    #[test]
    fn every_name_survives_as_bytes() {
        for bytes in [&b"a/b.png"[..], b"caf\xe9.png", b""] {
            assert_eq!(path_bytes(&path_from_bytes(bytes)), bytes);
        }
    }

    #[test]
    fn links_share_the_identity_of_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("link")).unwrap();
        let id = |name: &str| FileId::of(&fs::metadata(at(name)).unwrap());
        assert_eq!(id("a"), id("link"));
        assert_ne!(id("a"), id("b"));
    }

    #[test]
    fn missing_resources_are_recognised_behind_other_errors() {
        let full = || io::Error::from_raw_os_error(24);
        assert!(is_out_of_resources(&full()));
        assert!(is_out_of_resources(&io::Error::other(full())));
        assert!(is_out_of_resources(&io::Error::from_raw_os_error(12)));
        assert!(!is_out_of_resources(&io::Error::from_raw_os_error(2)));
        assert!(!is_out_of_resources(&io::Error::other("24")));
    }

    #[test]
    fn the_machine_has_a_name_and_memory() {
        assert!(host_name().is_some_and(|name| !name.is_empty()));
        assert!(total_memory().is_some_and(|bytes| bytes > 1 << 20));
        assert!(usable_memory().is_some_and(|bytes| bytes > 1 << 20) && usable_memory() <= total_memory());
        assert!(is_root().is_some());
    }
}
