//! Compares the uncertainty of mean thickness with the errors against graders' lines.
//!
//! `mean_uncertainty AXIAL_UM LATERAL_UM RESULTS:LABELS:START...`: `RESULTS` is a folder of results, `LABELS` a folder of
//! tables of one grader's lines with the names of the scans, and `START` how the names of one eye's scans start. It
//! prints the constants that fit the errors, and the share of means that the present constants cover.

use std::{env, error::Error, fs, path::Path};

use octrls_core::{
    layer::{BOUNDARIES, Boundary, Layer, Measured},
    measure::uncertainty::{COMMON_UM, CorrelationLength, half_width_in_bscan},
    surface::Surfaces,
};

const HALF_INTERVAL: f64 = 1.96;
/// A-scans below which a B-scan is left out.
const LEAST_ASCANS: usize = 100;
/// Correlation lengths to try, in A-scans.
const LENGTHS: [f64; 10] = [5.0, 10.0, 20.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 80.0];

/// For each layer of an eye by one grader, its B-scans.
type Groups = Vec<(Measured, Vec<Compared>)>;
type Columns = [Vec<Option<f32>>; BOUNDARIES];

/// The mean thickness of one layer in one B-scan, compared with a grader's.
struct Compared {
    error_um: f64,
    half_width_um: f64,
    /// Root mean square of the deviations.
    deviation_um: f64,
    ascans: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut number = || arguments.next().ok_or("a spacing is missing")?.parse::<f64>().map_err(|e| e.to_string());
    let (axial_um, lateral_um) = (number()?, number()?);
    // For each eye, grader and layer, its B-scans.
    let mut groups: Groups = Vec::new();
    for set in arguments {
        let mut parts = set.splitn(3, ':');
        let (Some(results), Some(labels), Some(start)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("expected RESULTS:LABELS:START".into());
        };
        let own = compare(Path::new(results), Path::new(labels), start, axial_um, lateral_um)?;
        println!("{set}: {:.1} % of {} means", 100.0 * covered(own.iter().flat_map(|(_, g)| g)), count(&own));
        groups.extend(own);
    }
    for of in Measured::all().into_iter().filter(|&of| of != Measured::Layer(Layer::Choroid)) {
        let own: Vec<&Compared> = groups.iter().filter(|(o, _)| *o == of).flat_map(|(_, group)| group).collect();
        let width = own.iter().map(|c| c.half_width_um).sum::<f64>() / own.len().max(1) as f64;
        println!("{}: {:.1} % within {width:.1} um", of.name(), 100.0 * covered(own.into_iter()));
    }
    println!("all: {:.1} % of {} means", 100.0 * covered(groups.iter().flat_map(|(_, g)| g)), count(&groups));
    let eyes = groups.iter().filter(|(_, group)| eye_is_covered(group)).count();
    println!("means over all B-scans of an eye: {eyes} of {}", groups.len());
    fit(&groups);
    Ok(())
}

fn count(groups: &[(Measured, Vec<Compared>)]) -> usize {
    groups.iter().map(|(_, group)| group.len()).sum()
}

fn covered<'a>(means: impl Iterator<Item = &'a Compared>) -> f64 {
    let (mut inside, mut all) = (0.0, 0.0_f64);
    for mean in means {
        all += 1.0;
        inside += f64::from(u8::from(mean.error_um.abs() <= mean.half_width_um));
    }
    inside / all.max(1.0)
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}

/// Whether the mean over the B-scans, which lie far apart, is within the interval of the eye.
fn eye_is_covered(group: &[Compared]) -> bool {
    let own = |c: &Compared| (c.half_width_um / HALF_INTERVAL).powi(2) - COMMON_UM.powi(2);
    let variance = COMMON_UM.powi(2) + mean(group.iter().map(own)) / group.len() as f64;
    mean(group.iter().map(|c| c.error_um)).abs() <= HALF_INTERVAL * variance.sqrt()
}

