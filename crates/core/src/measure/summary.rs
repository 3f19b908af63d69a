//! The ETDRS means of a volume, for display.

use serde::{Deserialize, Serialize};

use super::{
    enface::{COVERED, CentreSource, Subfield, VolumeMeasures},
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
    /// Mean thickness in micrometres; `None` if less than [`COVERED`] of the subfield is covered.
    pub mean_um: [[Option<f32>; SUBFIELDS]; MEASURED],
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
            standing: [[None; SUBFIELDS]; MEASURED],
            centre: volume.centre.from,
        };
        for of in Measured::all() {
            let grid = volume.etdrs.iter().find(|g| g.layer == of.key());
            let fields = grid.iter().flat_map(|g| &g.grid.subfields);
            for (i, at) in order.into_iter().enumerate() {
                let field = fields.clone().find(|f| f.at == at && f.coverage >= COVERED);
                summary.mean_um[of.index()][i] = field.and_then(|f| f.mean_um);
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
        measure::{
            enface::{Centre, EtdrsGrid, MeasuredGrid, SubfieldThickness},
            reference::ReferenceTable,
        },
        scan::Place,
    };

    #[test]
    fn uncovered_subfields_are_left_out_and_others_compared() {
        let eye = Some(Eye::Left);
        let field = |(i, at)| {
            let coverage = if i == 8 { 0.5 } else { 1.0 };
            SubfieldThickness { at, mean_um: Some(200.0 + i as f32), coverage, volume_mm3: 1.0 }
        };
        let subfields = Subfield::all(eye).into_iter().enumerate().map(field).collect();
        let grid = EtdrsGrid { subfields, volume_mm3: 8.0, coverage: 0.9 };
        let centre = Centre { place: Place::default(), from: CentreSource::Fovea };
        let etdrs = vec![MeasuredGrid { layer: "retina", grid }];
        let volume = VolumeMeasures { centre, etdrs, gcipl: None, lesions: None, choroid_visible: None };
        let compared = ReferenceTable::shipped().unwrap().compare(&volume);
        let summary = EtdrsSummary::of(&volume, eye, &compared);
        let retina = Measured::Retina.index();
        assert_eq!(summary.mean_um[retina][..2], [Some(200.0), Some(201.0)]);
        assert_eq!((summary.mean_um[retina][8], summary.standing[retina][8]), (None, None));
        assert_eq!(summary.standing[retina][0], Some(Standing::Below));
        assert_eq!(summary.mean_um[0], [None; SUBFIELDS], "no nerve fibre grid was measured");
    }
}
