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
//! | `difference-map.png` | the change since the previous visit of the eye |
//! | `etdrs.csv`, `thickness-maps.png` | volumes only: thickness in the ETDRS subfields; maps of every layer |
//! | `lesion_volumes.csv` | volumes only: volumes of lesions in the ETDRS subfields and circles |
//! | `index.html` | volumes only: verdict, findings, links and a contact sheet of the B-scans |
//! | `report.pdf` | a readable summary of one or more pages |
//! | `surfaces.dcm`, `measures.dcm`, `report.dcm` | DICOM scans only: the same as objects of the scan's study |
//! | `result.json` | everything about the result; see `docs/result.md` |

mod correction;
mod device;
mod dicom;
mod drawing;
mod error;
mod export;
mod findings;
#[cfg(test)]
mod fixtures;
mod images;
mod index_page;
mod lesions;
mod pages;
mod pdf;
mod record;
mod series;
mod staging;
mod stored;
mod summarise;
mod summary;
mod tables;
mod verdict;
mod visits;
mod writer;

pub use correction::{CorrectedExtent, CorrectionRecord, MACHINE_LINES_FILE, corrected_extents, corrected_mask};
pub use device::DeviceFindings;
pub use dicom::{DicomResults, EarlierResult};
pub use error::OutputError;
pub use export::{
    Column, ContactSheet, Export, ExportError, EyePatient, EyeRow, EyeTable, FhirBundle, PatientIdentity, ScanIdentity,
    is_result, is_result_of, patient_identity, write_dictionary,
};
pub use images::{Pictures, overlay, viridis};
pub use record::{ModelRecord, RESULT_SCHEMA, ScanRecord};
pub use series::SeriesFolder;
pub use staging::{Cancelled, DiscardedFolder, RESULT_FILE, REVIEW_FILE, StagedFolder, Staging, holds_results};
pub use stored::{
    BScanLines, Grid, LineStretch, StoredCriterion, StoredError, StoredResult, TableError, read_boundary_table,
    with_stretches,
};
pub use summary::{CoveredVolume, LesionSummary, ScanSummary};
pub use verdict::verdict_of;
pub use visits::EyeVisits;
pub use writer::{ReportOptions, ResultWriter, ScanContext};
