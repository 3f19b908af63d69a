//! Tells a fundus image from a B-scan by its texture.

use super::{Crop, lines::Grey};

/// Side of the blocks that suppress speckle and captions, in pixels.
const BLOCK: usize = 12;

/// Smallest median grey value of a fundus image.
const DARKEST_FUNDUS: f64 = 30.0;
/// A fundus image is brighter than a B-scan beside it by this factor. Spectralis pictures: 2.5 to 10.
const BRIGHTER: f64 = 1.4;
/// Largest anisotropy of a fundus image.
const MOST_ANISOTROPIC_FUNDUS: f64 = 2.3;

/// Texture of a panel, measured on blocks of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texture {
    /// Mean square difference of blocks one apart down the panel, over that across it. About 1 in a fundus image (0.6 to
    /// 1.2 in those of ten Spectralis scans, 2.0 in a vignetted one), 2.5 to 60 in B-scans.
    anisotropy: f64,
    /// Median and lower quartile of the blocks, as shares of their 95th percentile. Over 0.48 and 0.34 in a fundus image,
    /// mostly below 0.4 and 0.2 in a B-scan.
    median: f64,
    quartile: f64,
    /// Median grey value of the blocks.
    level: f64,
}

impl Texture {
    /// The texture of `panel`; `None` if it is too small or of one value.
    pub(super) fn of(grey: &Grey, panel: Crop) -> Option<Self> {
        let (across, down) = (panel.width / BLOCK, panel.height / BLOCK);
        if across < 4 || down < 4 {
            return None;
        }
        let mut blocks = vec![0.0; across * down];
        for y in 0..down * BLOCK {
            let row = grey.row(panel.top + y, panel.left..panel.left + across * BLOCK);
            for (block, pixels) in blocks[y / BLOCK * across..][..across].iter_mut().zip(row.chunks_exact(BLOCK)) {
                *block += pixels.iter().map(|&v| f64::from(v)).sum::<f64>();
            }
        }
        let (mut horizontal, mut vertical) = (0.0, 0.0);
        for y in 0..down - 2 {
            for x in 0..across - 2 {
                let at = blocks[y * across + x];
                horizontal += (blocks[y * across + x + 2] - at).powi(2);
                vertical += (blocks[(y + 2) * across + x] - at).powi(2);
            }
        }
        blocks.sort_by(f64::total_cmp);
        let quantile = |q: f64| blocks[((blocks.len() - 1) as f64 * q) as usize];
        let bright = quantile(0.95);
        (bright > 0.0 && horizontal > 0.0).then(|| Self {
            anisotropy: vertical / horizontal,
            median: quantile(0.5) / bright,
            quartile: quantile(0.25) / bright,
            level: quantile(0.5) / (BLOCK * BLOCK) as f64,
        })
    }

    /// Whether it is a fundus image beside a panel of the texture `other`. A fundus image is the brighter one; vitreous or
    /// choroid alone has no direction either.
    pub(super) fn is_fundus_beside(self, other: Self) -> bool {
        self.level > DARKEST_FUNDUS
            && self.level > BRIGHTER * other.level
            && self.anisotropy < MOST_ANISOTROPIC_FUNDUS
            && self.median > 0.42
            && self.quartile > 0.28
    }

    pub(super) fn is_bscan(self) -> bool {
        self.anisotropy > 2.0 && self.median < 0.7
    }
}
