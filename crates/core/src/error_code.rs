//! Stable codes of errors, for scripts, alarms and `docs/errors.md`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A stable code of an error or a notice. The text of a code never changes between versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as text, such as `E-READ-IO`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

error_codes! {
    /// The operating system cannot read the file or folder.
    ReadIo = "E-READ-IO",
    /// The content is of no known format.
    ReadFormat = "E-READ-FORMAT",
    /// The file is empty.
    ReadEmpty = "E-READ-EMPTY",
    /// The file ends too early.
    ReadTruncated = "E-READ-TRUNCATED",
    /// The content contradicts its format.
    ReadMalformed = "E-READ-MALFORMED",
    /// Known format, unsupported variant (e.g. Zeiss's obfuscated DICOM, a transfer syntax, a report without B-scans).
    ReadUnsupported = "E-READ-UNSUPPORTED",
    /// A DICOM photograph or en-face image, which has no B-scans, was passed by.
    ReadCompanion = "W-READ-COMPANION",
    /// A picture of several panels, in which no single one is clearly the B-scan.
    ReadComposite = "E-READ-COMPOSITE",
    /// A raw export whose changed name no longer states its size.
    ReadName = "E-READ-NAME",
    /// A frame has more than 32,768 pixels on a side or 64 Mi pixels in total.
    ReadTooLarge = "E-READ-TOO-LARGE",
    /// The file is larger than `--max-file-mib`; it stays in place.
    ReadFileSize = "E-READ-FILE-SIZE",
    /// The sidecar `.toml` beside the scan is wrong.
    ReadSidecar = "E-READ-SIDECAR",
    /// Images listed in an export, B-scans of an `.E2E` file, or parts of a DICOM concatenation are missing.
    ReadIncomplete = "E-READ-INCOMPLETE",
    /// Files of a DICOM series or concatenation contradict each other or give no order.
    ReadSeries = "E-READ-SERIES",
    /// `--series N` is larger than the number of series in the file.
    ReadNoSeries = "E-READ-NO-SERIES",
    /// A spacing or degree length given by the operator is impossible.
    ReadHint = "E-READ-HINT",
    /// A B-scan index outside the scan was requested.
    ReadNoBscan = "E-READ-NO-BSCAN",
    /// The scan took longer than `--timeout`.
    Timeout = "E-TIMEOUT",
    /// Internal error in one scan (or in the worker process).
    Panic = "E-PANIC",
    /// The program ended while it worked on this scan, `--attempts` times.
    Crash = "E-CRASH",
    /// The model file cannot be read.
    ModelIo = "E-MODEL-IO",
    /// No ONNX model, or one that cannot be executed.
    ModelLoad = "E-MODEL-LOAD",
    /// The model's description is missing or unsuitable.
    ModelMetadata = "E-MODEL-METADATA",
    /// The network failed on an input.
    ModelRun = "E-MODEL-RUN",
    /// The GPU cannot be used; with `--device auto`, the CPU takes over.
    ModelDevice = "E-MODEL-DEVICE",
    /// This build does not carry the named model.
    ModelNotEmbedded = "E-MODEL-NOT-EMBEDDED",
    /// No space for results; scans wait, attempts do not count.
    OutFull = "E-OUT-FULL",
    /// No permission to write results; scans wait, attempts do not count.
    OutDenied = "E-OUT-DENIED",
    /// The folder for results is gone, or another has taken its place; nothing is written there until it returns.
    OutGone = "E-OUT-GONE",
    /// Results or another output file cannot be written, or a folder is missing.
    OutIo = "E-OUT-IO",
    /// The result folder of this scan holds other files; octrls leaves it as it is.
    OutForeign = "E-OUT-FOREIGN",
    /// A name or a link leads out of the folder for results.
    OutOutside = "E-OUT-OUTSIDE",
    /// A result file could not be encoded.
    OutEncode = "E-OUT-ENCODE",
    /// `octrls export` left out a result that it cannot read.
    ExportResult = "E-EXPORT-RESULT",
    /// A watched folder is missing at the start, or is no folder.
    EngineRoot = "E-ENGINE-ROOT",
    /// Watched folders overlap, have clashing names or hold results, or `--poll-root` names another folder.
    EngineRoots = "E-ENGINE-ROOTS",
    /// The folder for results cannot be written, or contains a watched folder.
    EngineOut = "E-ENGINE-OUT",
    /// `--include` or `--exclude` is no valid pattern.
    EnginePattern = "E-ENGINE-PATTERN",
    /// Another octrls uses the same folder for results.
    EngineLocked = "E-ENGINE-LOCKED",
    /// The system allows no more threads.
    EngineThread = "E-ENGINE-THREAD",
    /// Less than `--min-free` is left; no new scan starts.
    EngineDisk = "E-ENGINE-DISK",
    /// No file descriptors or memory are left, or fewer than needed; scans wait, attempts do not count.
    Resources = "E-RESOURCES",
    /// Eight scans hang; no new scan starts.
    EngineStuck = "E-ENGINE-STUCK",
    /// Internal error: a thread ended; octrls stops.
    EngineBroken = "E-ENGINE-BROKEN",
    /// Internal: a stop put the scan off to the next start.
    EnginePutOff = "E-ENGINE-PUT-OFF",
    /// The folder is polled: it is a share, or the system reports no changes.
    WatchPolling = "W-WATCH-POLLING",
    /// A watched folder is gone, or cannot be read.
    WatchOffline = "W-WATCH-OFFLINE",
    /// Another folder is now at the watched path.
    WatchReplaced = "W-WATCH-REPLACED",
    /// A subfolder cannot be read.
    WatchUnreadable = "W-WATCH-UNREADABLE",
    /// Files in the watched folder are no scans.
    WatchPassedBy = "W-WATCH-PASSED-BY",
    /// A folder in the watched one holds results of octrls; nothing in it is taken for a scan.
    WatchResults = "W-WATCH-RESULTS",
    /// A file ends early while a program still has it open for writing.
    WatchGrowing = "W-WATCH-GROWING",
    /// A watched folder does not answer; nothing new in it is noticed.
    WatchStuck = "W-WATCH-STUCK",
    /// A DICOM instance was sent again; the newer one replaces the older.
    ScanReplaced = "W-SCAN-REPLACED",
    /// The clock is over a month ahead; old results are kept for now.
    Clock = "W-CLOCK",
    /// The ledger in `OUT/.octrls/` cannot be read or written, is damaged, or is a link.
    Ledger = "E-LEDGER",
    /// The ledger was deleted, replaced or overwritten while octrls used it; octrls stops.
    LedgerLost = "E-LEDGER-LOST",
    /// There is no ledger in this folder.
    LedgerMissing = "E-LEDGER-MISSING",
    /// A newer octrls wrote the ledger.
    LedgerNewer = "E-LEDGER-NEWER",
    /// `OUT/.octrls/follow-up.key` cannot be read or created.
    LedgerSecret = "E-LEDGER-SECRET",
    /// Entries of the audit were changed or removed by other means.
    LedgerAudit = "E-LEDGER-AUDIT",
    /// A file cannot be moved into or out of quarantine, or a note cannot be written or removed.
    Quarantine = "E-QUARANTINE",
    /// This scan is not in quarantine.
    QuarantineNone = "E-QUARANTINE-NONE",
    /// The scan has no result that could be reviewed or corrected.
    ReviewNone = "E-REVIEW-NONE",
    /// A review is in the ledger, but cannot be written beside the result.
    ReviewIo = "E-REVIEW-IO",
    /// A review without a name, a rejection without a reason, or a text that is too long.
    ReviewText = "E-REVIEW-TEXT",
    /// Corrected lines that cannot be used: a row outside the image, layers that cross, an A-scan that is missing.
    CorrectLines = "E-CORRECT-LINES",
    /// The pixels of the scan are needed, but its file is gone or is another one.
    CorrectScan = "E-CORRECT-SCAN",
    /// No scans, DICOM files or results found.
    ArgsEmpty = "E-ARGS-EMPTY",
    /// Two scans would have the same result folder.
    ArgsClash = "E-ARGS-CLASH",
    /// SIGHUP: the settings file is wrong; old settings stay.
    Config = "E-CONFIG",
    /// The settings file cannot be read, or is over 1 MiB.
    ConfigIo = "E-CONFIG-IO",
    /// The settings file is no valid TOML.
    ConfigSyntax = "E-CONFIG-SYNTAX",
    /// Unknown option in the settings file.
    ConfigKey = "E-CONFIG-KEY",
    /// Wrong value in the settings file.
    ConfigValue = "E-CONFIG-VALUE",
    /// Options exclude each other, or a required one is missing.
    ConfigTogether = "E-CONFIG-TOGETHER",
    /// The file of `--gates` cannot be read or is wrong.
    ConfigGates = "E-CONFIG-GATES",
    /// The file of `--reference` cannot be read or is wrong.
    ConfigReference = "E-CONFIG-REFERENCE",
    /// The file of `--repeatability` cannot be read or is wrong.
    ConfigRepeatability = "E-CONFIG-REPEATABILITY",
    /// The log file cannot be written; the log later says how many events are missing.
    Log = "E-LOG",
    /// Metrics cannot be served or written.
    Metrics = "E-METRICS",
    /// The socket for `octrls top` cannot be created; the watcher continues.
    AttachSocket = "E-ATTACH-SOCKET",
    /// No watcher listens at this socket.
    AttachConnect = "E-ATTACH-CONNECT",
    /// Watcher and `octrls top` have different versions.
    AttachVersion = "E-ATTACH-VERSION",
    /// Eight screens are attached already.
    AttachBusy = "E-ATTACH-BUSY",
    /// Unexpected data came over the socket.
    AttachMalformed = "E-ATTACH-MALFORMED",
    /// The connection broke: the watcher stopped, or this screen was too slow.
    AttachLost = "E-ATTACH-LOST",
    /// No valid AE title.
    NodeTitle = "E-NODE-TITLE",
    /// No valid target.
    NodeTarget = "E-NODE-TARGET",
    /// Other machines can reach the address, but no calling title is allowed.
    NodeOpen = "E-NODE-OPEN",
    /// Cannot listen at the address.
    NodeListen = "E-NODE-LISTEN",
    /// The folder to receive into cannot be used.
    NodeInbox = "E-NODE-INBOX",
    /// Another octrls receives into this folder.
    NodeLocked = "E-NODE-LOCKED",
    /// The system allows no more threads.
    NodeThread = "E-NODE-THREAD",
    /// The target cannot be reached.
    NodeConnect = "E-NODE-CONNECT",
    /// The target refuses the association.
    NodeRejected = "E-NODE-REJECTED",
    /// A DICOMweb service refuses an object, or does not confirm that it stored it.
    NodeWeb = "E-NODE-WEB",
    /// A certificate or key cannot be used, or the peer does not accept it.
    NodeTls = "E-NODE-TLS",
    /// The association broke off.
    NodeBroken = "E-NODE-BROKEN",
    /// The target refuses an object; retried only for status A7xx.
    NodeStatus = "E-NODE-STATUS",
    /// The file cannot be read or is not DICOM, or a delivery cannot be recorded.
    NodeFile = "E-NODE-FILE",
    /// Not sent, because an earlier problem ended the association.
    NodeUnsent = "E-NODE-UNSENT",
    /// The target does not accept this class or transfer syntax.
    NodeNotTaken = "E-NODE-NOT-TAKEN",
    /// Octrls refused a received instance.
    NodeRefused = "W-NODE-REFUSED",
    /// Octrls aborted an association (e.g. a silent peer).
    NodeAborted = "W-NODE-ABORTED",
    /// Octrls refused an association.
    NodeTurnedAway = "W-NODE-TURNED-AWAY",
    /// The program or address of `--on-result` or `--on-result-post` failed.
    ResultHook = "W-RESULT-HOOK",
    /// No valid address of a queue.
    FleetUrl = "E-FLEET-URL",
    /// The connection can never work like this, e.g. a wrong certificate.
    FleetConnect = "E-FLEET-CONNECT",
    /// The server refuses the login; at the start octrls ends, later work waits.
    FleetDenied = "E-FLEET-DENIED",
    /// A file with login, credentials or certificates cannot be used.
    FleetFile = "E-FLEET-FILE",
    /// The scratch folder, the shared folder or `OUT/.octrls/fleet-name` cannot be used.
    FleetFolder = "E-FLEET-FOLDER",
    /// The system allows no more threads.
    FleetThread = "E-FLEET-THREAD",
    /// The server is not reachable; work waits.
    FleetAway = "E-FLEET-AWAY",
    /// The server refuses a request; work waits.
    FleetQueue = "E-FLEET-QUEUE",
    /// The job is invalid, too long, or from another version of octrls.
    FleetJob = "E-FLEET-JOB",
    /// The worker cannot get the scan, or its content differs.
    FleetScan = "E-FLEET-SCAN",
    /// The results of a worker were refused.
    FleetResult = "E-FLEET-RESULT",
    /// `--deliveries` workers took the scan and all ended before it was done.
    FleetDeliveries = "E-FLEET-DELIVERIES",
    /// Eight scans of this worker hang; the worker ends.
    FleetStuck = "E-FLEET-STUCK",
    /// With a queue, results are not compared with earlier visits.
    FleetFollowUp = "W-FLEET-FOLLOW-UP",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no code of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown error code")]
pub struct UnknownCode;

impl FromStr for ErrorCode {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

impl PartialEq<&str> for ErrorCode {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<str> for ErrorCode {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        let texts: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|code| code.as_str().parse() == Ok(*code)));
        assert_eq!("E-NO-SUCH-CODE".parse::<ErrorCode>(), Err(UnknownCode));
    }

    #[test]
    fn the_index_page_lists_every_code_and_no_other() {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md")).unwrap();
        let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let listed: BTreeSet<_> = cells.filter(|cell| cell.starts_with("E-") || cell.starts_with("W-")).collect();
        assert_eq!(listed, ErrorCode::ALL.iter().map(|code| code.as_str()).collect());
    }
}
