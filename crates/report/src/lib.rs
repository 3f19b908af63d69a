//! Results on disk: one folder per scan, published atomically.
//!
//! | file | content |
//! | --- | --- |
//! | `boundaries.csv` | row of every boundary in every A-scan, on the scan's own pixel grid |
//! | `uncertainty.csv` | their standard deviations |
//! | `thickness.csv` | thickness of every layer in every A-scan |
//! | `mask.png` | index mask, 8 bit, in the scan's size; `mask-NNN.png` for each B-scan of a volume |
//! | `overlay.png` | the scan with its boundaries, lesions and a legend; `overlay-NNN.png` for each B-scan of a volume |
//! | `lesions.png`, `lesions.csv` | index mask of lesions as `mask.png`; their areas and heights |
//! | `etdrs.csv`, `thickness-maps.png` | volumes only: thickness in the ETDRS subfields; maps of every layer |
//! | `lesion_volumes.csv` | volumes only: volumes of lesions in the ETDRS subfields and circles |
//! | `report.pdf` | a readable summary of one or more pages |
//! | `surfaces.dcm`, `measures.dcm`, `report.dcm` | DICOM scans only: the same as objects of the scan's study |
//! | `result.json` | everything about the result; see `docs/result.md` |

mod device;
mod dicom;
mod drawing;
mod error;
mod export;
mod findings;
#[cfg(test)]
mod fixtures;
mod images;
mod lesions;
mod pages;
mod pdf;
mod record;
mod scan_findings;
mod series;
mod staging;
mod summarise;
mod summary;
mod tables;
mod visits;
mod writer;

pub use device::DeviceFindings;
pub use dicom::DicomResults;
pub use error::OutputError;
pub use export::{Export, ExportError, is_result};
pub use images::{Pictures, overlay, viridis};
pub use record::{ModelRecord, RESULT_SCHEMA, ScanRecord};
pub use series::SeriesFolder;
pub use staging::{Cancelled, RESULT_FILE, StagedFolder, Staging};
pub use summary::{CoveredVolume, LesionSummary, ScanSummary};
pub use visits::EyeVisits;
pub use writer::{ResultWriter, ScanContext};
