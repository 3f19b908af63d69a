//! Results on disk: one folder per scan, published atomically.
//!
//! | file | content |
//! | --- | --- |
//! | `boundaries.csv` | row of every boundary in every A-scan, on the scan's own pixel grid |
//! | `uncertainty.csv` | their standard deviations |
//! | `thickness.csv` | thickness of every layer in every A-scan |
//! | `mask.png` | index mask, 8 bit, in the scan's size; `mask-NNN.png` for each B-scan of a volume |
//! | `overlay.png` | the scan with its boundaries and a legend; `overlay-NNN.png` for each B-scan of a volume |
//! | `etdrs.csv`, `thickness-maps.png` | volumes only: thickness in the ETDRS subfields; maps of every layer |
//! | `report.pdf` | a readable summary of one or more pages |
//! | `surfaces.dcm`, `measures.dcm`, `report.dcm` | DICOM scans only: the same as objects of the scan's study |
//! | `result.json` | everything about the result; see `docs/result.md` |

mod canvas;
mod circle_page;
mod dicom;
mod error;
mod export;
mod follow_up_page;
mod localizer;
mod maps;
mod overlay;
mod page;
mod pictures;
mod record;
mod report;
mod series;
mod staging;
mod summary;
mod tables;
mod visits;
mod volume_page;
mod writer;

pub use dicom::DicomResults;
pub use error::OutputError;
pub use export::{Export, ExportError, is_result};
pub use maps::viridis;
pub use overlay::overlay;
pub use pictures::Pictures;
pub use record::{ModelRecord, RESULT_SCHEMA, ScanRecord};
pub use series::SeriesFolder;
pub use staging::{Cancelled, RESULT_FILE, StagedFolder, Staging};
pub use summary::ScanSummary;
pub use visits::EyeVisits;
pub use writer::{DeviceFindings, ResultWriter, ScanContext};