/// Prints, for each correlation length, the variance of errors within an eye over the expected one, and the common part
/// that is left.
fn fit(groups: &[(Measured, Vec<Compared>)]) {
    let centre = |group: &[Compared]| mean(group.iter().map(|c| c.error_um));
    let spread = |group: &[Compared]| {
        let (n, middle) = (group.len() as f64, centre(group));
        group.iter().map(|c| (c.error_um - middle).powi(2)).sum::<f64>() * n / (n - 1.0)
    };
    let several = || groups.iter().map(|(_, group)| group).filter(|group| group.len() > 1);
    let within: f64 = several().map(|group| spread(group)).sum();
    println!("correlation length in A-scans, variance within an eye over the expected, common part in um");
    for length in LENGTHS {
        let expected = |c: &Compared| c.deviation_um.powi(2) * pairs(c.ascans, length);
        let all: f64 = several().flatten().map(expected).sum();
        let left =
            |group: &Vec<Compared>| centre(group).powi(2) - mean(group.iter().map(expected)) / group.len() as f64;
        println!("{length:>4} {:.2} {:.2}", within / all, mean(several().map(left)).max(0.0).sqrt());
    }
    let present = CorrelationLength::of(Measured::Retina);
    println!("present: {} A-scans, {} mm, {COMMON_UM} um", present.ascans, present.mm);
}

/// Mean of `exp(-d / length)` over the pairs of `count` A-scans.
fn pairs(count: usize, length: f64) -> f64 {
    let (n, r) = (count as f64, (-1.0 / length).exp());
    (n * (1.0 + r) / (1.0 - r) - 2.0 * r * (1.0 - r.powf(n)) / (1.0 - r).powi(2)) / (n * n)
}

fn compare(
    results: &Path,
    labels: &Path,
    start: &str,
    axial_um: f64,
    lateral_um: f64,
) -> Result<Groups, Box<dyn Error>> {
    let mut groups: Groups = Measured::all()
        .into_iter()
        .filter(|&of| of != Measured::Layer(Layer::Choroid))
        .map(|of| (of, Vec::new()))
        .collect();
    let mut names: Vec<_> =
        fs::read_dir(labels)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    names.sort();
    for label in names {
        let name = label.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = results.join(format!("{name}.png"));
        if !name.starts_with(start) || !folder.exists() {
            continue;
        }
        let [rows, deviations] = ["boundaries.csv", "uncertainty.csv"].map(|file| columns(&folder.join(file)));
        let (rows, deviations, graded) = (rows?, deviations?, columns(&label)?);
        for (of, group) in &mut groups {
            group.extend(compare_layer(*of, [&rows, &deviations, &graded], axial_um, lateral_um));
        }
    }
    groups.retain(|(_, group)| !group.is_empty());
    Ok(groups)
}

fn compare_layer(
    of: Measured,
    [rows, deviations, graded]: [&Columns; 3],
    axial_um: f64,
    lateral_um: f64,
) -> Option<Compared> {
    let (upper, lower) = (of.upper().index(), of.lower().index());
    let width = rows[upper].len();
    let thickness = |columns: &Columns, x: usize| {
        let row = |boundary: usize| columns[boundary].get(x).copied().flatten();
        Some(row(lower)? - row(upper)?)
    };
    let error = |x: usize| Some(f64::from(thickness(rows, x)? - thickness(graded, x)?) * axial_um);
    let known: Vec<bool> = (0..width).map(|x| error(x).is_some()).collect();
    // Only where the grader drew both lines.
    let kept = std::array::from_fn(|b| (0..width).map(|x| rows[b][x].filter(|_| known[x])).collect());
    let own = std::array::from_fn(|b| (0..width).map(|x| deviations[b][x].unwrap_or(0.0)).collect());
    let surfaces = Surfaces::exact(4096, kept).with_estimates(own, vec![1.0; width], vec![false; width]);
    let errors: Vec<f64> = (0..width).filter_map(error).collect();
    let squares = (0..width).filter(|&x| known[x]).map(|x| {
        let [upper, lower] = [upper, lower].map(|b| f64::from(deviations[b][x].unwrap_or(0.0)) * axial_um);
        upper.powi(2) + lower.powi(2)
    });
    (errors.len() >= LEAST_ASCANS).then_some(())?;
    Some(Compared {
        error_um: mean(errors.iter().copied()),
        half_width_um: half_width_in_bscan(&surfaces, of, Some(axial_um), Some(lateral_um))?.into(),
        deviation_um: mean(squares.clone()).sqrt(),
        ascans: errors.len(),
    })
}

/// The columns of a table that are named after boundaries; empty if there is none.
fn columns(file: &Path) -> Result<Columns, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let at = Boundary::ALL.map(|boundary| head.iter().position(|&name| name == boundary.name()));
    let mut columns: Columns = std::array::from_fn(|_| Vec::new());
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        for (column, at) in columns.iter_mut().zip(at) {
            column.push(at.and_then(|at| cells.get(at)?.parse().ok()));
        }
    }
    Ok(columns)
}
