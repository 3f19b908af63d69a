//! Heidelberg export folders written by the tests.

use std::path::PathBuf;

use octrls_core::{
    layer::Boundary,
    scan::{BScanPosition, Eye, Note, Pattern, Place},
};
use octrls_readers as scan;
use octrls_readers::{ReadError, ReadOptions};

use super::{Folder, error_code, expected_subject, subject};

const WIDTH: u32 = 6;
const HEIGHT: u32 = 9;

/// An export of three B-scans and a fundus image; `edit` may change the text.
pub(super) struct Export {
    pub(super) folder: Folder,
    pub(super) xml: PathBuf,
}

fn image(number: u32, kind: &str, file: &str) -> String {
    let y = 5.0 - 0.25 * f64::from(number);
    let place =
        format!("<Start><Coord><X>1.0</X><Y>{y}</Y></Coord></Start><End><Coord><X>1.066</X><Y>{y}</Y></Coord></End>");
    let place = if kind == "OCT" { place } else { String::new() };
    let lines = "<Segmentation><SegLine><Name>ILM</Name><Array>2 2 2.5 3e+038 2 2</Array></SegLine>\
        <SegLine><Name>BM</Name><Array>7 7 7 7</Array></SegLine><SegLine><Name>PR1</Name><Array>5 5 5 5 5 5</Array>\
        </SegLine></Segmentation>";
    format!(
        "<Image><ImageNumber>{number}</ImageNumber><ImageType><Type>{kind}</Type></ImageType>\
         <OphthalmicAcquisitionContext><Width>{WIDTH}</Width><Height>{HEIGHT}</Height><ScaleX>0.011</ScaleX>\
         <ScaleY>0.00387</ScaleY><ImageQuality>27</ImageQuality>{place}</OphthalmicAcquisitionContext><ImageData>\
         <ExamURL>file:///\\\\server\\share\\..\\export\\{file}</ExamURL></ImageData>{lines}</Image>"
    )
}

pub(super) fn text() -> String {
    // Listed out of order.
    let images = [
        image(0, "LOCALIZER", "NIR1.TIF"),
        image(3, "OCT", "B3.tif"),
        image(1, "OCT", "B1.tif"),
        image(2, "OCT", "B2.tif"),
    ];
    format!(
        "<HEDX><BODY><Patient><LastName>M\u{fc}ller</LastName><Study><Series><Type>Volume</Type>\
         <Laterality>L</Laterality>{}</Series></Study></Patient></BODY></HEDX>",
        images.concat()
    )
}

