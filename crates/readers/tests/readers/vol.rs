//! Heidelberg `.vol` files, written byte by byte.

use octrls_core::{
    layer::Boundary,
    scan::{BScanPosition, Eye, Pattern, Place, Provenance, Spacing},
};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{FILETIME, Folder, error_code, expected_subject, subject};

/// A `.vol` file to be written.
#[derive(Clone)]
pub(crate) struct Vol {
    pub(crate) version: &'static [u8; 12],
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) bscans: i32,
    pub(crate) axial_mm: f64,
    pub(crate) lateral_mm: f64,
    pub(crate) slo: (i32, i32),
    pub(crate) eye: &'static [u8; 2],
    pub(crate) pattern: i32,
    pub(crate) bscan_header: i32,
    /// Size that each B-scan's own header states.
    pub(crate) own_header: i32,
}

impl Default for Vol {
    fn default() -> Self {
        Self {
            version: b"HSF-OCT-103\0",
            width: 6,
            height: 4,
            bscans: 3,
            axial_mm: 0.003_871_7,
            lateral_mm: 0.0115,
            slo: (5, 3),
            eye: b"OS",
            pattern: 3,
            bscan_header: 512,
            own_header: 512,
        }
    }
}

/// Start and end of a B-scan: x, y, x, y in millimetres.
fn place(bscan: usize) -> [f64; 4] {
    let y = 2.0 + 0.25 * bscan as f64;
    [1.0, y, 6.75, y]
}

/// Reflectivity of a sample.
fn reflectivity(bscan: usize, x: usize, y: usize) -> f32 {
    (1 + bscan * 24 + y * 6 + x) as f32 / 100.0
}

impl Vol {
    fn header(&self) -> Vec<u8> {
        let mut bytes = vec![0; 2048];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, self.version);
        put(12, &self.width.to_le_bytes());
        put(16, &self.bscans.to_le_bytes());
        put(20, &self.height.to_le_bytes());
        put(24, &self.lateral_mm.to_le_bytes());
        put(40, &self.axial_mm.to_le_bytes());
        put(48, &self.slo.0.to_le_bytes());
        put(52, &self.slo.1.to_le_bytes());
        put(56, &0.012_f64.to_le_bytes());
        put(64, &0.0121_f64.to_le_bytes());
        put(84, self.eye);
        put(96, &self.pattern.to_le_bytes());
        put(100, &self.bscan_header.to_le_bytes());
        bytes
    }

    /// The complete file; the first sample of each B-scan has no data.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend(vec![77; (self.slo.0 * self.slo.1) as usize]);
        for bscan in 0..self.bscans as usize {
            let mut header = vec![0; self.own_header.max(256) as usize];
            header[..12].copy_from_slice(b"HSF-BS-103\0\0");
            header[12..16].copy_from_slice(&self.own_header.to_le_bytes());
            for (i, mm) in place(bscan).into_iter().enumerate() {
                header[16 + 8 * i..24 + 8 * i].copy_from_slice(&f64::to_le_bytes(mm));
            }
            header[56..60].copy_from_slice(&(30.0 + bscan as f32).to_le_bytes());
            if self.own_header >= 512 {
                // ILM at row 1, Bruch's membrane at row 3, nerve fibres not searched for; nothing in the first A-scan.
                header[48..52].copy_from_slice(&3_i32.to_le_bytes());
                header[52..56].copy_from_slice(&256_i32.to_le_bytes());
                for (i, row) in [1.0_f32, 3.25, 0.0].into_iter().enumerate() {
                    for x in 0..self.width as usize {
                        let row = if x == 0 && row > 0.0 { f32::MAX } else { row };
                        let at = 256 + 4 * (i * self.width as usize + x);
                        header[at..at + 4].copy_from_slice(&row.to_le_bytes());
                    }
                }
            }
            bytes.extend(header);
            for y in 0..self.height as usize {
                for x in 0..self.width as usize {
                    let value = if (x, y) == (0, 0) { f32::MAX } else { reflectivity(bscan, x, y) };
                    bytes.extend(value.to_le_bytes());
                }
            }
        }
        bytes
    }
}

fn has_right_values(vol: &Vol) {
    let folder = Folder::new();
    let mut reader = scan::open(&folder.file("a.bin", &vol.bytes()), ReadOptions::default()).unwrap();
    assert_eq!(reader.header().bscans, 3);
    for index in [2, 0, 1] {
        let bscan = reader.bscan(index).unwrap();
        assert_eq!((bscan.width, bscan.height), (6, 4));
        assert!(bscan.intensity[0].abs() < f32::EPSILON, "no data is black");
        for (i, v) in bscan.intensity.iter().enumerate().skip(1) {
            let want = reflectivity(index, i % 6, i / 6).powf(0.25);
            assert!((v - want).abs() < 1e-6, "B-scan {index}, sample {i}");
        }
    }
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
}

