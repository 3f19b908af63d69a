//! Raster images: values and orientation.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use octrls_core::scan::{Note, Pattern};
use octrls_readers::ReadOptions;

use super::{Folder, error_code, read};

const WIDTH: u32 = 7;
const HEIGHT: u32 = 5;

/// A grey value that identifies column and row.
fn grey(x: u32, y: u32) -> u8 {
    (x * 30 + y * 11) as u8
}

pub(crate) fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn grey_image(width: u32, height: u32) -> DynamicImage {
    GrayImage::from_fn(width, height, |x, y| Luma([grey(x % 7, y % 5)])).into()
}

fn assert_pixels(name: &str, bytes: &[u8], format: &str, tolerance: f32, want: impl Fn(u32, u32) -> f32) {
    let folder = Folder::new();
    let (header, bscan) = read(&folder.file(name, bytes)).unwrap();
    assert_eq!((header.format.as_ref(), header.bscans, header.width, header.height), (format, 1, 7, 5));
    assert_eq!((header.axial, header.lateral, header.eye, header.pattern), (None, None, None, Pattern::Unknown));
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let got = bscan.intensity[(y * WIDTH + x) as usize];
            assert!((got - want(x, y)).abs() <= tolerance, "{name} at {x}, {y}: {got}, not {}", want(x, y));
        }
    }
}

fn grey_value(x: u32, y: u32) -> f32 {
    f32::from(grey(x, y)) / 255.0
}

#[test]
fn formats_give_the_same_pixels() {
    let image = grey_image(WIDTH, HEIGHT);
    for (format, name) in [(ImageFormat::Png, "PNG"), (ImageFormat::Tiff, "TIFF"), (ImageFormat::Bmp, "BMP")] {
        assert_pixels("scan", &encode(&image, format), name, 0.0, grey_value);
    }
    assert_pixels("scan", &encode(&image, ImageFormat::Jpeg), "JPEG", 0.06, grey_value);
}

#[test]
fn colour_becomes_luminance_without_alpha() {
    let rgb = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb([grey(x, y); 3]));
    let rgba = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgba([grey(x, y), grey(x, y), grey(x, y), (x * 40) as u8]));
    let with_alpha = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| LumaA([grey(x, y), 0]));
    for (format, name) in [(ImageFormat::Png, "PNG"), (ImageFormat::Tiff, "TIFF"), (ImageFormat::Bmp, "BMP")] {
        assert_pixels("rgb", &encode(&rgb.clone().into(), format), name, 1e-4, grey_value);
        assert_pixels("rgba", &encode(&rgba.clone().into(), format), name, 1e-4, grey_value);
    }
    assert_pixels("grey and alpha", &encode(&with_alpha.into(), ImageFormat::Png), "PNG", 1e-4, grey_value);
    let green = ImageBuffer::from_pixel(WIDTH, HEIGHT, Rgb([0u8, 255, 0]));
    assert_pixels("green", &encode(&green.into(), ImageFormat::Png), "PNG", 0.01, |_, _| 0.715);
}

#[test]
fn sixteen_bits_keep_their_depth() {
    let value = |x: u32, y: u32| (x * 9000 + y * 777 + 1) as u16;
    let image = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([value(x, y)]));
    for (format, name) in [(ImageFormat::Png, "PNG"), (ImageFormat::Tiff, "TIFF")] {
        assert_pixels("deep", &encode(&image.clone().into(), format), name, 1e-7, |x, y| {
            f32::from(value(x, y)) / 65_535.0
        });
    }
    let rgb = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Rgb([value(x, y); 3]));
    assert_pixels("deep rgb", &encode(&rgb.into(), ImageFormat::Png), "PNG", 2e-5, |x, y| {
        f32::from(value(x, y)) / 65_535.0
    });
}

