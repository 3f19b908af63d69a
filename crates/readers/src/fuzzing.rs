//! Fuzz targets of what has no file format of its own: codestreams of JPEG 2000, XML, intensities of DICOM, pictures of
//! several panels, patterns for names. The input must be rejected or give something valid.

#![allow(clippy::unwrap_used, reason = "a failure here is a bug for the fuzzer to find")]

use std::path::Path;

use octrls_core::scan::{BScan, Layout, layout};

pub use crate::dicom::intensity::fuzzing::intensity;
use crate::{NamePattern, ReadError, codec::j2k, xml};

/// Maximum pixels to decode; larger pictures are slow without being wrong.
const MAX_PIXELS: u32 = 1 << 20;

fn assert_has_words(error: &ReadError) {
    assert!(!error.to_string().is_empty() && error.code().as_str().starts_with("E-READ-"));
}

/// Decodes a codestream, in the size that it declares itself.
///
/// # Panics
/// If the result is invalid.
pub fn jpeg_2000(bytes: &[u8]) {
    let side = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes(b.try_into().unwrap()));
    let (Some(width), Some(height), Some(left), Some(top)) = (side(8), side(12), side(16), side(20)) else { return };
    let (width, height) = (width.saturating_sub(left), height.saturating_sub(top));
    if width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        return;
    }
    match j2k::decode(bytes, width as usize, height as usize) {
        Ok(bscan) => assert!(bscan.intensity.len() == bscan.width * bscan.height),
        Err(error) => assert_has_words(&error),
    }
}

/// Parses XML.
///
/// # Panics
/// If an error has no words.
pub fn parse_xml(bytes: &[u8]) {
    if let Err(error) = xml::parse(&String::from_utf8_lossy(bytes)) {
        assert_has_words(&error);
    }
}

/// Finds the panels of a picture: its width less one in the first two bytes, then its grey values.
///
/// # Panics
/// If a panel is not within the picture.
pub fn panels(bytes: &[u8]) {
    let Some((size, pixels)) = bytes.split_first_chunk::<2>() else { return };
    let width = usize::from(u16::from_le_bytes(*size)) + 1;
    let height = pixels.len() / width;
    let intensity = pixels[..width * height].iter().map(|&v| f32::from(v) / 255.0).collect();
    let picture = BScan { width, height, intensity };
    if let Layout::Panel(crop) = layout(&picture) {
        let panel = crop.of(&picture);
        assert!(panel.intensity.len() == crop.width * crop.height && !panel.intensity.is_empty());
    }
}

/// Reads a name by a pattern; a zero byte separates them.
///
/// # Panics
/// If an error has no words.
pub fn name_pattern(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, name) = text.split_once('\0').unwrap_or((&text, ""));
    match pattern.parse::<NamePattern>() {
        Ok(pattern) => drop(pattern.read(Path::new(name))),
        Err(error) => assert!(!error.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::phantom::{Phantom, PhantomOptions};
    use octrls_testing::{Target, assert_never_panics, pictures, write_corpora};

    /// A fundus image beside a B-scan, both reduced.
    fn window() -> Vec<u8> {
        let bscan = Phantom::generate(&PhantomOptions::spectralis(), 1).bscan;
        let (side, step) = (bscan.height / 2, 2);
        let fundus = pictures::fundus(side);
        let row = |y: usize| {
            let bscan = bscan.intensity[step * y * bscan.width..].iter().step_by(step).take(bscan.width / step);
            fundus[y * side..(y + 1) * side].iter().chain(bscan).map(|v| (v * 255.0) as u8).collect::<Vec<_>>()
        };
        let width = (side + bscan.width / step - 1) as u16;
        [width.to_le_bytes().to_vec(), (0..side).flat_map(row).collect()].concat()
    }

    fn codestreams() -> Vec<Vec<u8>> {
        vec![crate::codec::j2k::sample()]
    }

    fn texts() -> Vec<Vec<u8>> {
        let export =
            "<?xml version='1.0'?><HEDX><BODY><!-- a --><Patient a='1' b=\"2\"><Series/></Patient></BODY></HEDX>";
        vec![export.into(), "<OME xmlns:x='u'><Pixels PhysicalSizeX=\"1\"/><![CDATA[<a>]]></OME>".into()]
    }

    fn names() -> Vec<Vec<u8>> {
        vec![
            b"{patient}_{eye}_{date}\0P12_OS_2026-01-31.png".to_vec(),
            b"{patient}/{date}_{eye}\0P12/20260131_OD.dcm".to_vec(),
            b"{*}-{axial_um}\0a-b-3.87.tif".to_vec(),
        ]
    }

    const TARGETS: [Target; 5] = [
        ("intensity", super::intensity, crate::dicom::intensity::fuzzing::samples),
        ("jpeg_2000", super::jpeg_2000, codestreams),
        ("xml", super::parse_xml, texts),
        ("panels", super::panels, || vec![window()]),
        ("name_pattern", super::name_pattern, names),
    ];

    #[test]
    fn seeds_and_changed_seeds_are_rejected_or_valid() {
        assert_never_panics(&TARGETS);
    }

    #[test]
    #[ignore = "writes the first inputs of the fuzz targets"]
    fn write_fuzz_corpora() {
        write_corpora(&TARGETS);
    }
}
