//! Small files that declare much.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Decoder, what the file is, its name, its content.
type Case = (&'static str, &'static str, &'static str, Vec<u8>);

/// Files of the worst kind for each decoder.
pub(super) fn worst() -> impl Iterator<Item = Case> {
    let cases: [fn() -> Case; 21] = [
        || ("PNG", "a colour profile of 1 GiB, deflated", "a.png", png((64, 64), &profile(), &zlib(1 << 14))),
        || ("PNG", "a text of 1 GiB, deflated", "a.png", png((64, 64), &text(), &zlib(1 << 14))),
        || ("PNG", "8000 x 8000 black pixels", "a.png", png((8000, 8000), &[], &zlib(8001 * 8000))),
        || ("PNG", "8000 x 8000 pixels in few bytes", "a.png", png((8000, 8000), &[], &zlib(1 << 20))),
        || ("JPEG", "8000 x 8000, progressive, in few bytes", "a.jpg", jpeg(8000)),
        || ("BMP", "8000 x 8000, run-length coded, in few bytes", "a.bmp", bmp(8000)),
        || ("TIFF", "30,000 x 2000 in one strip of few bytes", "a.tif", tiff(30_000, 2000, 1, 64)),
        || ("TIFF", "8000 x 8000 floats in one deflated strip", "a.tif", tiff(8000, 8000, 3, 0)),
        || ("TIFF", "a chain of 8192 pages", "a.tif", chain()),
        || ("DICOM", "texts of separators, 42 MB", "a.dcm", dicom(&separators(mebibytes(42), b"LO"))),
        || ("DICOM", "numbers as text, 42 MB of separators", "a.dcm", dicom(&many_numbers(mebibytes(42)))),
        || ("DICOM", "42 MB of empty elements", "a.dcm", dicom(&empty_elements(mebibytes(42)))),
        || ("DICOM", "42 MB of empty items", "a.dcm", dicom(&empty_items(mebibytes(42)))),
        || ("DICOM", "a data set of 1 GiB, deflated", "a.dcm", deflated_dicom()),
        || ("DICOM, JPEG 2000", "8000 x 8000 in tiles of 1 x 1", "a.dcm", pixels("4.90", 8000, &j2k(8000, 1, 6))),
        || {
            (
                "DICOM, JPEG 2000",
                "8000 x 8000 in precincts of 1 x 1",
                "a.dcm",
                pixels("4.90", 8000, &j2k(8000, 8000, 0)),
            )
        },
        || ("DICOM, JPEG 2000", "2000 x 2000 black pixels", "a.dcm", pixels("4.90", 2000, &j2k(2000, 2000, 6))),
        || ("DICOM, JPEG-LS", "8000 x 8000 in few bytes", "a.dcm", pixels("4.80", 8000, &jpeg_ls(8000))),
        || ("DICOM, JPEG", "8000 x 8000, progressive, in few bytes", "a.dcm", pixels("4.50", 8000, &jpeg(8000))),
        || {
            (
                "XML",
                "64 MB of elements",
                "a.xml",
                format!("<HEDX>{}</HEDX>", "<a/>".repeat(mebibytes(64) / 4)).into_bytes(),
            )
        },
        || ("XML", "64 MB of attributes", "a.xml", attributes(mebibytes(64))),
    ];
    cases.into_iter().map(|case| case())
}

/// `zeros` zeros, deflated: a block of 1 MiB, repeated.
fn deflated(zeros: usize) -> Vec<u8> {
    const BLOCK: usize = 1 << 20;
    let block = |length: usize, flush: FlushCompress| {
        let mut compress = Compress::new(Compression::fast(), false);
        let mut bytes = Vec::with_capacity(BLOCK);
        compress.compress_vec(&vec![0; length], &mut bytes, flush).unwrap();
        bytes
    };
    // A flushed block ends on a byte and refers to nothing before it.
    let mut all = block(BLOCK, FlushCompress::Full).repeat(zeros / BLOCK);
    all.extend(block(zeros % BLOCK, FlushCompress::Finish));
    all
}

/// The same as a zlib stream.
fn zlib(zeros: usize) -> Vec<u8> {
    let adler = ((zeros % 65_521) as u32) << 16 | 1;
    [vec![0x78, 1], deflated(zeros), adler.to_be_bytes().to_vec()].concat()
}

/// Bytes of the larger files: an eighth of the full size, unless the table is made.
fn mebibytes(full: usize) -> usize {
    let part = if std::env::var_os("OCTRLS_FULL_SIZE").is_some() { 1 } else { 8 };
    (full << 20) / part
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

/// A grey PNG with a chunk before its `pixels`.
fn png((width, height): (u32, u32), ancillary: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), ancillary.to_vec(), chunk(b"IDAT", pixels), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

fn profile() -> Vec<u8> {
    chunk(b"iCCP", &[b"a\0\0".to_vec(), zlib(1 << 30)].concat())
}

fn text() -> Vec<u8> {
    chunk(b"zTXt", &[b"a\0\0".to_vec(), zlib(1 << 30)].concat())
}

/// A progressive JPEG without data.
fn jpeg(side: u16) -> Vec<u8> {
    let segment =
        |marker: u8, body: &[u8]| [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
    let size = [&[8][..], &side.to_be_bytes(), &side.to_be_bytes(), &[3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]].concat();
    let table = [&[0][..], &[1; 64]].concat();
    let codes = |class: u8| [&[class][..], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0]].concat();
    [
        vec![0xff, 0xd8],
        segment(0xdb, &table),
        segment(0xc2, &size),
        segment(0xc4, &codes(0)),
        segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0]),
        vec![0; 64],
        vec![0xff, 0xd9],
    ]
    .concat()
}