pub(super) fn export(text: &str) -> Export {
    let folder = Folder::new();
    for (name, grey) in [("nir1.tif", 10_u8), ("B1.tif", 50), ("b2.tif", 100), ("B3.tif", 150)] {
        let picture = image::GrayImage::from_pixel(WIDTH, HEIGHT, image::Luma([grey]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Tiff).unwrap();
        folder.file(name, &bytes.into_inner());
    }
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let xml = folder.file("export.xml", &latin);
    Export { folder, xml }
}

#[test]
fn export_is_a_volume_in_number_order() {
    let export = export(&text());
    let mut reader = scan::open(&export.xml, ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert_eq!((header.bscans, header.width, header.height), (3, WIDTH as usize, HEIGHT as usize));
    assert_eq!((header.eye, header.pattern), (Some(Eye::Left), Pattern::RasterVolume));
    assert!((header.axial.unwrap().um - 3.87).abs() < 1e-9 && (header.lateral.unwrap().um - 11.0).abs() < 1e-9);
    let at = |x, y| Place { x, y };
    assert_eq!(header.tracks[1], BScanPosition::Line { start: at(1.0, 4.5), end: at(1.066, 4.5) });
    let greys = [0, 1, 2].map(|i| (reader.bscan(i).unwrap().intensity[0] * 255.0).round() as u8);
    assert_eq!(greys, [50, 100, 150]);
    assert!(matches!(reader.bscan(3), Err(ReadError::NoSuchBScan { index: 3, count: 3 })));
    assert_eq!(reader.fundus().unwrap().map(|f| f.pixels[0]), Some(10));
    let (parts, folder) = (scan::parts(&export.xml), export.xml.parent().unwrap());
    let listed = ["B1.tif", "b2.TIF", "sub/nir1.tif"].map(|name| parts.contains(&folder.join(name)));
    assert_eq!(listed, [true; 3]);
    let others = ["B4.tif", "sub/sub/B1.tif"].map(|name| parts.contains(&folder.join(name)));
    assert_eq!(others, [false; 2]);
    assert!(!parts.contains(&folder.with_file_name("B1.tif")));
}

#[test]
fn encodings_commas_and_percent_encoded_names_are_read() {
    let plain = text();
    let utf_16 = |unit: fn(u16) -> [u8; 2], mark: bool| {
        let text = format!("{}<?xml version=\"1.0\" encoding=\"utf-16\"?>{plain}", if mark { "\u{feff}" } else { "" });
        text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
    };
    let commas = plain.replace("0.011", "0,011").replace("0.00387", "0,00387").replace("2.5", "2,5");
    let commas = commas.replace("1.066", "1,066").replace("1.0<", "1,0<");
    let named = plain.replace("B1.tif", "B%31.tif");
    for bytes in [
        utf_16(u16::to_le_bytes, true),
        utf_16(u16::to_be_bytes, true),
        utf_16(u16::to_le_bytes, false),
        utf_16(u16::to_be_bytes, false),
        commas.into_bytes(),
        named.into_bytes(),
    ] {
        let export = export(&plain);
        std::fs::write(&export.xml, &bytes).unwrap();
        let mut reader = scan::open(&export.xml, ReadOptions::default()).unwrap();
        assert_eq!(reader.header().bscans, 3);
        assert!((reader.header().lateral.unwrap().um - 11.0).abs() < 1e-9);
        assert_eq!(reader.device_boundaries(0).unwrap()[0].1[2], Some(2.5));
        let parts = scan::parts(&export.xml);
        assert!(["B1.tif", "B2.tif", "NIR1.tif"].iter().all(|name| parts.contains(&export.xml.with_file_name(name))));
    }
}

#[test]
fn images_beside_a_broken_export_are_no_scans() {
    let export = export(&text());
    let half = text();
    std::fs::write(&export.xml, &half[..half.len() / 2]).unwrap();
    let parts = scan::parts(&export.xml);
    assert!(
        parts.contains(&export.xml.with_file_name("B1.tif")) && parts.contains(&export.xml.with_file_name("x.png"))
    );
    assert!(!parts.contains(&export.xml.with_file_name("other.vol")));
}

#[test]
fn an_export_in_utf_16_is_one_scan() {
    let Some(cases) = super::cases() else { return };
    let xml = cases.join("heyex_xml_utf16/export.xml");
    let mut reader = scan::open(&xml, ReadOptions::default()).unwrap();
    let header = reader.header().clone();
    assert!(header.bscans > 1 && header.eye.is_some() && header.lateral.is_some(), "{header:?}");
    reader.bscan(0).unwrap();
    let parts = scan::parts(&xml);
    let tiffs = std::fs::read_dir(xml.parent().unwrap()).unwrap().map(|e| e.unwrap().path());
    assert!(tiffs.filter(|p| p.extension().is_some_and(|e| e == "tif")).all(|p| parts.contains(&p)));
}

#[test]
fn device_boundaries_need_a_row_per_ascan() {
    let export = export(&text());
    let mut reader = scan::open(&export.xml, ReadOptions::default()).unwrap();
    let lines = reader.device_boundaries(0).unwrap();
    assert_eq!(reader.device_signal_db(0).unwrap(), Some(27.0));
    assert_eq!(lines, [(Boundary::Ilm, vec![Some(2.0), Some(2.0), Some(2.5), None, Some(2.0), Some(2.0)])]);
}

#[test]
fn missing_images_are_an_error_unless_allowed() {
    let export = export(&text());
    std::fs::remove_file(export.folder.0.path().join("b2.tif")).unwrap();
    let error = scan::open(&export.xml, ReadOptions::default()).err().expect("a refusal");
    assert!(matches!(error, ReadError::Incomplete { present: 2, listed: 3 }) && error.is_transient(), "{error}");
    assert_eq!(error.code().as_str(), "E-READ-INCOMPLETE");
    let allowed = ReadOptions { allow_missing: true, ..ReadOptions::default() };
    let reader = scan::open(&export.xml, allowed).unwrap();
    assert_eq!((reader.header().bscans, reader.header().tracks.len()), (2, 2));
    assert_eq!(reader.header().notes, [Note::BscansMissing { missing: 1, listed: 3 }]);
}

#[test]
fn images_outside_the_export_folder_are_ignored() {
    let outside = text().replace("\\share\\..\\export\\B1.tif", "\\..\\..\\..\\etc\\passwd");
    let export = export(&outside);
    assert!(matches!(
        scan::open(&export.xml, ReadOptions::default()),
        Err(ReadError::Incomplete { present: 2, listed: 3 })
    ));
}

#[test]
fn contradictory_files_are_rejected() {
    let changed = |from: &str, to: &str| {
        let export = export(&text().replacen(from, to, 1));
        let read = |options| scan::open(&export.xml, options).and_then(|mut r| r.bscan(2).map(|_| ()));
        read(ReadOptions::default()).err().map(|e| e.code().as_str())
    };
    assert_eq!(changed("<Width>6", "<Width>6"), None);
    let b3 = "<ImageNumber>3</ImageNumber><ImageType><Type>OCT</Type></ImageType><OphthalmicAcquisitionContext><Width>";
    for (from, to, code) in [
        (format!("{b3}6"), format!("{b3}7"), "E-READ-UNSUPPORTED"),
        (format!("{b3}6"), format!("{b3}-1"), "E-READ-UNSUPPORTED"),
        (format!("{b3}6</Width>"), b3.replace("<Width>", ""), "E-READ-MALFORMED"),
        (
            "</Series>".to_owned(),
            format!("</Series><Series>{}</Series>", image(1, "OCT", "B1.tif")),
            "E-READ-UNSUPPORTED",
        ),
        ("</Study>".to_owned(), String::new(), "E-READ-MALFORMED"),
    ] {
        assert_eq!(changed(&from, &to), Some(code), "{to}");
    }
}

#[test]
fn entities_and_other_xml_are_rejected() {
    let folder = Folder::new();
    let bomb = "<HEDX><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><BODY>&b;</BODY></HEDX>";
    assert_eq!(error_code(&folder.file("a.xml", bomb.as_bytes())), "E-READ-MALFORMED");
    assert_eq!(error_code(&folder.file("b.xml", b"<html><body/></html>")), "E-READ-FORMAT");
    assert_eq!(error_code(&folder.file("c.xml", b"<HEDX><BODY><Series/></BODY></HEDX>")), "E-READ-MALFORMED");
    let other = folder.file("d.xml", b"<svg/>");
    assert!(!scan::parts(&other).contains(&other.with_file_name("B1.tif")));
}

#[test]
fn deeply_nested_elements_are_rejected() {
    let deep = format!("<HEDX>{}", "<a>".repeat(1_000_000));
    assert_eq!(error_code(&Folder::new().file("a.xml", deep.as_bytes())), "E-READ-MALFORMED");
    let closed = format!("<HEDX>{}{}</HEDX>", "<a>".repeat(900_000), "</a>".repeat(900_000));
    assert_eq!(error_code(&Folder::new().file("a.xml", closed.as_bytes())), "E-READ-MALFORMED");
}

#[test]
fn subject_has_patient_and_time_of_the_first_image() {
    let date = "<StudyDate><Date><Year>2026</Year><Month>01</Month><Day>02</Day></Date></StudyDate>";
    let time = "<AcquisitionTime><Time><Hour>9</Hour><Minute>5</Minute><Second>7.25</Second></Time></AcquisitionTime>";
    let of = |patient: &str, date: &str, time: &str| {
        let text = text().replace("<Patient>", &format!("<Patient>{patient}"));
        let text = text.replace("<Study>", &format!("<Study>{date}"));
        subject(&export(&text.replacen("<ImageType>", &format!("{time}<ImageType>"), 1)).xml)
    };
    let patient = "<PatientID>P-1</PatientID>";
    assert_eq!(of(patient, date, time), Some(expected_subject("", "P-1", "2026-01-02T09:05:07")));
    assert_eq!(of(patient, date, ""), Some(expected_subject("", "P-1", "2026-01-02T00:00:00")));
    assert_eq!(of(patient, &date.replace("01<", "13<"), time), None);
    assert_eq!(of(patient, "", time), None);
    assert_eq!(of("", date, time), None);
}
