//! A folder of images as one volume: one image per B-scan.

use std::path::PathBuf;

use octrls_core::scan::{BScan, Pattern, ScanHeader};

use super::Raster;
use crate::{ReadError, ScanReader, dimensions::MAX_BSCANS, header_ext::HeaderExt as _, sidecar::Hints};

/// The images of a folder, each read on demand.
pub(crate) struct ImageFolder {
    header: ScanHeader,
    images: Vec<PathBuf>,
}

impl ImageFolder {
    pub(crate) fn open(images: Vec<PathBuf>, hints: &Hints) -> Result<Self, ReadError> {
        if images.len() as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("too many images in one folder: {}", images.len())));
        }
        let mut header: Option<ScanHeader> = None;
        for image in &images {
            let own = Raster::recognise(image, hints)?.header().clone();
            let first = header.get_or_insert_with(|| own.clone());
            if own.bscans > 1 {
                return Err(ReadError::Unsupported("a multi-page image in a folder of B-scans".to_owned()));
            }
            if (own.width, own.height) != (first.width, first.height) {
                return Err(ReadError::Unsupported("images of different sizes in a folder of B-scans".to_owned()));
            }
        }
        let header = header.ok_or_else(|| ReadError::Unsupported("a folder without images".to_owned()))?;
        let pattern = if images.len() == 1 { header.pattern } else { Pattern::Unknown };
        let header = ScanHeader { format: "image folder".into(), bscans: images.len(), pattern, ..header };
        Ok(Self { header: header.with_sidecar_layout(hints), images })
    }
}

impl ScanReader for ImageFolder {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let bscan = Raster::recognise(&self.images[index], &Hints::default())?.bscan(0)?;
        if (bscan.width, bscan.height) == (self.header.width, self.header.height) {
            Ok(bscan)
        } else {
            Err(ReadError::Malformed(format!("the image of B-scan {index} changed its size")))
        }
    }
}
