//! Raster images: values and orientation.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use octrls_core::scan::Pattern;
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