/// A run-length coded BMP that ends at once.
fn bmp(side: u32) -> Vec<u8> {
    let header = [40, side, side, 8 << 16 | 1, 1, 4, 0, 0, 256, 0].map(u32::to_le_bytes).concat();
    let start = [b"BM".to_vec(), [1_082, 0, 1078].map(u32::to_le_bytes).concat()].concat();
    [start, header, vec![0; 1024], vec![0, 1, 0, 0]].concat()
}

/// A grey TIFF of one strip: 8 bits as they are, or floats deflated.
fn tiff(width: u32, height: u32, format: u32, bytes: u32) -> Vec<u8> {
    let float = format == 3;
    let (bits, coding) = if float { (32, 8) } else { (8, 1) };
    let data = if float { zlib((4 * width * height) as usize) } else { vec![0; bytes as usize] };
    let mut tags = vec![
        (256, width),
        (257, height),
        (258, bits),
        (259, coding),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, data.len() as u32),
    ];
    if float {
        tags.push((339, 3));
    }
    let at = 8 + data.len() as u32;
    let entry = |&(tag, value): &(u16, u32)| {
        [&tag.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let directory: Vec<u8> = tags.iter().flat_map(entry).collect();
    let start = [b"II*\0".as_slice(), &at.to_le_bytes()].concat();
    [start, data, (tags.len() as u16).to_le_bytes().to_vec(), directory, vec![0; 4]].concat()
}

/// A TIFF of empty pages.
fn chain() -> Vec<u8> {
    let page = |number: u32| [&0_u16.to_le_bytes()[..], &(8 + 6 * (number + 1)).to_le_bytes()].concat();
    [b"II*\0\x08\0\0\0".to_vec(), (0..8192).flat_map(page).collect(), vec![0; 6]].concat()
}

fn element(group: u16, number: u16, kind: &[u8], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if kind == b"UI" { 0 } else { b' ' });
    }
    let tag = [&group.to_le_bytes()[..], &number.to_le_bytes(), kind].concat();
    let length = match kind {
        b"OB" | b"OW" | b"UC" | b"UT" | b"SQ" => [&[0; 2][..], &(value.len() as u32).to_le_bytes()].concat(),
        _ => (value.len() as u16).to_le_bytes().to_vec(),
    };
    [tag, length, value].concat()
}

/// The start of a DICOM file of this transfer syntax.
fn meta(syntax: &str) -> Vec<u8> {
    let body = [
        element(2, 1, b"OB", &[0, 1]),
        element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.77.1.5.4"),
        element(2, 3, b"UI", b"1.2.3"),
        element(2, 0x10, b"UI", format!("1.2.840.10008.1.2{syntax}").as_bytes()),
    ]
    .concat();
    let length = element(2, 0, b"UL", &(body.len() as u32).to_le_bytes());
    [vec![0; 128], b"DICM".to_vec(), length, body].concat()
}