#[test]
fn samples_become_fourth_roots() {
    has_right_values(&Vol::default());
    has_right_values(&Vol { slo: (0, 0), ..Vol::default() });
}

#[test]
fn bscan_states_the_size_of_its_own_header() {
    has_right_values(&Vol { bscan_header: 61_440, own_header: 3656, ..Vol::default() });
    // Without a plausible size, that of the file header applies.
    has_right_values(&Vol { bscan_header: 256, own_header: 0, ..Vol::default() });
}

#[test]
fn positions_boundaries_and_fundus_are_read() {
    let folder = Folder::new();
    let open = |vol: &Vol| scan::open(&folder.file("a.vol", &vol.bytes()), ReadOptions::default()).unwrap();
    let mut reader = open(&Vol::default());
    let at = |x, y| Place { x, y };
    assert_eq!(reader.header().tracks[2], BScanPosition::Line { start: at(1.0, 2.5), end: at(6.75, 2.5) });
    let rows = |row| vec![None, Some(row), Some(row), Some(row), Some(row), Some(row)];
    let expected = vec![(Boundary::Ilm, rows(1.0)), (Boundary::RpeBm, rows(3.25))];
    assert_eq!(reader.device_boundaries(1).unwrap(), expected);
    assert!(matches!(reader.device_boundaries(3), Err(ReadError::NoSuchBScan { .. })));
    assert_eq!(reader.device_signal_db(1).unwrap(), Some(31.0));
    let fundus = reader.fundus().unwrap().expect("a fundus image");
    assert_eq!((fundus.width, fundus.height, fundus.pixels), (5, 3, vec![77; 15]));
    assert_eq!(fundus.pixel_mm, Some([0.012, 0.0121]));

    let circle = open(&Vol { pattern: 2, bscans: 1, ..Vol::default() });
    assert_eq!(
        circle.header().tracks,
        [BScanPosition::Circle { centre: at(6.75, 2.0), start: at(1.0, 2.0), clockwise: true }]
    );
    // A header too small for boundaries has none, and an empty fundus image counts as none.
    let mut small = open(&Vol { own_header: 256, bscan_header: 256, slo: (0, 0), ..Vol::default() });
    assert_eq!((small.device_boundaries(0).unwrap(), small.fundus().unwrap()), (vec![], None));
}

#[test]
fn header_is_read() {
    let folder = Folder::new();
    let open = |vol: &Vol| scan::open(&folder.file("a.vol", &vol.bytes()), ReadOptions::default()).unwrap();
    let reader = open(&Vol::default());
    let header = reader.header();
    assert_eq!((header.format.as_ref(), header.width, header.height, header.bscans), ("Heidelberg VOL", 6, 4, 3));
    let near = |spacing: Option<Spacing>, um: f64| {
        let spacing = spacing.unwrap();
        assert!((spacing.um - um).abs() < 1e-9 && spacing.from == Provenance::Header);
    };
    near(header.axial, 3.8717);
    near(header.lateral, 11.5);
    assert_eq!(header.eye, Some(Eye::Left));
    for (code, pattern) in [
        (0, Pattern::Unknown),
        (1, Pattern::Line),
        (2, Pattern::Circle),
        (3, Pattern::RasterVolume),
        (4, Pattern::RasterVolume),
        (5, Pattern::Radial),
        (99, Pattern::Unknown),
    ] {
        assert_eq!(open(&Vol { pattern: code, ..Vol::default() }).header().pattern, pattern);
    }
    assert_eq!(open(&Vol { eye: b"OD", ..Vol::default() }).header().eye, Some(Eye::Right));
    assert_eq!(open(&Vol { eye: b"??", ..Vol::default() }).header().eye, None);
    assert_eq!(open(&Vol { version: b"ep-v0.6.8   ", ..Vol::default() }).header().bscans, 3, "another writer");
}

#[test]
fn implausible_spacings_are_ignored() {
    let folder = Folder::new();
    for mm in [0.0, -0.0039, f64::NAN, f64::INFINITY, 1e9, 1e-9] {
        let path = folder.file("a.vol", &Vol { axial_mm: mm, lateral_mm: mm, ..Vol::default() }.bytes());
        let reader = scan::open(&path, ReadOptions::default()).unwrap();
        assert_eq!((reader.header().axial, reader.header().lateral), (None, None), "{mm} mm");
        let hints = ReadOptions { axial_um: Some(3.9), lateral_um: None, ..ReadOptions::default() };
        let stated = scan::open(&path, hints).unwrap().header().axial;
        assert_eq!(stated, Some(Spacing { um: 3.9, from: Provenance::Operator }));
    }
}

