//! Report pages with several B-scans of a volume: the one through the fovea, the worst, and those with findings.

use image::RgbImage;
use octrls_core::{
    measure::Verdict,
    scan::{BScanPosition, Place},
};

use super::layout::{BODY, MARGIN, RIGHT};
use crate::{
    pdf::{Align, HEIGHT, Page, Picture, PictureKind, Style},
    record::{BScanRecord, ResultRecord},
};

/// Most B-scans that are shown.
const MAX_SHOWN: usize = 6;
/// B-scans on a page.
const PER_PAGE: usize = 3;
/// Height of a B-scan with its caption in points.
const SLOT: f32 = (HEIGHT - 130.0) / PER_PAGE as f32;

/// A B-scan of a volume, and why it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chosen {
    /// 0-based.
    pub(crate) index: usize,
    pub(crate) why: String,
}

/// Chooses the B-scans of a volume to show, in scan order; empty for a single B-scan.
pub(crate) fn choose(record: &ResultRecord<'_>) -> Vec<Chosen> {
    let bscans = record.bscans;
    if bscans.len() < 2 {
        return Vec::new();
    }
    let centre = record.volume.as_ref().map(|volume| volume.centre).filter(|centre| centre.from.is_fovea());
    let fovea = centre.and_then(|centre| nearest(bscans, centre.place)).map(|i| (i, "through the fovea".to_owned()));
    let worst = (0..bscans.len())
        .filter(|&i| bscans[i].verdict() != Verdict::NotARetina)
        .min_by(|&a, &b| bscans[a].confidence().total_cmp(&bscans[b].confidence()))
        .map(|i| (i, format!("the least certain, confidence {:.2}", bscans[i].confidence())));
    let mut with_findings: Vec<(usize, f64)> = (0..bscans.len())
        .filter(|&i| !bscans[i].findings().1.is_empty())
        .map(|i| (i, bscans[i].lesions().unwrap_or_default().iter().map(|lesion| lesion.area_px).sum()))
        .collect();
    with_findings.sort_by(|a, b| b.1.total_cmp(&a.1));
    let findings = with_findings.into_iter().map(|(i, _)| (i, bscans[i].findings_in_words()));
    let mut chosen: Vec<Chosen> = Vec::new();
    for (index, why) in fovea.into_iter().chain(worst).chain(findings) {
        if let Some(known) = chosen.iter_mut().find(|known| known.index == index) {
            known.why = format!("{}; {why}", known.why);
        } else if chosen.len() < MAX_SHOWN {
            chosen.push(Chosen { index, why });
        }
    }
    chosen.sort_by_key(|chosen| chosen.index);
    chosen
}

/// The B-scan that runs closest to `place`.
fn nearest(bscans: &[BScanRecord], place: Place) -> Option<usize> {
    let distance = |track: &BScanPosition| match *track {
        BScanPosition::Line { start, end } => {
            let (dx, dy) = (end.x - start.x, end.y - start.y);
            let along =
                ((place.x - start.x) * dx + (place.y - start.y) * dy) / (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
            place.distance(start.towards(end, along.clamp(0.0, 1.0)))
        }
        BScanPosition::Circle { centre, start, .. } => (place.distance(centre) - start.distance(centre)).abs(),
    };
    let placed = bscans.iter().enumerate().filter_map(|(i, bscan)| Some((i, distance(bscan.place()?))));
    placed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

/// Draws the pages; `pictures` are the B-scans with their lines.
pub(super) fn bscan_pages(chosen: &[(Chosen, RgbImage)], count: usize) -> Vec<Page> {
    chosen.chunks(PER_PAGE).map(|chosen| page(chosen, count)).collect()
}

fn page(chosen: &[(Chosen, RgbImage)], count: usize) -> Page {
    let mut page = Page::new();
    page.text(MARGIN, 58.0, Style::of(14.0).bold(), Align::Left, "B-scans");
    for (slot, (Chosen { index, why }, image)) in chosen.iter().enumerate() {
        let top = 78.0 + SLOT * slot as f32;
        let caption = format!("B-scan {} of {count}: {why}", index + 1);
        page.text(MARGIN, top, BODY, Align::Left, &crate::pdf::shortened(&caption, BODY, RIGHT - MARGIN));
        let (width, height) = image.dimensions();
        let scale = ((RIGHT - MARGIN) / width as f32).min((SLOT - 24.0) / height as f32);
        let pixels = image.as_raw().clone();
        let picture = Picture { width, height, pixels, kind: PictureKind::Coloured };
        page.picture((MARGIN, top + 8.0), (scale * width as f32, scale * height as f32), picture);
    }
    page
}
