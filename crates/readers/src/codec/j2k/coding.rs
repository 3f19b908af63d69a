//! Tiles, resolution levels, precincts and code-blocks of a JPEG 2000 image (ITU-T T.800, annex B).

use super::structure::broken;
use crate::ReadError;

/// Maximum wavelet decompositions.
const MAX_LEVELS: u8 = 32;
/// Exponent of a precinct's size if none is stated.
const WHOLE: u8 = 15;

/// Image, tiles and components on the reference grid, as columns and rows.
pub(super) struct Grid {
    /// The image.
    pub(super) start: [u64; 2],
    pub(super) end: [u64; 2],
    /// Size of a tile, and the corner of the first.
    pub(super) tile: [u64; 2],
    pub(super) tile_start: [u64; 2],
    /// Distance of the samples of each component.
    pub(super) steps: Vec<[u64; 2]>,
}

/// The area of a tile in the samples of each component: start and end, as columns and rows.
pub(super) type Tile = Vec<[[u64; 2]; 2]>;

impl Grid {
    pub(super) fn is_valid(&self) -> bool {
        let axis = |i: usize| {
            self.start[i] < self.end[i]
                && self.tile[i] > 0
                && self.tile_start[i] <= self.start[i]
                && self.tile_start[i] + self.tile[i] > self.start[i]
        };
        axis(0) && axis(1) && self.steps.iter().flatten().all(|&step| step > 0)
    }

    pub(super) fn components(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn pixels(&self) -> u64 {
        (self.end[0] - self.start[0]).saturating_mul(self.end[1] - self.start[1])
    }

    /// Number of tiles.
    pub(super) fn tiles(&self) -> u64 {
        self.across().saturating_mul((self.end[1] - self.tile_start[1]).div_ceil(self.tile[1]))
    }

    fn across(&self) -> u64 {
        (self.end[0] - self.tile_start[0]).div_ceil(self.tile[0])
    }

    /// The tile of that number, row by row.
    pub(super) fn tile(&self, number: u64) -> Tile {
        let at = [number % self.across(), number / self.across()];
        let start = |i: usize| (self.tile_start[i] + at[i] * self.tile[i]).max(self.start[i]);
        let end = |i: usize| (self.tile_start[i] + (at[i] + 1) * self.tile[i]).min(self.end[i]);
        let area = |step: &[u64; 2]| {
            let samples = |corner: [u64; 2]| [corner[0].div_ceil(step[0]), corner[1].div_ceil(step[1])];
            [samples([start(0), start(1)]), samples([end(0), end(1)])]
        };
        self.steps.iter().map(area).collect()
    }
}

/// How tiles are coded.
#[derive(Clone, Debug)]
pub(super) struct Coding {
    /// Quality layers.
    pub(super) layers: u16,
    components: Vec<ComponentCoding>,
}

/// How one component is coded.
#[derive(Clone, Debug)]
struct ComponentCoding {
    /// Exponents of the size of code-blocks.
    block: [u8; 2],
    /// Exponents of the size of precincts, one for each resolution level from the lowest.
    precincts: Vec<[u8; 2]>,
    /// Whether a segment of its own states this.
    refined: bool,
}

/// Number of parts of a tile.
pub(super) struct Parts {
    pub(super) precincts: u64,
    pub(super) blocks: u64,
}

impl Coding {
    /// The coding that a COD segment states for all `components`.
    pub(super) fn of(body: &[u8], components: usize) -> Result<Self, ReadError> {
        let cut = || broken("its coding style is cut");
        let (&style, rest) = body.split_first().ok_or_else(cut)?;
        let (general, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let layers = u16::from_be_bytes([general[1], general[2]]);
        let component = ComponentCoding::of(style, rest, false)?;
        if layers == 0 {
            return Err(broken("no quality layers"));
        }
        Ok(Self { layers, components: vec![component; components] })
    }

    /// Takes over what a COC segment states for one component. Images have fewer than 257 components, so its number takes
    /// one byte.
    pub(super) fn refine(&mut self, body: &[u8]) -> Result<(), ReadError> {
        let cut = || broken("the coding style of a component is cut");
        let [number, style, rest @ ..] = body else { return Err(cut()) };
        let component = self.components.get_mut(usize::from(*number)).ok_or_else(cut)?;
        *component = ComponentCoding::of(*style, rest, true)?;
        Ok(())
    }

    /// Keeps what segments for single components stated in `earlier`.
    pub(super) fn keep_refinements(&mut self, earlier: &Self) {
        for (own, earlier) in self.components.iter_mut().zip(&earlier.components) {
            if earlier.refined {
                own.clone_from(earlier);
            }
        }
    }

    pub(super) const fn components(&self) -> usize {
        self.components.len()
    }

    /// The precincts and code-blocks of `tile`, over all components and resolution levels.
    pub(super) fn parts(&self, tile: &Tile) -> Parts {
        let mut parts = Parts { precincts: 0, blocks: 0 };
        for (coding, area) in self.components.iter().zip(tile) {
            for level in 0..coding.precincts.len() {
                let Parts { precincts, blocks } = coding.parts(area, level);
                parts.precincts = parts.precincts.saturating_add(precincts);
                parts.blocks = parts.blocks.saturating_add(blocks);
            }
        }
        parts
    }
}

impl ComponentCoding {
    fn of(style: u8, body: &[u8], refined: bool) -> Result<Self, ReadError> {
        let [levels, width, height, _, _, sizes @ ..] = body else { return Err(broken("its coding style is cut")) };
        if *levels > MAX_LEVELS {
            return Err(broken(&format!("{levels} wavelet decompositions")));
        }
        let count = usize::from(*levels) + 1;
        let precincts = if style & 1 == 0 {
            vec![[WHOLE; 2]; count]
        } else {
            let sizes = sizes.get(..count).ok_or_else(|| broken("the sizes of its precincts are cut"))?;
            sizes.iter().map(|size| [size & 0xf, size >> 4]).collect()
        };
        Ok(Self { block: [(width & 0xf) + 2, (height & 0xf) + 2], precincts, refined })
    }

