//! `report.pdf`: a page for a B-scan, two for a volume, one for a circle, one for the follow-up, and one for the fundus if
//! the first page has no room for it. Each names scan, eye and date.

mod asymmetry_page;
mod bscan_page;
mod bscans_page;
mod circle_page;
mod follow_up_page;
mod headline;
mod layout;
mod lesion_table;
mod localizer;
mod map_sheet;
mod trend_page;
mod volume_page;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use image::RgbImage;
use octrls_core::{scan::Eye, segment::SegmentedBScan};

pub(super) use bscans_page::{Chosen, choose};
pub(super) use headline::headline;
pub(super) use localizer::Localizer;

use self::{
    asymmetry_page::AsymmetryPage,
    bscan_page::BScanPage,
    circle_page::circle_page,
    follow_up_page::follow_up_page,
    layout::{BODY, MARGIN, RIGHT},
    trend_page::trend_page,
    volume_page::volume_page,
};
use crate::{
    images::MapPanel,
    pdf::{Align, HEIGHT, Page, PdfError, Style, digest, pdf, shortened},
    record::ResultRecord,
};

/// The content of the report.
pub(super) struct Report<'a> {
    pub(super) record: &'a ResultRecord<'a>,
    /// The patient's name; `None` leaves a line to write it on.
    pub(super) patient: Option<&'a str>,
    /// The B-scan shown on the first page.
    pub(super) shown: &'a SegmentedBScan,
    /// Further B-scans of a volume with their lines.
    pub(super) chosen: &'a [(Chosen, RgbImage)],
    /// Thickness maps of a volume.
    pub(super) maps: Option<&'a [MapPanel]>,
    /// The fundus image with the B-scans, if the scanner took one.
    pub(super) localizer: Option<Localizer<'a>>,
}

/// A report as a file.
pub(super) struct RenderedReport {
    pub(super) pdf: Vec<u8>,
    /// SHA-256 of everything but the time of its creation.
    pub(super) content_sha256: String,
}

/// Baseline of name, scan, eye and date; left edge and width of the name.
const HEAD_Y: f32 = 36.0;
const NAME_X: f32 = MARGIN + 28.0;
const NAME_WIDTH: f32 = 190.0;
/// Baseline of the time of creation.
const CREATION_TIME_Y: f32 = 58.0;

