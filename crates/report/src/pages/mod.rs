//! `report.pdf`: a page for a B-scan, one for a volume or a circle, one for the follow-up, and one for the fundus if the
//! first page has no room for it.

mod bscan_page;
mod circle_page;
mod follow_up_page;
mod headline;
mod layout;
mod lesion_table;
mod localizer;
mod volume_page;

use image::RgbImage;
use octrls_core::segment::SegmentedBScan;

pub(super) use localizer::Localizer;

use self::{
    bscan_page::BScanPage,
    circle_page::circle_page,
    follow_up_page::follow_up_page,
    layout::{MARGIN, RIGHT},
    volume_page::volume_page,
};
use crate::{
    pdf::{Align, HEIGHT, Page, PdfError, Style, pdf},
    record::ResultRecord,
};

/// The content of the report.
pub(super) struct Report<'a> {
    pub(super) record: &'a ResultRecord<'a>,
    /// The B-scan shown on the first page.
    pub(super) shown: &'a SegmentedBScan,
    /// Thickness maps of a volume.
    pub(super) maps: Option<&'a RgbImage>,
    /// The fundus image with the B-scans, if the scanner took one.
    pub(super) localizer: Option<Localizer<'a>>,
}

impl Report<'_> {
    /// Encodes the report as a PDF file.
    ///
    /// # Errors
    /// If the file cannot be encoded.
    pub(super) fn pdf(&self) -> Result<Vec<u8>, PdfError> {
        let localizer = self.localizer.as_ref();
        let first = BScanPage { record: self.record, shown: self.shown, localizer }.draw();
        let mut pages = vec![first.page];
        if let (Some(measures), Some(maps)) = (&self.record.volume, self.maps) {
            pages.push(volume_page(measures, self.record.reference.as_ref(), maps));
        }
        let compared = self.record.circle_reference.as_ref();
        pages.extend(self.record.circle.as_ref().map(|circle| circle_page(circle, compared, localizer)));
        pages.extend(self.record.follow_up.as_ref().map(follow_up_page));
        // The page of a circle has the fundus, too.
        let missing = localizer.filter(|_| !first.has_localizer && self.record.circle.is_none());
        pages.extend(missing.map(Localizer::page));
        self.add_footers(&mut pages);
        pdf(pages, "OCT retinal layer report")
    }

    fn add_footers(&self, pages: &mut [Page]) {
        let count = pages.len();
        for (i, page) in pages.iter_mut().enumerate() {
            let y = HEIGHT - 30.0;
            page.rule((MARGIN, y - 12.0), (RIGHT, y - 12.0));
            let note = format!("Research use only, not a medical device. OCT-RLS {}", self.record.octrls);
            page.text(MARGIN, y, Style::of(8.0).quiet(), Align::Left, &note);
            page.text(RIGHT, y, Style::of(8.0).quiet(), Align::Right, &format!("page {} of {count}", i + 1));
        }
    }
}