#[test]
fn special_samples_become_intensities() {
    let folder = Folder::new();
    let mut bytes = Vol { bscans: 1, ..Vol::default() }.bytes();
    let first = bytes.len() - 4 * 24;
    for (i, v) in [-1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 7.0, f32::MIN_POSITIVE].into_iter().enumerate() {
        bytes[first + 4 * i..first + 4 * i + 4].copy_from_slice(&v.to_le_bytes());
    }
    let mut reader = scan::open(&folder.file("a.vol", &bytes), ReadOptions::default()).unwrap();
    let bscan = reader.bscan(0).unwrap();
    assert_eq!(bscan.intensity[..5], [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!(bscan.intensity.iter().all(|v| v.is_finite()));
}

#[test]
fn truncated_files_are_rejected() {
    let folder = Folder::new();
    let complete = Vol::default().bytes();
    for keep in (0..complete.len()).step_by(17).chain([11, 12, 2047, 2048, 2049, complete.len() - 1]) {
        let code = error_code(&folder.file("a.vol", &complete[..keep]));
        let want = match keep {
            0 => "E-READ-EMPTY",
            1..8 => "E-READ-FORMAT",
            _ => "E-READ-TRUNCATED",
        };
        assert_eq!(code, want, "{keep} of {} bytes", complete.len());
    }
}

#[test]
fn wrong_declared_sizes_are_rejected() {
    let folder = Folder::new();
    let error_of = |vol: &Vol, patch: &[(usize, i32)]| {
        let mut bytes = vol.bytes();
        for (at, value) in patch {
            bytes[*at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        error_code(&folder.file("a.vol", &bytes))
    };
    let vol = Vol::default();
    for at in [12, 20] {
        assert_eq!(error_of(&vol, &[(at, i32::MAX)]), "E-READ-TOO-LARGE");
        assert_eq!(error_of(&vol, &[(at, 30_000)]), "E-READ-TRUNCATED");
        assert_eq!(error_of(&vol, &[(at, -1)]), "E-READ-MALFORMED");
        assert_eq!(error_of(&vol, &[(at, i32::MIN)]), "E-READ-MALFORMED");
        assert_eq!(error_of(&vol, &[(at, 0)]), "E-READ-MALFORMED");
        assert_eq!(error_of(&vol, &[(at, 1)]), "E-READ-MALFORMED");
    }
    assert_eq!(error_of(&vol, &[(12, 30_000), (20, 30_000)]), "E-READ-TOO-LARGE");
    for bscans in [0, -5, i32::MAX, i32::MIN] {
        assert_eq!(error_of(&vol, &[(16, bscans)]), "E-READ-MALFORMED", "{bscans} B-scans");
    }
    assert_eq!(error_of(&vol, &[(16, 4096)]), "E-READ-TRUNCATED");
    assert_eq!(error_of(&vol, &[(48, i32::MAX), (52, i32::MAX)]), "E-READ-TRUNCATED");
    assert_eq!(error_of(&vol, &[(48, -1)]), "E-READ-MALFORMED");
    for header in [-1, 0, 255, i32::MAX] {
        assert_eq!(error_of(&vol, &[(100, header)]), "E-READ-MALFORMED", "a header of {header} bytes");
    }
    let first_own = 2048 + 15 + 12;
    assert_eq!(error_of(&vol, &[(first_own, 16 << 20)]), "E-READ-TRUNCATED");
    // An impossible size falls back to that of the file header.
    assert_eq!(error_of(&vol, &[(first_own, i32::MAX)]), "accepted");
}

#[test]
fn file_truncated_after_opening_is_an_error() {
    let folder = Folder::new();
    let complete = Vol::default().bytes();
    let path = folder.file("a.vol", &complete);
    let mut reader = scan::open(&path, ReadOptions::default()).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(complete.len() as u64 - 50).unwrap();
    assert!(reader.bscan(0).is_ok());
    assert_eq!(reader.bscan(2).unwrap_err().code(), "E-READ-TRUNCATED");
}

#[test]
fn subject_needs_patient_and_time() {
    let folder = Folder::new();
    let of = |patient: &[u8], time: [u8; 8]| {
        let mut bytes = Vol::default().bytes();
        bytes[140..140 + patient.len()].copy_from_slice(patient);
        bytes[88..96].copy_from_slice(&time);
        subject(&folder.file("a.vol", &bytes))
    };
    assert_eq!(of(b"P-1\0rubbish", FILETIME), Some(expected_subject("", "P-1", "2026-01-01T12:00:00")));
    assert_eq!(of(b"P-1", [0; 8]), None);
    assert_eq!(of(b"unknown", FILETIME), None);
    assert_eq!(of(b"", FILETIME), None);
}
