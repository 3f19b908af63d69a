//! Options of a phantom: scanner, position on the retina, pathology.

use super::random::Draw;

/// How a scanner converts reflected power to grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Display {
    /// Fourth root of the power above the noise floor, as on Heidelberg scanners.
    FourthRoot,
    /// Decibels over a range that ends at the brightest tissue; noise remains visible as grey.
    Decibels {
        /// Range from black to white.
        range_db: f32,
    },
}

/// Content of the parts of a frame that were not acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// The frame is complete.
    None,
    /// Black bands at the frame's edges.
    Black,
    /// White wedges, as left by motion correction.
    White,
}

/// Options of a phantom. Start from a scanner, such as [`PhantomOptions::spectralis`], or from
/// [`PhantomOptions::random`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhantomOptions {
    /// A-scans.
    pub width: usize,
    /// Samples along an A-scan.
    pub height: usize,
    /// Micrometres between samples.
    pub axial_um: f64,
    /// Micrometres between A-scans.
    pub lateral_um: f64,
    /// Row of Bruch's membrane in the middle of the frame, as a share of the height; adjusted if the retina would not
    /// fit.
    pub position: f64,
    /// Lateral position of the fovea in micrometres from the middle of the frame. A position far outside gives a frame
    /// without fovea.
    pub fovea_um: f64,
    /// Distance of the B-scan from the fovea across the scan direction, in micrometres.
    pub fovea_offset_um: f64,
    /// Whether the optic disc is on the right.
    pub nasal_right: bool,
    /// Fixes the eye but not the noise; with `None`, the eye depends on the main seed.
    pub anatomy_seed: Option<u64>,
    /// Severity from 0 (healthy) to 1: drusen, intraretinal fluid, epiretinal membrane, bright foci.
    pub pathology: f32,
    /// Number of averaged frames; 1 is full speckle.
    pub averaging: f32,
    /// Noise power relative to the brightest tissue, in decibels (negative).
    pub noise_db: f32,
    /// Depth over which the choroid's signal falls by a factor of e, in micrometres; over 100 with enhanced depth
    /// imaging.
    pub penetration_um: f32,
    /// Axial resolution in micrometres, full width at half maximum.
    pub resolution_um: f32,
    /// Grey curve.
    pub display: Display,
    /// Contrast of the grey curve; 1 is that of the scanner.
    pub contrast: f32,
    /// Grey level added to every sample.
    pub brightness: f32,
    /// Padding.
    pub padding: Padding,
    /// Whether intensities are rounded to 256 levels.
    pub eight_bit: bool,
}

impl Default for PhantomOptions {
    fn default() -> Self {
        Self::spectralis()
    }
}

impl PhantomOptions {
    /// Heidelberg Spectralis: 768 x 496, averaged.
    #[must_use]
    pub const fn spectralis() -> Self {
        Self {
            width: 768,
            height: 496,
            axial_um: 3.87,
            lateral_um: 11.3,
            position: 0.5,
            fovea_um: 0.0,
            fovea_offset_um: 0.0,
            nasal_right: true,
            anatomy_seed: None,
            pathology: 0.0,
            averaging: 12.0,
            noise_db: -42.0,
            penetration_um: 45.0,
            resolution_um: 7.0,
            display: Display::FourthRoot,
            contrast: 1.0,
            brightness: 0.0,
            padding: Padding::None,
            eight_bit: true,
        }
    }

    /// Spectralis with enhanced depth imaging: the choroid-sclera boundary is visible.
    #[must_use]
    pub const fn enhanced_depth() -> Self {
        Self { averaging: 50.0, noise_db: -50.0, penetration_um: 160.0, position: 0.42, ..Self::spectralis() }
    }

    /// Zeiss Cirrus: 512 x 1024, little averaging, grey noise.
    #[must_use]
    pub const fn cirrus() -> Self {
        Self {
            width: 512,
            height: 1024,
            axial_um: 1.96,
            lateral_um: 11.7,
            averaging: 3.0,
            noise_db: -30.0,
            resolution_um: 5.5,
            display: Display::Decibels { range_db: 36.0 },
            ..Self::spectralis()
        }
    }