#[test]
fn format_is_recognised_by_content() {
    let image = grey_image(WIDTH, HEIGHT);
    assert_pixels("scan.jpg", &encode(&image, ImageFormat::Png), "PNG", 0.0, grey_value);
    assert_pixels("scan.vol", &encode(&image, ImageFormat::Bmp), "BMP", 0.0, grey_value);
    assert_pixels("scan.dcm", &encode(&image, ImageFormat::Tiff), "TIFF", 0.0, grey_value);
    assert_pixels("Größe äöü 眼.png", &encode(&image, ImageFormat::Jpeg), "JPEG", 0.06, grey_value);
}

#[test]
fn image_has_one_bscan_that_can_be_read_again() {
    let folder = Folder::new();
    let path = folder.file("a.png", &encode(&grey_image(9, 8), ImageFormat::Png));
    let mut reader = octrls_readers::open(&path, ReadOptions::default()).unwrap();
    assert_eq!(reader.bscan(0).unwrap(), reader.bscan(0).unwrap());
    assert_eq!(reader.bscan(1).unwrap_err().code(), "E-READ-NO-BSCAN");
    assert_eq!(reader.bscan(usize::MAX).unwrap_err().code(), "E-READ-NO-BSCAN");
}

/// A classic TIFF whose pages hold the same `WIDTH` x `HEIGHT` greys, each starting a row later than the previous one;
/// `subfile` is the type of the second page.
fn tiff_of_pages(big_endian: bool, pages: u32, subfile: u32) -> Vec<u8> {
    let two = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let four = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let pixels = 8;
    let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    let directory = pixels + 36;
    bytes.extend(four(directory));
    bytes.extend((0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| grey(x, y))));
    bytes.push(0);
    for page in 0..pages {
        let entries = [
            (254u16, if page == 1 { subfile } else { 0 }),
            (256, WIDTH),
            (257, HEIGHT),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, pixels + page * WIDTH),
            (277, 1),
            (278, HEIGHT),
            (279, WIDTH * HEIGHT),
        ];
        bytes.extend(two(entries.len() as u16));
        for (tag, value) in entries {
            bytes.extend(two(tag));
            bytes.extend(two(4));
            bytes.extend(four(1));
            bytes.extend(four(value));
        }
        let size = 2 + 12 * entries.len() as u32 + 4;
        bytes.extend(four(if page + 1 == pages { 0 } else { directory + (page + 1) * size }));
    }
    bytes
}

#[test]
fn tiff_pages_are_bscans_except_thumbnails() {
    let folder = Folder::new();
    for big_endian in [false, true] {
        assert_pixels("one.tif", &tiff_of_pages(big_endian, 1, 0), "TIFF", 0.0, grey_value);
        assert_pixels("thumbnail.tif", &tiff_of_pages(big_endian, 2, 1), "TIFF", 0.0, grey_value);
        let path = folder.file("ten.tif", &tiff_of_pages(big_endian, 10, 0));
        let mut reader = octrls_readers::open(&path, ReadOptions::default()).unwrap();
        assert_eq!(reader.header().bscans, 10);
        let row = WIDTH as usize;
        let first = reader.bscan(0).unwrap().intensity;
        // In any order, and repeatedly.
        for page in [9, 3, 3, 0] {
            let shifted = reader.bscan(page).unwrap().intensity;
            let same = first.len() - page.min(HEIGHT as usize) * row;
            assert_eq!(shifted[..same], first[first.len() - same..], "page {page}");
        }
        assert_eq!(reader.bscan(10).unwrap_err().code(), "E-READ-NO-BSCAN");
    }
}

#[test]
fn floating_point_images_are_clamped() {
    let value = |x: u32| [0.25, f32::NAN, f32::INFINITY, -3.0, 7.0, f32::NEG_INFINITY, 1.0][x as usize];
    let image = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, _| Rgb([value(x); 3]));
    let folder = Folder::new();
    let (_, bscan) = read(&folder.file("float.tif", &encode(&image.into(), ImageFormat::Tiff))).unwrap();
    assert!((bscan.intensity[0] - 0.25).abs() < 1e-3);
    assert!((bscan.intensity[6] - 1.0).abs() < 1e-3);
    assert!(bscan.intensity[3] < 1e-3 && bscan.intensity[4] > 0.999);
}

