//! Pictures of several panels: a fundus image beside a B-scan, captions, frames. Finds the B-scan's own panel.
//!
//! Viewers export, and screenshots show, the B-scan beside the fundus image on which it lies. Nothing in the file says
//! where one panel ends. So panels are found by structure: frames and gaps of one value, caption strips with straight
//! edges, and full-height seams at which the texture changes from a fundus (alike in both directions, mostly bright) to
//! a B-scan (layers run across it, most of it dark).

mod lines;
mod texture;

use serde::{Deserialize, Serialize};

use self::{lines::Grey, texture::Texture};
use super::BScan;

/// A rectangle of a picture, in pixels of the whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Crop {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No panels: the whole picture is one image.
    Whole,
    /// Several panels, or captions, of which this one is the B-scan.
    Panel(Crop),
    /// Several panels, of which none, or more than one, can be the B-scan.
    Unclear,
}

/// Smallest side of a panel, in pixels.
const MIN_SIDE: usize = 64;
/// Smallest share of the picture's width or height that a panel takes.
const MIN_SHARE: f64 = 0.12;
/// Most splits along one path: a fundus on one side, further panels on the other.
const MAX_DEPTH: usize = 3;

impl Crop {
    const fn right(self) -> usize {
        self.left + self.width
    }

    const fn bottom(self) -> usize {
        self.top + self.height
    }

    /// Rows that `fundus` beside it covers too; a strip below both is none of them.
    fn beside(self, fundus: Self) -> Self {
        let apart = self.right() <= fundus.left || fundus.right() <= self.left;
        let (top, bottom) = (self.top.max(fundus.top), self.bottom().min(fundus.bottom()));
        // A fundus image that is smaller than the B-scan says nothing of its rows.
        let alike = bottom.saturating_sub(top) * 100 >= self.height * 85;
        if apart && alike { Self { top, height: bottom - top, ..self } } else { self }
    }

    /// Whether it is large enough for a panel of `region`.
    fn can_be_panel_of(self, region: Self) -> bool {
        self.width.min(self.height) >= MIN_SIDE
            && self.width as f64 >= MIN_SHARE * region.width as f64
            && self.height as f64 >= MIN_SHARE * region.height as f64
    }

    /// The pixels of `bscan` inside.
    ///
    /// # Panics
    /// When the rectangle exceeds `bscan`.
    #[must_use]
    pub fn of(self, bscan: &BScan) -> BScan {
        let rows = bscan.intensity.chunks_exact(bscan.width).skip(self.top).take(self.height);
        let intensity = rows.flat_map(|row| &row[self.left..self.right()]).copied().collect();
        BScan { width: self.width, height: self.height, intensity }
    }
}

/// Finds the panels of a picture.
#[must_use]
pub fn layout(picture: &BScan) -> Layout {
    let whole = Crop { left: 0, top: 0, width: picture.width, height: picture.height };
    if picture.width < 2 * MIN_SIDE || picture.height < MIN_SIDE {
        return Layout::Whole;
    }
    let grey = Grey::of(picture);
    let (inner, captions) = grey.without_strips(whole);
    match split(&grey, inner, 0) {
        Layout::Whole if captions && Texture::of(&grey, inner).is_some_and(Texture::is_bscan) => Layout::Panel(inner),
        found => found,
    }
}

/// Splits `region` into a fundus and the rest, as long as there is one.
fn split(grey: &Grey, region: Crop, depth: usize) -> Layout {
    if depth == MAX_DEPTH {
        return Layout::Whole;
    }
    let mut unclear = false;
    for (first, second) in grey.splits(region) {
        let parts = [first, second].map(|part| grey.trimmed(part));
        if !parts.iter().all(|part| part.can_be_panel_of(region)) {
            continue;
        }
        let [Some(a), Some(b)] = parts.map(|part| Texture::of(grey, part)) else { continue };
        let (fundus, rest, texture) = match (a.is_fundus_beside(b), b.is_fundus_beside(a)) {
            (true, false) => (parts[0], second, b),
            (false, true) => (parts[1], first, a),
            _ => continue,
        };
        let (rest, _) = grey.without_strips(grey.trimmed_panel(rest).beside(fundus));
        match split(grey, rest, depth + 1) {
            Layout::Whole if texture.is_bscan() && !holds_several(grey, rest) => return Layout::Panel(rest),
            Layout::Whole => unclear = true,
            found => return found,
        }
    }
    if unclear { Layout::Unclear } else { Layout::Whole }
}

/// Whether a gap divides `region` into two B-scans.
fn holds_several(grey: &Grey, region: Crop) -> bool {
    grey.splits(region).into_iter().any(|(first, second)| {
        let is_gap = first.right() < second.left || first.bottom() < second.top;
        let is_bscan = |part: Crop| {
            let part = grey.trimmed(part);
            part.can_be_panel_of(region) && Texture::of(grey, part).is_some_and(Texture::is_bscan)
        };
        is_gap && is_bscan(first) && is_bscan(second)
    })
}

#[cfg(test)]
mod tests;
