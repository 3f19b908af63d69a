//! A folder of images as one volume: one image per B-scan.

use std::path::PathBuf;

use octrls_core::scan::{BScan, Crop, Pattern, ScanHeader};
use octrls_fs::within::Within;

use super::{Raster, RasterFile};
use crate::{ReadError, ScanReader, dimensions::MAX_BSCANS, header_ext::HeaderExt as _, sidecar::Hints};

/// The images of a folder, each read on demand.
pub(crate) struct ImageFolder {
    header: ScanHeader,
    crop: Option<Crop>,
    images: Vec<PathBuf>,
    within: Within,
}

impl ImageFolder {
    pub(crate) fn open(images: Vec<PathBuf>, within: &Within, hints: &Hints) -> Result<Self, ReadError> {
        if images.len() as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("too many images in one folder: {}", images.len())));
        }
        let Some(first) = images.first() else {
            return Err(ReadError::Unsupported("a folder without images".to_owned()));
        };
        let mut size = None;
        for image in &images {
            let file = RasterFile::recognise(image, within)?;
            if file.pages.len() > 1 {
                return Err(ReadError::Unsupported("a multi-page image in a folder of B-scans".to_owned()));
            }
            let own = file.size()?;
            if *size.get_or_insert(own) != own {
                return Err(ReadError::Unsupported("images of different sizes in a folder of B-scans".to_owned()));
            }
        }
        let first = Raster::recognise(first, within, hints)?;
        let (crop, header) = (first.crop(), first.header().clone());
        let pattern = if images.len() == 1 { header.pattern } else { Pattern::Unknown };
        let header = ScanHeader { format: "image folder".into(), bscans: images.len(), pattern, ..header };
        Ok(Self { header: header.with_sidecar_layout(hints), crop, images, within: within.clone() })
    }
}

impl ScanReader for ImageFolder {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let mut image = Raster::recognise(&self.images[index], &self.within, &Hints::default())?;
        let bscan = image.bscan(0)?;
        if image.crop() != self.crop {
            return Err(ReadError::Composite("its images show their B-scans in different places".to_owned()));
        }
        if (bscan.width, bscan.height) == (self.header.width, self.header.height) {
            Ok(bscan)
        } else {
            Err(ReadError::Malformed(format!("the image of B-scan {index} changed its size")))
        }
    }

    fn crop(&self) -> Option<Crop> {
        self.crop
    }
}