#[test]
fn broken_and_circular_page_chains_are_rejected() {
    let folder = Folder::new();
    for (next, code) in [(9_000_u32, "E-READ-TRUNCATED"), (44, "E-READ-MALFORMED")] {
        let mut bytes = tiff_of_pages(false, 3, 0);
        let end = bytes.len() - 4;
        bytes[end..].copy_from_slice(&next.to_le_bytes());
        assert_eq!(error_code(&folder.file("broken.tif", &bytes)), code);
    }
}

#[test]
fn fewer_bits_in_sixteen_are_scaled_by_what_they_hold() {
    for bits in [8_u32, 10, 12] {
        let top = (1_u32 << bits) - 1;
        let value = |x: u32, y: u32| (top * (x + y) / (WIDTH + HEIGHT - 2)) as u16;
        let image = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([value(x, y)]));
        for format in [ImageFormat::Png, ImageFormat::Tiff] {
            let folder = Folder::new();
            let path = folder.file("deep", &encode(&image.clone().into(), format));
            let reader = octrls_readers::open(&path, ReadOptions::default()).unwrap();
            assert_eq!(reader.header().notes, [Note::DepthScaled { bits }]);
            let (_, bscan) = read(&path).unwrap();
            for (i, v) in bscan.intensity.iter().enumerate() {
                let want = f32::from(value(i as u32 % WIDTH, i as u32 / WIDTH)) / top as f32;
                assert!((v - want).abs() < 1e-6, "{bits} bits at {i}: {v}, not {want}");
            }
        }
    }
}

/// A field of a TIFF directory: tag, type, count, and its value or content.
type TiffField<'a> = (u16, u16, u32, &'a [u8]);

