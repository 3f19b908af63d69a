//! Files that are truncated, state a wrong size, or are no scans at all.

use std::path::Path;

use image::{DynamicImage, ImageFormat};
use octrls_readers as scan;
use octrls_readers::ReadOptions;

use super::{
    Folder, error_code,
    raster::{encode, grey_image},
    read,
};

const FORMATS: [ImageFormat; 4] = [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Jpeg, ImageFormat::Bmp];

/// An image that compresses badly.
fn rough_image() -> DynamicImage {
    let mut state = 1u32;
    let mut image = grey_image(24, 17).to_luma8();
    for pixel in image.pixels_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        pixel.0[0] = (state >> 24) as u8;
    }
    image.into()
}

#[test]
fn truncated_files_fail_or_lose_no_pixel() {
    let folder = Folder::new();
    for image in [rough_image(), rough_image().to_rgb8().into()] {
        for format in FORMATS {
            let complete = encode(&image, format);
            let (_, all) = read(&folder.file("complete", &complete)).unwrap();
            for keep in 0..complete.len() {
                let path = folder.file("cut", &complete[..keep]);
                match read(&path) {
                    Ok((_, bscan)) => {
                        assert_eq!(bscan, all, "{format:?} cut to {keep} of {} bytes", complete.len());
                        assert_ne!(format, ImageFormat::Jpeg, "a JPEG ends with its end marker");
                    }
                    Err(error) => {
                        let code = error.code().as_str();
                        let expected = match keep {
                            0 => code == "E-READ-EMPTY",
                            1..8 => ["E-READ-FORMAT", "E-READ-TRUNCATED"].contains(&code),
                            _ if format == ImageFormat::Jpeg => code == "E-READ-TRUNCATED",
                            _ => ["E-READ-TRUNCATED", "E-READ-MALFORMED"].contains(&code),
                        };
                        assert!(expected, "{format:?} cut to {keep} of {} bytes: {code}, {error}", complete.len());
                        assert!(!error.is_transient());
                    }
                }
            }
        }
    }
}