    /// The precincts and code-blocks of one resolution level, counted from the lowest, in a tile's area.
    fn parts(&self, [start, end]: &[[u64; 2]; 2], level: usize) -> Parts {
        let halvings = self.precincts.len() - 1 - level;
        let precinct = self.precincts[level];
        let mut precincts = 1_u64;
        // Code-blocks along each axis in the lower and the upper half of the frequencies.
        let mut along = [[0_u64; 2]; 2];
        for axis in 0..2 {
            let (from, to) = (band(start[axis], halvings, 0), band(end[axis], halvings, 0));
            if to <= from {
                return Parts { precincts: 0, blocks: 0 };
            }
            let exponent = u32::from(precinct[axis]);
            precincts = precincts.saturating_mul(parts_of(from, to, exponent));
            // Above the lowest level, a precinct has half its size in each band.
            let halved = exponent.saturating_sub(u32::from(level > 0));
            let block = u32::from(self.block[axis]).min(halved);
            let halvings = halvings + usize::from(level > 0);
            along[axis] = [0, 1]
                .map(|upper| parts_of(band(start[axis], halvings, upper), band(end[axis], halvings, upper), block));
        }
        let [[x_low, x_high], [y_low, y_high]] = along;
        let product = |a: u64, b: u64| a.saturating_mul(b);
        let blocks = if level > 0 {
            product(x_high, y_low).saturating_add(product(x_low, y_high)).saturating_add(product(x_high, y_high))
        } else {
            product(x_low, y_low)
        };
        Parts { precincts, blocks }
    }
}

/// The coordinate of a sample in a band after so many halvings, of the lower (0) or upper (1) half of the frequencies
/// (B.5).
fn band(at: u64, halvings: usize, upper: u64) -> u64 {
    if halvings == 0 { at } else { (at + (1 << halvings) - 1 - (upper << (halvings - 1))) >> halvings }
}

/// Cells of a grid of 2^`exponent` samples that the samples from `from` up to `to` touch.
fn parts_of(from: u64, to: u64, exponent: u32) -> u64 {
    if to > from { to.div_ceil(1 << exponent) - (from >> exponent) } else { 0 }
}
