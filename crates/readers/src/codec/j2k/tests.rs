use super::*;

/// A lossless codestream of 8 x 6 samples of 8 bit: 20 times the column plus 10 times the row.
const CODESTREAM: &str = "ff4fff510029000000000008000000060000000000000000000000080000000600000000000000000001070101ff52000c\
00000001000104040001ff5c00074040484850ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34\
ff90000a00000000002d0001ff93df807006a5d356a49008d682807a8c00bfc1f38381f204001bf5ba0cbf281fffd9";
/// Where it states the sign and the bits of its samples.
const SAMPLES_AT: usize = 42;

fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    digits.as_bytes().chunks(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
}

/// A valid codestream.
pub(crate) fn sample() -> Vec<u8> {
    from_hex(CODESTREAM)
}

/// What a codestream declares.
#[derive(Clone)]
struct Declared {
    size: [u32; 2],
    tile: [u32; 2],
    components: u16,
    layers: u16,
    levels: u8,
    /// Exponents of a code-block's size, less two.
    block: u8,
    /// Exponents of a precinct's size at each level; none if empty.
    precincts: Vec<u8>,
    /// The same for the second component, in a segment of its own.
    refined: Vec<u8>,
    /// The same in the header of the first tile.
    in_tile: Vec<u8>,
    /// Bytes of data.
    data: usize,
}

const PLAIN: Declared = Declared {
    size: [512, 496],
    tile: [512, 496],
    components: 1,
    layers: 1,
    levels: 5,
    block: 4,
    precincts: Vec::new(),
    refined: Vec::new(),
    in_tile: Vec::new(),
    data: 4000,
};

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
}

impl Declared {
    fn style(&self, precincts: &[u8]) -> Vec<u8> {
        [&[self.levels, self.block, self.block, 0, 1][..], precincts].concat()
    }

    fn coding(&self, precincts: &[u8]) -> Vec<u8> {
        let head = [&[u8::from(!precincts.is_empty()), 0][..], &self.layers.to_be_bytes(), &[0]].concat();
        segment(0x52, &[head, self.style(precincts)].concat())
    }

    fn bytes(&self) -> Vec<u8> {
        let sizes = [self.size[0], self.size[1], 0, 0, self.tile[0], self.tile[1], 0, 0].map(u32::to_be_bytes).concat();
        let components = [7, 1, 1].repeat(self.components.into());
        let size = [&[0, 0][..], &sizes, &self.components.to_be_bytes(), &components].concat();
        let mut bytes = [b"\xff\x4f".to_vec(), segment(0x51, &size), self.coding(&self.precincts)].concat();
        if !self.refined.is_empty() {
            bytes.extend(segment(0x53, &[&[1, 1][..], &self.style(&self.refined)].concat()));
        }
        let own = if self.in_tile.is_empty() { Vec::new() } else { self.coding(&self.in_tile) };
        let length = 12 + own.len() + 2 + self.data;
        bytes.extend(segment(0x90, &[&[0, 0][..], &(length as u32).to_be_bytes(), &[0, 1]].concat()));
        bytes.extend(own);
        bytes.extend(b"\xff\x93");
        bytes.extend(vec![0; self.data]);
        bytes.extend(b"\xff\xd9");
        bytes
    }
}

/// The error for a codestream that must not be decoded.
fn refusal(declared: &Declared) -> String {
    let bytes = declared.bytes();
    let error = structure::check(&bytes).expect_err("refused");
    let [width, height] = declared.size.map(|side| side as usize);
    assert_eq!(samples(&bytes, width, height).err().map(|e| e.to_string()), Some(error.to_string()));
    error.to_string()
}

#[test]
fn usual_codestreams_are_accepted() {
    let plain = structure::Samples { bits: 8, signed: false };
    assert_eq!(structure::check(&from_hex(CODESTREAM)).unwrap(), plain);
    let usual = [
        PLAIN,
        Declared { tile: [64, 64], ..PLAIN },
        Declared { layers: 20, ..PLAIN },
        Declared { precincts: vec![0x77, 0x77, 0x88, 0x88, 0x88, 0x88], ..PLAIN },
        Declared { components: 3, ..PLAIN },
        Declared { block: 0, ..PLAIN },
        // Black frames take almost no bytes.
        Declared { size: [2000, 2000], tile: [2000, 2000], data: 100, ..PLAIN },
        Declared { size: [8000, 8000], tile: [256, 256], data: 60_000, ..PLAIN },
    ];
    for declared in usual {
        assert_eq!(structure::check(&declared.bytes()).unwrap(), plain, "{:?} {:?}", declared.size, declared.tile);
    }
}

