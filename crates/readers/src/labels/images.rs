//! Label images: index masks as PNG, and volumes of ITK-SNAP as NIfTI-1.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// Bytes of a NIfTI-1 header.
const HEADER_BYTES: i32 = 348;
/// Bytes before the voxels, with extensions; longer ones are refused.
const MAX_VOXEL_OFFSET: usize = 1 << 20;
/// Bytes of the largest voxel.
const MAX_VOXEL_BYTES: usize = 8;
/// Magic of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Labels of a volume: B-scan by B-scan, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelVolume {
    /// A-scans of a B-scan.
    pub width: usize,
    /// Rows of a B-scan.
    pub height: usize,
    /// Number of B-scans.
    pub bscans: usize,
    /// `width * height * bscans` labels.
    pub labels: Vec<u8>,
}

/// Whether `bytes` begin a NIfTI-1 file, also a compressed one.
#[must_use]
pub fn is_nifti(bytes: &[u8]) -> bool {
    let size = bytes.first_chunk::<4>();
    let is_header =
        size.is_some_and(|size| i32::from_le_bytes(*size) == HEADER_BYTES || i32::from_be_bytes(*size) == HEADER_BYTES);
    is_header || bytes.starts_with(&GZIP)
}

/// Reads an index mask of `width` x `height` pixels, with any values.
///
/// # Errors
/// In words, if `png` is not an 8-bit grey PNG of this size.
pub fn read_index_mask(png: &[u8], (width, height): (usize, usize)) -> Result<Vec<u8>, String> {
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = Limits::default();
    // One pixel more, so that the message can tell the size of a mask that is too large.
    limits.max_alloc = Some(((width + 1) * (height + 1)).max(1 << 20) as u64 * 8);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| error.to_string())?;
    let DynamicImage::ImageLuma8(image) = image else {
        return Err("an index mask must be an 8-bit grey PNG".to_owned());
    };
    if (image.width() as usize, image.height() as usize) != (width, height) {
        let size = format!("{} x {}", image.width(), image.height());
        return Err(format!("the mask is {size}, but the scan is {width} x {height}"));
    }
    Ok(image.into_raw())
}

/// Reads a NIfTI-1 file with at most `max_voxels`, also a compressed one. The first axis are the A-scans, the second the
/// rows, the third the B-scans, as ITK-SNAP keeps those of the pictures that it labels.
///
/// # Errors
/// In words, if it is malformed, larger, has further axes, or holds a value that is no label.
pub fn read_nifti(bytes: &[u8], max_voxels: usize) -> Result<LabelVolume, String> {
    let limit = max_voxels.saturating_mul(MAX_VOXEL_BYTES).saturating_add(MAX_VOXEL_OFFSET);
    let content = if bytes.starts_with(&GZIP) {
        let mut content = Vec::new();
        let read = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| error.to_string())?;
        content
    } else {
        bytes.to_vec()
    };
    if content.len() > limit {
        return Err("it holds more than the scan".to_owned());
    }
    let header = Header::parse(&content)?;
    let axis = |i: usize| header.axes.get(i).copied().unwrap_or(1);
    let (width, height, bscans) = (axis(0), axis(1), axis(2));
    let voxels = width.checked_mul(height).and_then(|n| n.checked_mul(bscans)).unwrap_or(usize::MAX);
    if header.axes.iter().skip(3).any(|n| *n > 1) {
        return Err("it has more than three axes".to_owned());
    }
    if voxels > max_voxels {
        return Err("it holds more than the scan".to_owned());
    }
    let data = header.offset.checked_add(voxels * header.voxel.bytes()).and_then(|end| content.get(header.offset..end));
    let data = data.ok_or("it ends before its last voxel")?;
    let label = |bytes: &[u8]| {
        let value = header.voxel.value(bytes, header.is_big_endian).mul_add(header.slope, header.intercept);
        let rounded = value.round();
        let is_label = (value - rounded).abs() < 1e-3 && (0.0..=f64::from(u8::MAX)).contains(&rounded);
        if is_label { Ok(rounded as u8) } else { Err(format!("{value} is no label")) }
    };
    let labels = data.chunks_exact(header.voxel.bytes()).map(label).collect::<Result<_, _>>()?;
    Ok(LabelVolume { width, height, bscans, labels })
}

/// Types of voxels, by their code in NIfTI-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voxel {
    U8,
    I16,
    I32,
    F32,
    F64,
    I8,
    U16,
    U32,
}

impl Voxel {
    fn of_code(code: i16) -> Option<Self> {
        Some(match code {
            2 => Self::U8,
            4 => Self::I16,
            8 => Self::I32,
            16 => Self::F32,
            64 => Self::F64,
            256 => Self::I8,
            512 => Self::U16,
            768 => Self::U32,
            _ => return None,
        })
    }

    const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => MAX_VOXEL_BYTES,
        }
    }

    /// The value of a voxel of [`Self::bytes`] bytes.
    fn value(self, bytes: &[u8], is_big_endian: bool) -> f64 {
        let mut little = [0; MAX_VOXEL_BYTES];
        for (i, byte) in bytes.iter().enumerate() {
            little[if is_big_endian { bytes.len() - 1 - i } else { i }] = *byte;
        }
        let four = [little[0], little[1], little[2], little[3]];
        match self {
            Self::U8 => f64::from(little[0]),
            Self::I8 => f64::from(little[0] as i8),
            Self::I16 => f64::from(i16::from_le_bytes([little[0], little[1]])),
            Self::U16 => f64::from(u16::from_le_bytes([little[0], little[1]])),
            Self::I32 => f64::from(i32::from_le_bytes(four)),
            Self::U32 => f64::from(u32::from_le_bytes(four)),
            Self::F32 => f64::from(f32::from_le_bytes(four)),
            Self::F64 => f64::from_le_bytes(little),
        }
    }
}