/// A little-endian TIFF or `BigTIFF` of one page of `WIDTH` x `HEIGHT` samples; `fields` are sorted by tag.
fn tiff_with(big: bool, samples: &[u8], fields: &[TiffField<'_>]) -> Vec<u8> {
    let number = |v: u64| if big { v.to_le_bytes().to_vec() } else { (v as u32).to_le_bytes().to_vec() };
    let inline = if big { 8 } else { 4 };
    let mut bytes = if big { b"II+\0\x08\0\0\0".to_vec() } else { b"II*\0".to_vec() };
    let start = bytes.len() + inline;
    let places = (start, start + samples.len());
    let mut content = samples.to_vec();
    let strip = |tag: u16, v: usize| (tag, 4_u16, 1_u32, (v as u32).to_le_bytes().to_vec());
    let mut all: Vec<(u16, u16, u32, Vec<u8>)> = fields.iter().map(|&(t, k, n, v)| (t, k, n, v.to_vec())).collect();
    all.extend([
        strip(256, WIDTH as usize),
        strip(257, HEIGHT as usize),
        strip(273, places.0),
        strip(278, HEIGHT as usize),
        strip(279, samples.len()),
    ]);
    all.sort_by_key(|field| field.0);
    let mut directory =
        if big { (all.len() as u64).to_le_bytes().to_vec() } else { (all.len() as u16).to_le_bytes().to_vec() };
    for (tag, kind, count, mut value) in all {
        directory.extend(tag.to_le_bytes());
        directory.extend(kind.to_le_bytes());
        directory.extend(number(count.into()));
        if value.len() > inline {
            directory.extend(number((start + content.len()) as u64));
            content.extend(value);
        } else {
            value.resize(inline, 0);
            directory.extend(value);
        }
    }
    bytes.extend(number((start + content.len()) as u64));
    bytes.extend(content);
    bytes.extend(directory);
    bytes.extend(number(0));
    bytes
}

fn short(value: u16) -> [u8; 2] {
    value.to_le_bytes()
}

#[test]
fn palettes_floats_and_signed_samples_are_read() {
    let pixels: Vec<(u32, u32)> = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).collect();
    let greys: Vec<u8> = pixels.iter().map(|&(x, y)| grey(x, y)).collect();
    // Colour 255 - i is grey i.
    let colours: Vec<u8> = (0..3).flat_map(|_| (0..256_u32).flat_map(|i| short(((255 - i) * 257) as u16))).collect();
    let one = short(1);
    let common = |bits: u16, meaning: u16, format: u16| {
        [(258, short(bits)), (259, one), (262, short(meaning)), (277, one), (339, short(format))]
    };
    let fields = |values: &[(u16, [u8; 2])], more: &[(u16, u16, u32, Vec<u8>)]| {
        let mut all: Vec<(u16, u16, u32, Vec<u8>)> = values.iter().map(|&(tag, v)| (tag, 3, 1, v.to_vec())).collect();
        all.extend_from_slice(more);
        all
    };
    let build = |big: bool, samples: &[u8], all: &[(u16, u16, u32, Vec<u8>)]| {
        let all: Vec<TiffField<'_>> = all.iter().map(|(t, k, n, v)| (*t, *k, *n, v.as_slice())).collect();
        tiff_with(big, samples, &all)
    };
    for big in [false, true] {
        let plain = build(big, &greys, &fields(&common(8, 1, 1), &[]));
        assert_pixels("plain.tif", &plain, "TIFF", 0.0, grey_value);
        let palette = build(big, &greys, &fields(&common(8, 3, 1), &[(320, 3, 768, colours.clone())]));
        assert_pixels("palette.tif", &palette, "TIFF", 1e-4, |x, y| 1.0 - grey_value(x, y));
        let floats: Vec<u8> = greys.iter().flat_map(|&v| (f32::from(v) / 255.0).to_le_bytes()).collect();
        assert_pixels("float.tif", &build(big, &floats, &fields(&common(32, 1, 3), &[])), "TIFF", 1e-6, grey_value);
        let floats: Vec<u8> = greys.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
        assert_pixels("double.tif", &build(big, &floats, &fields(&common(64, 1, 3), &[])), "TIFF", 1e-6, grey_value);
        let signed: Vec<u8> = greys.iter().flat_map(|&v| i16::from(v).to_le_bytes()).collect();
        assert_pixels("signed.tif", &build(big, &signed, &fields(&common(16, 1, 2), &[])), "TIFF", 1e-6, grey_value);
    }
    let no_colours = build(false, &greys, &fields(&common(8, 3, 1), &[]));
    assert_eq!(error_code(&Folder::new().file("a.tif", &no_colours)), "E-READ-MALFORMED");
}

