//! Small valid files: seeds of the fuzz targets and of the tests with corrupted bytes.

use image::ImageFormat;

use octrls_testing::e2e;

use super::{
    heyex,
    raster::{encode, grey_image},
    raw, topcon,
    vol::Vol,
};

/// Files that are recognised by content alone, each with its fuzz target.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let image = grey_image(12, 9);
    let mut files: Vec<_> = [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Jpeg, ImageFormat::Bmp]
        .map(|f| ("raster", encode(&image, f)))
        .into();
    files.push(("raster", encode(&image.to_rgba16().into(), ImageFormat::Png)));
    files.push(("raster", encode(&image.to_rgb8().into(), ImageFormat::Tiff)));
    files.push(("vol", Vol::default().bytes()));
    files.push(("topcon", topcon::fda(2)));
    files.push(("topcon", topcon::fds()));
    files.push(("topcon", topcon::with_pictures()));
    files.push(("e2e", e2e::volume()));
    files.push(("e2e", super::e2e::with_angle()));
    files.push(("bioptigen", raw::bioptigen("", 0)));
    {
        use super::dicom::{jpeg, jpeg_2000, jpeg_ls, native, on_fundus, rle};
        files.extend([native(), jpeg_2000(), rle(), jpeg(), jpeg_ls(), on_fundus()].map(|bytes| ("dicom", bytes)));
    }
    files
}

/// Seeds of targets whose input is not the file itself: a name and its content, an XML beside images, a sidecar.
fn others() -> Vec<(&'static str, Vec<u8>)> {
    let named = |name: &str, bytes: usize| [name.as_bytes(), &[0], &vec![7; bytes]].concat();
    let mut xml = heyex::text();
    for (from, to) in [("B1.tif", "1.bmp"), ("B2.tif", "2.bmp"), ("B3.tif", "0.bmp")] {
        xml = xml.replace(from, to);
    }
    let xml = xml.replace("<Width>6<", "<Width>4<").replace("<Height>9<", "<Height>3<");
    vec![
        ("cirrus", named("P_Macular Cube 2x2_3-20-2019_OS_sn1_cube_raw", 4096)),
        ("cirrus", named("P_Cube 4x3_OD_z", 4 * 3 * 1024)),
        ("heyex", xml.clone().into_bytes()),
        ("heyex", xml.replace("HEDX", "BODY").into_bytes()),
        ("sidecar", b"axial_um = 3.87 # Spectralis\nlateral_um = 11.3\neye = \"OS\"\num_per_degree = 293.3\n".to_vec()),
    ]
}

#[test]
#[ignore = "writes the first inputs of the fuzz targets"]
fn write_fuzz_corpora() {
    let corpus = octrls_testing::project().join("fuzz/corpus");
    for (number, (target, bytes)) in files().into_iter().chain(others()).enumerate() {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{number}")), bytes).unwrap();
    }
}
