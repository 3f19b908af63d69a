//! The ETDRS means of a volume, for display.

use serde::{Deserialize, Serialize};

use super::{
    enface::{CentreSource, Coverage, Subfield, VolumeMeasures},
    reference::{Comparison, Standing},
};
use crate::{
    layer::{MEASURED, Measured},
    scan::Eye,
};

/// Subfields of the grid.
const SUBFIELDS: usize = 9;

/// Mean thickness in the ETDRS subfields, by [`Measured::all`] and then by [`Subfield::all`] of the scan's eye.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EtdrsSummary {
    /// Mean thickness in micrometres; `None` if too little of the subfield is covered, or the grid is not centred on the
    /// fovea.
    pub mean_um: [[Option<f32>; SUBFIELDS]; MEASURED],
    /// How well each subfield is covered.
    pub coverage: [[Coverage; SUBFIELDS]; MEASURED],
    /// Position relative to the reference group; `None` without a reference value.
    pub standing: [[Option<Standing>; SUBFIELDS]; MEASURED],
    /// How the centre of the grid was found.
    pub centre: CentreSource,
}

impl EtdrsSummary {
    /// Summarises a volume of `eye`, `compared` with a reference group.
    #[must_use]
    pub fn of(volume: &VolumeMeasures, eye: Option<Eye>, compared: &[Comparison]) -> Self {
        let order = Subfield::all(eye);
        let mut summary = Self {
            mean_um: [[None; SUBFIELDS]; MEASURED],
            coverage: [[Coverage::Sparse; SUBFIELDS]; MEASURED],
            standing: [[None; SUBFIELDS]; MEASURED],
            centre: volume.centre.from,
        };
        for of in Measured::all() {
            let grid = volume.etdrs.iter().find(|g| g.layer == of.key());
            let fields = grid.iter().flat_map(|g| &g.grid.subfields);
            for (i, at) in order.into_iter().enumerate() {
                let field = fields.clone().find(|f| f.at == at);
                summary.mean_um[of.index()][i] =
                    field.and_then(|f| f.mean_um).filter(|_| volume.centre.from.is_fovea());
                summary.coverage[of.index()][i] = field.map_or(Coverage::Sparse, |f| Coverage::of(f.coverage));
                let found = compared.iter().find(|c| c.layer == of.key() && c.subfield == at);
                summary.standing[of.index()][i] = found.map(|c| c.standing);
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::EzConvention,
        measure::{
            enface::{EtdrsGrid, SubfieldThickness},
            reference::ReferenceTable,
        },
    };

    #[test]
    fn subfields_are_marked_or_left_out_by_their_coverage_and_whole_ones_compared() {
        let eye = Some(Eye::Left);
        let field = |(i, at): (usize, Subfield)| {
            let coverage = [1.0, 0.6, 0.3][i.saturating_sub(6)];
            let mean_um = (coverage > 0.5).then_some(200.0 + i as f32);
            SubfieldThickness { at, mean_um, coverage, volume_mm3: 1.0, half_width_um: None }
        };
        let subfields = Subfield::all(eye).into_iter().enumerate().map(field).collect();
        let grid = EtdrsGrid { subfields, volume_mm3: 8.0, volume_half_width_mm3: None, coverage: 0.9 };
        let mut volume = VolumeMeasures::of_retina(grid);
        let compared = ReferenceTable::shipped().unwrap().compare(&volume, EzConvention::default());
        let summary = EtdrsSummary::of(&volume, eye, &compared);
        let retina = Measured::Retina.index();
        assert_eq!(summary.mean_um[retina][..2], [Some(200.0), Some(201.0)]);
        assert_eq!((summary.mean_um[retina][7], summary.standing[retina][7]), (Some(207.0), None));
        assert_eq!((summary.mean_um[retina][8], summary.standing[retina][8]), (None, None));
        let expected = [Coverage::Whole, Coverage::Partial, Coverage::Sparse];
        assert_eq!(summary.coverage[retina][6..], expected);
        assert_eq!(summary.standing[retina][0], Some(Standing::Below));
        assert_eq!(summary.mean_um[0], [None; SUBFIELDS], "no nerve fibre grid was measured");
        volume.centre.from = CentreSource::ScanMiddle;
        assert_eq!(EtdrsSummary::of(&volume, eye, &[]).mean_um[retina], [None; SUBFIELDS], "no fovea, no subfields");
    }
}