#[test]
fn spacing_comes_from_the_tags_of_a_tiff() {
    let folder = Folder::new();
    let rational = |pixels: u32, units: u32| [pixels.to_le_bytes(), units.to_le_bytes()].concat();
    let of = |unit: u16, x: Vec<u8>, y: Vec<u8>, text: &str| {
        let samples = vec![9; (WIDTH * HEIGHT) as usize];
        let text = format!("{text}\0");
        let bytes = tiff_with(
            false,
            &samples,
            &[
                (258, 3, 1, &short(8)),
                (259, 3, 1, &short(1)),
                (262, 3, 1, &short(1)),
                (270, 2, text.len() as u32, text.as_bytes()),
                (277, 3, 1, &short(1)),
                (282, 5, 1, &x),
                (283, 5, 1, &y),
                (296, 3, 1, &short(unit)),
            ],
        );
        let header =
            octrls_readers::open(&folder.file("a.tif", &bytes), ReadOptions::default()).unwrap().header().clone();
        let um = |s: Option<octrls_core::scan::Spacing>| s.map(|s| (s.um * 100.0).round() / 100.0);
        assert!(header.axial.is_none_or(|s| s.from == octrls_core::scan::Provenance::Header));
        (um(header.axial), um(header.lateral))
    };
    let (x, y) = (rational(100, 1150), rational(100, 387));
    assert_eq!(of(1, x.clone(), y.clone(), "ImageJ=1.53t\nunit=micron\n"), (Some(3.87), Some(11.5)));
    assert_eq!(of(1, x.clone(), y.clone(), "ImageJ=1.53t\nunit=mm\n"), (None, None), "implausible");
    assert_eq!(of(1, x.clone(), y.clone(), "ImageJ=1.53t\n"), (None, None), "no unit");
    let ome =
        "<OME><Image><Pixels PhysicalSizeX=\"0.0115\" PhysicalSizeXUnit=\"mm\" PhysicalSizeY=\"3.87\"/></Image></OME>";
    assert_eq!(of(1, x, y, ome), (Some(3.87), Some(11.5)));
    // Pixels per centimetre, then the resolution of a printer and of a screen.
    assert_eq!(of(3, rational(10_000, 12), rational(10_000, 4), ""), (Some(4.0), Some(12.0)));
    assert_eq!(of(2, rational(300, 1), rational(300, 1), ""), (None, None));
    assert_eq!(of(2, rational(72, 1), rational(72, 1), ""), (None, None));
    assert_eq!(of(3, rational(0, 1), rational(1, 0), ""), (None, None));
}

/// A JPEG with an EXIF orientation.
fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0]);
    exif.extend(u32::from(orientation).to_le_bytes());
    exif.extend([0; 4]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn a_turned_jpeg_is_turned_back() {
    let folder = Folder::new();
    let image = GrayImage::from_fn(32, 16, |x, _| Luma([(x * 8) as u8]));
    let jpeg = encode(&image.into(), ImageFormat::Jpeg);
    let (header, bscan) = read(&folder.file("upright.jpg", &with_orientation(&jpeg, 1))).unwrap();
    assert_eq!((header.width, header.height), (32, 16));
    let path = folder.file("turned.jpg", &with_orientation(&jpeg, 6));
    let reader = octrls_readers::open(&path, ReadOptions::default()).unwrap();
    assert_eq!(reader.header().notes, [Note::PictureTurned]);
    let (header, turned) = read(&path).unwrap();
    assert_eq!((header.width, header.height), (16, 32));
    // A quarter to the right: the first column becomes the first row.
    for (x, y) in [(0, 0), (3, 20), (15, 31)] {
        assert!((turned.intensity[y * 16 + x] - bscan.intensity[(15 - x) * 32 + y]).abs() < 1e-6, "{x} {y}");
    }
    let (_, down) = read(&folder.file("down.jpg", &with_orientation(&jpeg, 3))).unwrap();
    assert!(down.intensity.iter().eq(bscan.intensity.iter().rev()));
}

#[test]
fn image_kinds_that_once_failed_are_read() {
    let Some(cases) = super::cases() else { return };
    let reference = read(&cases.join("white_strip_reference.png")).unwrap().1;
    for file in ["palette.tif", "float32.tif", "bigtiff.tif", "gray16_holds_12_bits.png", "exif_rotated_90.jpg"] {
        let (header, bscan) = read(&cases.join(file)).unwrap();
        assert_eq!((header.width, header.height), (reference.width, reference.height), "{file}");
        let mean = |b: &octrls_core::scan::BScan| b.intensity.iter().sum::<f32>() / b.intensity.len() as f32;
        let ratio = mean(&bscan) / mean(&reference);
        assert!((0.5..2.0).contains(&ratio), "{file}: {ratio} times as bright");
        let top = bscan.intensity.iter().copied().fold(0.0, f32::max);
        assert!(top > 0.9, "{file}: {top}");
    }
}