/// The parts of a NIfTI-1 header that say where labels are.
struct Header {
    is_big_endian: bool,
    axes: Vec<usize>,
    voxel: Voxel,
    offset: usize,
    slope: f64,
    intercept: f64,
}

impl Header {
    fn parse(content: &[u8]) -> Result<Self, String> {
        let header = content.get(..HEADER_BYTES as usize).ok_or("it is shorter than its header")?;
        let is_big_endian = match Voxel::I32.value(&header[..4], false) as i32 {
            HEADER_BYTES => false,
            _ if Voxel::I32.value(&header[..4], true) as i32 == HEADER_BYTES => true,
            _ => return Err("it is no NIfTI-1 file".to_owned()),
        };
        if !header.ends_with(b"n+1\0") {
            return Err("its voxels are in another file; save it as .nii or .nii.gz".to_owned());
        }
        let number = |at: usize, kind: Voxel| kind.value(&header[at..at + kind.bytes()], is_big_endian);
        let count = number(40, Voxel::I16) as usize;
        if !(1..=7).contains(&count) {
            return Err("it has an impossible number of axes".to_owned());
        }
        // Negative lengths become 0, and hold no voxel.
        let axes = (1..=count).map(|i| number(40 + 2 * i, Voxel::I16) as usize).collect();
        let code = number(70, Voxel::I16) as i16;
        let voxel =
            Voxel::of_code(code).ok_or_else(|| format!("its voxels are of the type {code}, which no label has"))?;
        let offset = number(108, Voxel::F32) as usize;
        if !(HEADER_BYTES as usize..=MAX_VOXEL_OFFSET).contains(&offset) {
            return Err("its voxels begin at an impossible place".to_owned());
        }
        let (slope, intercept) = (number(112, Voxel::F32), number(116, Voxel::F32));
        // A slope of 0 means that values are not scaled.
        let (slope, intercept) = if slope == 0.0 { (1.0, 0.0) } else { (slope, intercept) };
        Ok(Self { is_big_endian, axes, voxel, offset, slope, intercept })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// A file of 3 x 2 x 2 voxels of 16 bits, as ITK-SNAP writes them.
    fn nifti() -> Vec<u8> {
        let mut bytes = vec![0; 352];
        bytes[..4].copy_from_slice(&HEADER_BYTES.to_le_bytes());
        for (i, n) in [3_i16, 3, 2, 2, 1, 1, 1, 1].iter().enumerate() {
            bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&n.to_le_bytes());
        }
        bytes[70..72].copy_from_slice(&4_i16.to_le_bytes());
        bytes[108..112].copy_from_slice(&352_f32.to_le_bytes());
        bytes[112..116].copy_from_slice(&1_f32.to_le_bytes());
        bytes[344..348].copy_from_slice(b"n+1\0");
        bytes.extend((0..12_i16).flat_map(i16::to_le_bytes));
        bytes
    }

    #[test]
    fn labels_of_a_volume_are_read_plain_and_compressed() {
        let plain = nifti();
        let expected = LabelVolume { width: 3, height: 2, bscans: 2, labels: (0..12).collect() };
        assert_eq!(read_nifti(&plain, 12), Ok(expected.clone()));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        assert!(is_nifti(&plain) && is_nifti(&gzip) && !is_nifti(b"bscan,ascan"));
        assert_eq!(read_nifti(&gzip, 12), Ok(expected));
    }

    #[test]
    fn voxels_have_either_order_of_bytes() {
        let values = [
            Voxel::I16.value(&[0xff, 0xfe], true),
            Voxel::F32.value(&3.5_f32.to_be_bytes(), true),
            Voxel::U32.value(&7_u32.to_le_bytes(), false),
        ];
        assert_eq!(values.map(|value| (10.0 * value) as i64), [-20, 35, 70]);
    }

    #[test]
    fn wrong_volumes_are_refused() {
        let refused = |bytes: &[u8]| read_nifti(bytes, 12).unwrap_err();
        assert_eq!(read_nifti(&nifti(), 11).unwrap_err(), "it holds more than the scan");
        assert_eq!(refused(&nifti()[..370]), "it ends before its last voxel");
        let changed = |at: usize, with: &[u8]| {
            let mut bytes = nifti();
            bytes[at..at + with.len()].copy_from_slice(with);
            bytes
        };
        assert_eq!(refused(&changed(352, &(-1_i16).to_le_bytes())), "-1 is no label");
        assert!(refused(&changed(344, b"ni1")).contains("save it as .nii"));
        assert_eq!(refused(&changed(40, &[4, 0, 3, 0, 2, 0, 1, 0, 2, 0])), "it has more than three axes");
        assert_eq!(refused(&changed(70, &[0, 8])), "its voxels are of the type 2048, which no label has");
        assert_eq!(refused(&changed(40, &[0, 0])), "it has an impossible number of axes");
        assert_eq!(refused(&nifti()[..100]), "it is shorter than its header");
    }

    #[test]
    fn a_mask_has_the_size_of_the_scan() {
        let mut png = Vec::new();
        image::GrayImage::from_raw(3, 2, (0..6).collect())
            .unwrap()
            .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
            .unwrap();
        assert_eq!(read_index_mask(&png, (3, 2)), Ok((0..6).collect()));
        assert_eq!(read_index_mask(&png, (4, 2)).unwrap_err(), "the mask is 3 x 2, but the scan is 4 x 2");
        assert!(read_index_mask(b"no picture", (4, 2)).is_err());
    }
}