#[test]
fn a_codestream_cannot_declare_more_than_its_bytes_hold() {
    let ones = vec![0; 6];
    let cases = [
        ("tiles", Declared { tile: [1, 1], ..PLAIN }),
        ("tiles", Declared { size: [2000, 2000], tile: [1, 2000], ..PLAIN }),
        ("packets", Declared { precincts: ones.clone(), ..PLAIN }),
        ("packets", Declared { components: 2, refined: ones.clone(), ..PLAIN }),
        ("packets", Declared { in_tile: ones.clone(), ..PLAIN }),
        ("packets", Declared { layers: 5000, ..PLAIN }),
        ("packets", Declared { layers: 300, components: 4, ..PLAIN }),
        ("precincts", Declared { precincts: ones, data: 1 << 20, ..PLAIN }),
        ("code-blocks", Declared { block: 0, layers: 40, size: [2000, 2000], tile: [2000, 2000], ..PLAIN }),
        ("pixels", Declared { size: [8000, 8000], tile: [8000, 8000], ..PLAIN }),
        ("components", Declared { components: 5, ..PLAIN }),
        ("components", Declared { components: 16_384, ..PLAIN }),
        ("decompositions", Declared { levels: 33, ..PLAIN }),
        ("sizes", Declared { tile: [0, 0], ..PLAIN }),
        ("sizes", Declared { size: [0, 9], ..PLAIN }),
        ("layers", Declared { layers: 0, ..PLAIN }),
    ];
    for (what, declared) in cases {
        assert!(refusal(&declared).contains(what), "{what}: {}", refusal(&declared));
    }
    let cut = PLAIN.bytes();
    // The main header has 59 bytes.
    for length in 0..59 {
        assert!(structure::check(&cut[..length]).is_err(), "{length}");
    }
}

#[test]
fn boxes_are_opened_and_palettes_refused() {
    let boxed = |name: &[u8], content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat();
    let stream = from_hex(CODESTREAM);
    let start = [boxed(b"jP  ", b"\r\n\x87\n"), boxed(b"ftyp", b"jp2 \0\0\0\0jp2 ")].concat();
    let plain = [start.clone(), boxed(b"jp2c", &stream)].concat();
    assert_eq!(structure::check(&plain).unwrap().bits, 8);
    // A length of zero stands for the rest, and one for a long length.
    let open = [start.clone(), b"\0\0\0\0jp2c".to_vec(), stream.clone()].concat();
    assert_eq!(structure::check(&open).unwrap().bits, 8);
    let long = [start.clone(), b"\0\0\0\x01jp2c".to_vec(), (stream.len() as u64 + 16).to_be_bytes().to_vec(), stream];
    assert_eq!(structure::check(&long.concat()).unwrap().bits, 8);
    let palette = [start.clone(), boxed(b"jp2h", &boxed(b"pclr", &[0; 8])), plain].concat();
    assert!(matches!(structure::check(&palette), Err(ReadError::Unsupported(_))));
    let hostile = PLAIN;
    let hostile = boxed(b"jp2c", &Declared { tile: [1, 1], ..hostile }.bytes());
    assert!(structure::check(&[start.clone(), hostile].concat()).is_err());
    for cut in [start.clone(), [start, b"\0\0\0\x02jp2c".to_vec()].concat()] {
        assert!(structure::check(&cut).is_err());
    }
}

#[test]
fn signed_samples_lie_around_zero() {
    let grey = |x: usize, y: usize| 20.0 * x as f32 + 10.0 * y as f32;
    let decoded = samples(&from_hex(CODESTREAM), 8, 6).unwrap();
    assert!(!decoded.signed && (0..48).all(|i| (decoded.samples[i] - grey(i % 8, i / 8)).abs() < 1e-3));
    let mut signed = from_hex(CODESTREAM);
    signed[SAMPLES_AT] |= 0x80;
    let decoded = samples(&signed, 8, 6).unwrap();
    assert!(decoded.signed && (0..48).all(|i| (decoded.samples[i] - grey(i % 8, i / 8) + 128.0).abs() < 1e-3));
}
