//! Heidelberg `.E2E` files, written directory by directory.

/// A-scans of a B-scan.
pub const WIDTH: u32 = 6;
/// Samples of an A-scan.
pub const HEIGHT: u32 = 5;
/// Kind of the chunk of an image.
pub const IMAGE: u32 = 0x4000_0000;
/// Kind of the chunk of a B-scan's metadata.
pub const METADATA: u32 = 10_004;
/// Kind of the chunk of a boundary.
pub const CONTOUR: u32 = 10_019;
/// Kind of the samples of a B-scan.
pub const FLOAT16: u32 = 0x0220_0201;

/// A chunk: patient, study, series and slice; the part of the slice; kind; content.
#[derive(Clone)]
pub struct Chunk(pub [i32; 4], pub u16, pub u32, pub Vec<u8>);

/// Little-endian bytes of 32-bit numbers.
#[must_use]
pub fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A sample, brighter from A-scan to A-scan, row to row and B-scan to B-scan.
#[must_use]
pub fn sample(bscan: i32, x: u32, y: u32) -> u16 {
    (40 << 10) + 1000 * bscan as u16 + (10 * y + x) as u16
}

/// The image of B-scan number `bscan`.
#[must_use]
pub fn image(owner: [i32; 4], bscan: i32) -> Chunk {
    let pixels = WIDTH * HEIGHT;
    let mut content = words(&[20 + 2 * pixels, FLOAT16, pixels, HEIGHT, WIDTH]);
    content.extend((0..pixels).flat_map(|i| sample(bscan, i % WIDTH, i / WIDTH).to_le_bytes()));
    Chunk(owner, 1, IMAGE, content)
}

/// Metadata of a B-scan: its ends in degrees, the number of B-scans in the volume, 1 for a line or 2 for a circle.
#[must_use]
pub fn metadata(owner: [i32; 4], ends: [f32; 4], count: u32, kind: u32) -> Chunk {
    let mut content = vec![0; 428];
    let mut put = |at: usize, value: [u8; 4]| content[at..at + 4].copy_from_slice(&value);
    put(4, HEIGHT.to_le_bytes());
    put(8, WIDTH.to_le_bytes());
    for (i, end) in ends.into_iter().enumerate() {
        put(12 + 4 * i, end.to_le_bytes());
    }
    put(36, 0.003_87_f32.to_le_bytes());
    put(64, count.to_le_bytes());
    put(72, kind.to_le_bytes());
    put(156, 28.5_f32.to_le_bytes());
    Chunk(owner, 1, METADATA, content)
}

/// A boundary with no row in the first A-scan.
#[must_use]
pub fn contour(owner: [i32; 4], number: u32, row: f32) -> Chunk {
    let mut content = words(&[0, number, 5, WIDTH, 0, 0, 0, 0, 0]);
    content.extend((0..WIDTH).flat_map(|x| if x == 0 { f32::MAX } else { row }.to_le_bytes()));
    Chunk(owner, 1, CONTOUR, content)
}

/// The eye of a series or slice: `L` or `R`.
#[must_use]
pub fn laterality(owner: [i32; 4], part: u16, letter: u8) -> Chunk {
    let mut content = vec![0; 27];
    content[14] = letter;
    Chunk(owner, part, 11, content)
}

/// A series of `count` parallel B-scans, with patient and fundus image.
#[must_use]
pub fn series(number: i32, letter: u8, count: u32) -> Vec<Chunk> {
    let owner = |slice| [7, 70, number, slice];
    let mut fundus = words(&[20 + 4, 0x0201_0201, 4, 2, 2]);
    fundus.extend([9; 4]);
    let mut chunks = vec![
        Chunk([7, -1, -1, -1], 0xffff, 9, vec![b'x'; 131]),
        laterality(owner(-1), 0xffff, letter),
        laterality(owner(-1), 0, letter),
        Chunk(owner(-1), 0, IMAGE, fundus),
    ];
    for index in 0..count as i32 {
        let y = index as f32 * 0.5 - 1.0;
        let slice = owner(2 * index);
        let listed = if count == 1 { 0 } else { count };
        chunks.extend([
            image(slice, index),
            metadata(slice, [-10.0, y, 10.0, y], listed, 1),
            contour(slice, 0, 1.0),
            contour(slice, 1, 3.25),
            contour(slice, 3, 2.0),
        ]);
    }
    chunks
}

/// Bytes of an entry of a directory.
pub const ENTRY: usize = 44;
/// Bytes of a directory before its entries.
pub const DIRECTORY: usize = 52;
/// Bytes of a chunk before its content.
pub const CHUNK: usize = 60;
/// Entries of one directory; the last is not full.
pub const ENTRIES: usize = 8;

/// A directory without its entries. `own_or_last` is its own offset or, in the main directory, that of the last.
#[must_use]
pub fn directory(magic: &[u8], own_or_last: u32, previous: u32) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.resize(12, 0);
    bytes.extend(100_u32.to_le_bytes());
    bytes.extend([0xff; 20]);
    let fields = [ENTRIES as u32, own_or_last, previous];
    bytes.extend(words(&fields));
    bytes.extend(fields.iter().fold(0x5678_9abc_u32, |sum, v| sum.wrapping_add(*v)).to_le_bytes());
    bytes
}

/// A complete file.
#[must_use]
pub fn file(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = b"CMDb\0".to_vec();
    bytes.resize(12, 0);
    bytes.extend(100_u32.to_le_bytes());
    bytes.extend([0xff; 18]);
    bytes.extend([0; 2]);
    bytes.extend(vec![0; DIRECTORY]);
    let mut last = 0;
    for group in chunks.chunks(ENTRIES) {
        let at = bytes.len();
        bytes.extend(directory(b"MDbDir", at as u32, last));
        last = at as u32;
        let first_entry = bytes.len();
        bytes.extend(vec![0; ENTRIES * ENTRY]);
        for (i, Chunk(owner, part, kind, content)) in group.iter().enumerate() {
            let (entry, start, size) = (first_entry + i * ENTRY, bytes.len() as u32, content.len() as u32);
            let owner = owner.map(|v| v as u32);
            let mut fields = words(&[entry as u32, start, size, 0, owner[0], owner[1], owner[2], owner[3]]);
            fields.extend([*part, 0].map(u16::to_le_bytes).concat());
            fields.extend(kind.to_le_bytes());
            let sum = [entry as u32, start, size, owner[0], owner[1], owner[2], owner[3], *part as i16 as u32, *kind];
            let sum = sum.iter().fold(0_u32.wrapping_sub(0x789a_bcdf), |sum, v| sum.wrapping_add(*v));
            fields.extend(sum.to_le_bytes());
            bytes[entry..entry + ENTRY].copy_from_slice(&fields);

            bytes.extend(b"MDbData\0\0\0\0\0");
            let sum = content.iter().fold(0x1243_5687_u32, |sum, v| sum.wrapping_add((*v).into()));
            bytes.extend(words(&[sum, entry as u32, start, size, 0, owner[0], owner[1], owner[2], owner[3]]));
            bytes.extend([*part, 0].map(u16::to_le_bytes).concat());
            bytes.extend(words(&[*kind, 0x8765_431c_u32.wrapping_add(entry as u32)]));
            bytes.extend(content);
        }
    }
    bytes[36..36 + DIRECTORY].copy_from_slice(&directory(b"MDbMDir", last, 0));
    bytes
}

/// A file with one volume.
#[must_use]
pub fn volume() -> Vec<u8> {
    file(&series(3, b'L', 3))
}
