//! Why a B-scan shows no retina.

use serde::{Deserialize, Serialize};

use crate::scan::BScan;

/// Why a B-scan shows no retina.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRetina {
    /// Nearly all of it is black.
    TooDark,
    /// Upside down, a retina is found in it.
    UpsideDown,
    /// Turned by 90 degrees, a retina is found in it.
    Turned,
    /// No layers are found, whichever way it is turned.
    NoLayers,
}

/// An image is too dark if 99 of 100 pixels are darker than this share of white.
const DARK: f32 = 0.06;

impl NoRetina {
    /// The reason in words, to follow "not a retina: ".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooDark => "the image is too dark",
            Self::UpsideDown => "the image is upside down",
            Self::Turned => "the image is turned by 90 degrees",
            Self::NoLayers => "no layers were found",
        }
    }

    /// Name in result files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::TooDark => "too_dark",
            Self::UpsideDown => "upside_down",
            Self::Turned => "turned",
            Self::NoLayers => "no_layers",
        }
    }

    /// The reason for `bscan`. `shows_retina` tells whether a retina is found in a turned copy.
    ///
    /// # Errors
    /// The error of `shows_retina`.
    pub fn of<E>(bscan: &BScan, mut shows_retina: impl FnMut(&BScan) -> Result<bool, E>) -> Result<Self, E> {
        let mut sorted = bscan.intensity.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let bright = sorted.get(sorted.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
        if bright < DARK {
            return Ok(Self::TooDark);
        }
        if shows_retina(&upside_down(bscan))? {
            return Ok(Self::UpsideDown);
        }
        let turned = transposed(bscan);
        Ok(if shows_retina(&turned)? || shows_retina(&upside_down(&turned))? { Self::Turned } else { Self::NoLayers })
    }
}

fn upside_down(bscan: &BScan) -> BScan {
    let rows = bscan.intensity.chunks_exact(bscan.width.max(1)).rev();
    BScan { intensity: rows.flatten().copied().collect(), ..*bscan }
}

/// Rows become columns.
fn transposed(bscan: &BScan) -> BScan {
    let BScan { width, height, ref intensity } = *bscan;
    let intensity = (0..width).flat_map(|x| (0..height).map(move |y| intensity[y * width + x])).collect();
    BScan { width: height, height: width, intensity }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A bright row at the top.
    fn top() -> BScan {
        BScan { width: 3, height: 2, intensity: vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0] }
    }

    fn of(bscan: &BScan, retina: &[f32]) -> NoRetina {
        let Ok(reason) = NoRetina::of::<Infallible>(bscan, |b| Ok(b.intensity == retina));
        reason
    }

    #[test]
    fn each_reason_is_recognised() {
        assert_eq!(of(&top(), &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), NoRetina::UpsideDown);
        assert_eq!(of(&top(), &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]), NoRetina::Turned);
        assert_eq!(of(&top(), &[]), NoRetina::NoLayers);
        let dark = BScan { intensity: vec![0.01; 6], ..top() };
        assert_eq!(of(&dark, &[0.01; 6]), NoRetina::TooDark);
    }
}