    /// Optovue-like: 387 x 480.
    #[must_use]
    pub const fn optovue() -> Self {
        Self {
            width: 387,
            height: 480,
            axial_um: 3.1,
            lateral_um: 15.5,
            averaging: 2.5,
            noise_db: -38.0,
            position: 0.4,
            resolution_um: 5.5,
            contrast: 1.1,
            ..Self::spectralis()
        }
    }

    /// Topcon: 512 x 650.
    #[must_use]
    pub const fn topcon() -> Self {
        Self {
            width: 512,
            height: 650,
            axial_um: 3.5,
            lateral_um: 11.7,
            averaging: 8.0,
            noise_db: -32.0,
            penetration_um: 70.0,
            display: Display::Decibels { range_db: 34.0 },
            ..Self::spectralis()
        }
    }

    /// Bioptigen: 900 x 450, one noisy frame.
    #[must_use]
    pub const fn bioptigen() -> Self {
        Self {
            width: 900,
            height: 450,
            axial_um: 3.24,
            lateral_um: 6.6,
            averaging: 1.0,
            noise_db: -25.0,
            position: 0.4,
            resolution_um: 4.5,
            display: Display::Decibels { range_db: 30.0 },
            ..Self::spectralis()
        }
    }

    /// Random scanner, position, quality and pathology.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let draw = &mut Draw::new(seed, 11);
        let mut o = match draw.whole(0, 11) {
            0..=3 => Self::spectralis(),
            4 | 5 => Self::enhanced_depth(),
            6 | 7 => Self::cirrus(),
            8 | 9 => Self::optovue(),
            10 => Self::topcon(),
            _ => Self::bioptigen(),
        };
        o.vary_frame(draw);
        o.vary_signal(draw);
        o.pathology = if draw.chance(0.55) { 0.0 } else { draw.unit() };
        o
    }

    /// Varies the frame size and the position on the retina.
    fn vary_frame(&mut self, draw: &mut Draw) {
        let from = (self.width as f32 * 0.7) as usize;
        let width = if draw.chance(0.4) { self.width } else { draw.whole(from, self.width) };
        let span_mm = draw.between(4.5, 9.2);
        self.width = width;
        self.lateral_um = f64::from(span_mm * 1000.0 / width as f32);
        self.axial_um *= f64::from(draw.between(0.97, 1.03));
        self.position += f64::from(draw.normal(0.0, 0.07));
        let half = 500.0 * span_mm;
        let place = if draw.chance(0.7) { draw.normal(0.0, 0.25) } else { draw.between(-2.0, 2.0) };
        self.fovea_um = f64::from(place * half);
        let off = if draw.chance(0.5) { draw.between(0.0, 200.0) } else { draw.between(0.0, 3000.0) };
        self.fovea_offset_um = f64::from(if draw.chance(0.5) { off } else { -off });
        self.nasal_right = draw.chance(0.5);
    }

    /// Varies the quality.
    fn vary_signal(&mut self, draw: &mut Draw) {
        self.averaging = (self.averaging * super::maths::exp(draw.normal(0.0, 0.6))).clamp(1.0, 100.0);
        self.noise_db = (self.noise_db + draw.normal(0.0, 4.0)).min(-18.0);
        self.penetration_um *= draw.between(0.7, 2.4);
        self.resolution_um *= draw.between(0.8, 1.3);
        self.contrast *= draw.between(0.8, 1.2);
        self.brightness += draw.normal(0.0, 0.03);
        if let Display::Decibels { range_db } = &mut self.display {
            *range_db += draw.normal(0.0, 3.0);
        }
        self.padding = match draw.whole(0, 11) {
            0 => Padding::White,
            1 | 2 => Padding::Black,
            _ => Padding::None,
        };
    }
}