fn dicom(data_set: &[u8]) -> Vec<u8> {
    [meta(".1"), data_set.to_vec()].concat()
}

/// Texts of separators, each as long as its length allows.
fn separators(bytes: usize, kind: &[u8]) -> Vec<u8> {
    let value = vec![b'\\'; 65_000];
    let one = |number: usize| element(0x10 + 2 * (number as u16 / 250), 0x1000 + number as u16 % 250, kind, &value);
    (0..bytes / 65_000).flat_map(one).collect()
}

fn many_numbers(bytes: usize) -> Vec<u8> {
    separators(bytes, b"DS")
}

fn empty_elements(bytes: usize) -> Vec<u8> {
    let one = |number: usize| element(0x10 + 2 * (number / 60_000) as u16, (number % 60_000) as u16, b"CS", b"");
    (0..bytes / 8).flat_map(one).collect()
}

fn empty_items(bytes: usize) -> Vec<u8> {
    let item = [0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0];
    element(0x40, 0x0555, b"SQ", &item.repeat(bytes / 8))
}

fn deflated_dicom() -> Vec<u8> {
    [meta(".1.99"), deflated(mebibytes(1024))].concat()
}

/// An object of one compressed frame.
fn pixels(syntax: &str, side: u16, frame: &[u8]) -> Vec<u8> {
    let word = |value: u16| value.to_le_bytes();
    let mut frame = frame.to_vec();
    frame.resize(frame.len().next_multiple_of(2), 0);
    let samples: u16 = if syntax == "4.50" { 3 } else { 1 };
    let photometric: &[u8] = if samples == 3 { b"YBR_FULL_422" } else { b"MONOCHROME2" };
    let item = |bytes: &[u8]| [&[0xfe, 0xff, 0, 0xe0][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat();
    [
        meta(&format!(".{syntax}")),
        element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.77.1.5.4"),
        element(8, 0x18, b"UI", b"1.2.3"),
        element(0x28, 2, b"US", &word(samples)),
        element(0x28, 4, b"CS", photometric),
        element(0x28, 8, b"IS", b"1"),
        element(0x28, 0x10, b"US", &word(side)),
        element(0x28, 0x11, b"US", &word(side)),
        element(0x28, 0x100, b"US", &word(8)),
        element(0x28, 0x101, b"US", &word(8)),
        element(0x28, 0x102, b"US", &word(7)),
        element(0x28, 0x103, b"US", &word(0)),
        [0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff].to_vec(),
        item(b""),
        item(&frame),
        vec![0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
    ]
    .concat()
}

/// A JPEG 2000 codestream of empty packets: `side` of image and tiles, exponent of the precincts' sides.
fn j2k(side: u32, tile: u32, precinct: u8) -> Vec<u8> {
    let segment =
        |marker: u8, body: &[u8]| [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
    let sizes = [side, side, 0, 0, tile, tile, 0, 0].map(u32::to_be_bytes).concat();
    let size = [&[0, 0][..], &sizes, &[0, 1, 7, 1, 1]].concat();
    let coding = [&[1, 0, 0, 1, 0, 5, 4, 4, 0, 1][..], &[precinct | precinct << 4; 6]].concat();
    let quantisation = [&[0x40][..], &[0x40; 16]].concat();
    let data = vec![0; 4000];
    let length = (14 + data.len()) as u32;
    [
        b"\xff\x4f".to_vec(),
        segment(0x51, &size),
        segment(0x52, &coding),
        segment(0x5c, &quantisation),
        segment(0x90, &[&[0, 0][..], &length.to_be_bytes(), &[0, 1]].concat()),
        b"\xff\x93".to_vec(),
        data,
        b"\xff\xd9".to_vec(),
    ]
    .concat()
}

fn jpeg_ls(side: u16) -> Vec<u8> {
    let size = [&[0, 11, 8][..], &side.to_be_bytes(), &side.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0];
    [b"\xff\xd8\xff\xf7".to_vec(), size, scan.to_vec(), vec![0; 64], b"\xff\xd9".to_vec()].concat()
}

fn attributes(bytes: usize) -> Vec<u8> {
    let element = format!("<a {}/>", (0..60).map(|i| format!("a{i}=\"\"")).collect::<Vec<_>>().join(" "));
    format!("<HEDX>{}</HEDX>", element.repeat(bytes / element.len())).into_bytes()
}