#[test]
fn other_files_are_rejected() {
    let folder = Folder::new();
    let zeros = [0; 5000];
    let files: [(&str, &[u8]); 9] = [
        ("report.pdf", b"%PDF-1.7\n1 0 obj\n"),
        ("notes.txt", b"OD 3.87 um\n"),
        ("page.png", b"<!DOCTYPE html><html></html>"),
        ("zeros.vol", &zeros),
        ("a.gif", b"GIF89a\x01\0\x01\0\0\0\0;"),
        ("a.webp", b"RIFF\x1a\0\0\0WEBPVP8L"),
        ("a.dcm", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0DICM"),
        ("one.png", b"\x89"),
        ("a.zip", b"PK\x03\x04"),
    ];
    for (name, bytes) in files {
        assert_eq!(error_code(&folder.file(name, bytes)), "E-READ-FORMAT", "{name}");
    }
    assert_eq!(error_code(&folder.file("empty.png", b"")), "E-READ-EMPTY");
}

/// A PNG that declares a size and holds almost nothing; the header's checksum is correct.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(&grey_image(4, 4), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = u32::MAX;
    for &byte in &bytes[12..29] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

/// A BMP that declares a size.
fn bmp_of(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = encode(&grey_image(4, 4), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&width.to_le_bytes());
    bytes[22..26].copy_from_slice(&height.to_le_bytes());
    bytes
}

/// A TIFF that declares a size.
fn tiff_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(&grey_image(4, 4), ImageFormat::Tiff);
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(bytes[directory..directory + 2].try_into().unwrap()));
    for entry in 0..entries {
        let at = directory + 2 + 12 * entry;
        let value = match u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()) {
            256 => width,
            257 => height,
            _ => continue,
        };
        bytes[at + 2..at + 4].copy_from_slice(&4u16.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A JPEG that declares a size.
fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = encode(&grey_image(4, 4), ImageFormat::Jpeg);
    let frame = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn huge_declared_sizes_are_rejected_before_allocation() {
    let folder = Folder::new();
    let check = |name: &str, bytes: &[u8]| {
        let error = scan::open(&folder.file(name, bytes), ReadOptions::default()).err();
        let code = error.map(|e| e.code().as_str());
        assert!(
            matches!(code, Some("E-READ-TOO-LARGE" | "E-READ-UNSUPPORTED" | "E-READ-MALFORMED")),
            "{name}: {code:?}"
        );
    };
    assert_eq!(error_code(&folder.file("a.png", &png_of(60_000, 60_000))), "E-READ-TOO-LARGE");
    assert_eq!(error_code(&folder.file("a.bmp", &bmp_of(60_000, 60_000))), "E-READ-TOO-LARGE");
    check("b.png", &png_of(i32::MAX as u32, i32::MAX as u32));
    check("c.png", &png_of(32_768, 2049));
    check("d.png", &png_of(u32::MAX, 1));
    check("b.bmp", &bmp_of(i32::MAX, i32::MAX));
    check("c.bmp", &bmp_of(-5, 4));
    check("d.bmp", &bmp_of(40_000, i32::MIN));
    check("a.tif", &tiff_of(60_000, 60_000));
    check("b.tif", &tiff_of(u32::MAX, u32::MAX));
    check("a.jpg", &jpeg_of(60_000, 60_000));
}

#[test]
fn sizes_within_the_limits_without_pixels_are_rejected() {
    let folder = Folder::new();
    for (name, bytes) in [("a.png", png_of(8000, 8000)), ("a.bmp", bmp_of(8000, 8000)), ("a.tif", tiff_of(8000, 8000))]
    {
        let code = error_code(&folder.file(name, &bytes));
        assert!(["E-READ-TRUNCATED", "E-READ-MALFORMED"].contains(&code), "{name}: {code}");
    }
}

#[test]
fn frames_too_small_for_a_bscan_are_rejected() {
    let folder = Folder::new();
    for (width, height) in [(1, 1), (1, 500), (500, 1)] {
        for format in FORMATS {
            let path = folder.file("a", &encode(&grey_image(width, height), format));
            assert_eq!(error_code(&path), "E-READ-MALFORMED", "{format:?} {width} x {height}");
        }
    }
    for bytes in [png_of(0, 0), png_of(0, 9), bmp_of(0, 4), bmp_of(4, 0), tiff_of(0, 4), jpeg_of(0, 0)] {
        let code = error_code(&folder.file("a", &bytes));
        assert!(["E-READ-MALFORMED", "E-READ-TRUNCATED", "E-READ-UNSUPPORTED"].contains(&code), "{code}");
    }
}

#[test]
fn folders_and_missing_files_are_rejected() {
    let folder = Folder::new();
    let missing = error_code(&folder.0.path().join("missing.png"));
    assert_eq!(missing, "E-READ-IO");
    assert_eq!(error_code(Path::new("")), "E-READ-IO");
    let inner = folder.0.path().join("folder.png");
    std::fs::create_dir(&inner).unwrap();
    assert_eq!(error_code(&inner), "E-READ-UNSUPPORTED");
}

#[test]
fn unreadable_file_is_a_transient_error() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let path = folder.file("a.png", &encode(&grey_image(4, 4), ImageFormat::Png));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
    if std::fs::read(&path).is_ok() {
        octrls_testing::missing("unreadable_file_is_a_transient_error", "an unprivileged user");
        return;
    }
    let error = scan::open(&path, ReadOptions::default()).err().unwrap();
    assert_eq!(error.code().as_str(), "E-READ-IO");
    assert!(error.is_transient());
}

#[test]
fn device_is_rejected_without_blocking() {
    assert_eq!(error_code(Path::new("/dev/zero")), "E-READ-UNSUPPORTED");
}

#[test]
fn symbolic_link_is_followed() {
    let folder = Folder::new();
    let path = folder.file("a.png", &encode(&grey_image(4, 4), ImageFormat::Png));
    let link = folder.0.path().join("link.png");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(read(&link).unwrap().1, read(&path).unwrap().1);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error_code(&link), "E-READ-IO");
}