impl Report<'_> {
    /// Encodes the report as a PDF file.
    ///
    /// # Errors
    /// If the file cannot be encoded.
    pub(super) fn render(&self) -> Result<RenderedReport, PdfError> {
        let localizer = self.localizer.as_ref();
        let first = BScanPage { record: self.record, shown: self.shown, localizer }.draw();
        let mut pages = vec![first.page];
        if let (Some(measures), Some(maps)) = (&self.record.volume, self.maps) {
            let record = self.record;
            let visible = record.choroid_visible;
            pages.push(volume_page(measures, record.reference.as_ref(), record.not_compared, (maps, visible)));
        }
        if let Some(volume) = &self.record.volume {
            let (inter_eye, scaled) = (self.record.inter_eye.as_ref(), self.record.scaled.as_ref());
            let page = AsymmetryPage { volume, inter_eye, scaled };
            pages.extend(page.is_needed().then(|| page.draw()));
        }
        let (compared, reason) = (self.record.circle_reference.as_ref(), self.record.not_compared);
        pages.extend(self.record.circle.as_ref().map(|circle| circle_page(circle, compared, reason, localizer)));
        pages.extend(bscans_page::bscan_pages(self.chosen, self.record.scan.bscans));
        pages.extend(self.record.follow_up.as_ref().map(follow_up_page));
        pages.extend(self.record.follow_up.as_ref().and_then(|follow_up| trend_page(follow_up, self.record.scan.eye)));
        // The page of a circle has the fundus, too.
        let missing = localizer.filter(|_| !first.has_localizer && self.record.circle.is_none());
        pages.extend(missing.map(Localizer::page));
        self.add_footers(&mut pages);
        let content_sha256 = digest(&pages);
        // Last, so that a report that is made again has the same digest.
        if let Some(first) = pages.first_mut() {
            self.add_creation_time(first);
        }
        Ok(RenderedReport { pdf: pdf(pages, "OCT retinal layer report")?, content_sha256 })
    }

    fn add_creation_time(&self, page: &mut Page) {
        let created = self.record.created.strftime("%Y-%m-%d %H:%M UTC").to_string();
        page.text(RIGHT, CREATION_TIME_Y, BODY.quiet(), Align::Right, &format!("report created {created}"));
    }

    /// Scan, eye and date, for the head of every page.
    fn scan_in_words(&self) -> String {
        let scan = self.record.scan;
        let style = Style::of(8.0);
        let eye = match scan.eye {
            Some(Eye::Right) => "right eye (OD)",
            Some(Eye::Left) => "left eye (OS)",
            None => "eye not known",
        };
        let date = scan.acquired.as_deref().and_then(|at| at.split('T').next()).unwrap_or("date not stated");
        format!("{}, {eye}, {date}", shortened(&scan.path, style, 0.5 * (RIGHT - MARGIN)))
    }

    fn add_footers(&self, pages: &mut [Page]) {
        let count = pages.len();
        let scan = self.scan_in_words();
        for (i, page) in pages.iter_mut().enumerate() {
            let y = HEIGHT - 30.0;
            page.rule((MARGIN, y - 12.0), (RIGHT, y - 12.0));
            let note = format!("Research use only, not a medical device. OCT-RLS {}", self.record.octrls);
            page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &note);
            page.text(RIGHT, y, Style::of(8.0).quiet(), Align::Right, &format!("page {} of {count}", i + 1));
            page.text(RIGHT, HEAD_Y, Style::of(8.0).quiet(), Align::Right, &scan);
            page.text(MARGIN, HEAD_Y, Style::of(8.0).quiet(), Align::Left, "Name");
            match self.patient {
                Some(name) => {
                    let name = shortened(name, Style::of(8.0), NAME_WIDTH);
                    page.text(NAME_X, HEAD_Y, Style::of(8.0), Align::Left, &name);
                }
                None => page.rule((NAME_X, HEAD_Y + 2.0), (NAME_X + NAME_WIDTH, HEAD_Y + 2.0)),
            }
        }
    }
}

/// The patient's name in a DICOM scan, family name first; `None` if it states none.
pub(super) fn patient_name(subject: &InMemDicomObject) -> Option<String> {
    let stated = subject.get(tags::PATIENT_NAME)?.to_str().ok()?;
    // Names in other scripts follow the first group.
    let group = stated.split('=').map(str::trim).find(|group| !group.is_empty())?;
    let parts: Vec<&str> = group.split('^').map(str::trim).filter(|part| !part.is_empty()).collect();
    let (family, given) = parts.split_first()?;
    Some(if given.is_empty() { (*family).to_owned() } else { format!("{family}, {}", given.join(" ")) })
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, VR};

    use super::*;

    #[test]
    fn names_are_written_with_the_family_name_first() {
        let name = |text: &str| {
            let subject = InMemDicomObject::from_element_iter([DataElement::new(tags::PATIENT_NAME, VR::PN, text)]);
            patient_name(&subject)
        };
        assert_eq!(name("M\u{fc}ller^J\u{fc}rgen^^Dr.").as_deref(), Some("M\u{fc}ller, J\u{fc}rgen Dr."));
        assert_eq!(name("Yamada^Tarou=\u{5c71}\u{7530}^\u{592a}\u{90ce}").as_deref(), Some("Yamada, Tarou"));
        assert_eq!(name("=\u{5c71}\u{7530}").as_deref(), Some("\u{5c71}\u{7530}"));
        assert_eq!((name("^"), patient_name(&InMemDicomObject::new_empty())), (None, None));
    }
}
