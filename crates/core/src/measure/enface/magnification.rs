//! Lateral sizes by the length of the eye.
//!
//! Littmann's formula with Bennett's modification (Bennett et al., Graefes Arch Clin Exp Ophthalmol 1994;232:361): a
//! retinal distance is `p q s` with the scanner's constant `p`, the measured size `s` and `q = 0.01306 (L - 1.82)` of an
//! eye of axial length `L` in millimetres. A scanner that states distances for a length `L0` thus states them too small
//! by `(L - 1.82) / (L0 - 1.82)`.

use serde::Serialize;

/// Distance of the second principal point from the front of the cornea in millimetres.
const PRINCIPAL_POINT_MM: f64 = 1.82;
/// Axial length for which scanners state lateral distances if they are not told another one, in millimetres: that of
/// Gullstrand's schematic eye. A Cirrus takes 24.46 mm (Parthasarathy and Bhende, Indian J Ophthalmol 2015;63:427), which
/// changes distances by 0.3 %.
pub const ASSUMED_LENGTH_MM: f64 = 24.385;

/// The lateral scale of an eye of known length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Magnification {
    /// Axial length of the eye in millimetres.
    pub axial_length_mm: f64,
    /// Axial length for which the scanner states distances.
    pub assumed_length_mm: f64,
    /// Lateral distance on this eye over the stated one.
    pub factor: f64,
}

impl Magnification {
    /// The scale of an eye of `axial_length_mm`, of which the scanner did not know the length.
    #[must_use]
    pub fn of(axial_length_mm: f64) -> Self {
        let factor = (axial_length_mm - PRINCIPAL_POINT_MM) / (ASSUMED_LENGTH_MM - PRINCIPAL_POINT_MM);
        Self { axial_length_mm, assumed_length_mm: ASSUMED_LENGTH_MM, factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_eye_has_a_larger_retina_per_degree() {
        assert!((Magnification::of(ASSUMED_LENGTH_MM).factor - 1.0).abs() < 1e-12);
        // Bennett's q is 0.3028 mm per degree at 25 mm and 0.2375 at 20 mm.
        for (length, q) in [(25.0, 0.302_7), (20.0, 0.237_4)] {
            let expected = q / (0.01306 * (ASSUMED_LENGTH_MM - 1.82));
            assert!((Magnification::of(length).factor - expected).abs() < 1e-3, "{length}");
        }
    }
}
