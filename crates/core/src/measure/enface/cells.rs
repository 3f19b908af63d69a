//! Cells over which thickness is integrated: they tile the scanned area, and are split where a subfield ends.

/// Largest side of a cell in millimetres.
pub(super) const CELL_MM: f64 = 0.02;
/// Parts along each side of a cell that a border cuts.
const PARTS: i32 = 5;

/// The parts of a cell of `area` square millimetres at (right, down) millimetres from a centre: the cell itself, or a
/// square of smaller ones if a circle of one of `radii` or a diagonal through the centre may cut it. Each has a place and
/// an area.
pub(super) fn parts_of(
    (right, down): (f64, f64),
    area: f64,
    radii: &[f64],
) -> impl Iterator<Item = ((f64, f64), f64)> + use<> {
    let side = area.sqrt();
    let distance = right.hypot(down);
    let is_cut =
        radii.iter().any(|radius| (distance - radius).abs() < side) || (right.abs() - down.abs()).abs() < 2.0 * side;
    let count = if is_cut { PARTS } else { 1 };
    let offset = move |i: i32| side * ((f64::from(i) + 0.5) / f64::from(count) - 0.5);
    let share = area / f64::from(count * count);
    (0..count).flat_map(move |i| (0..count).map(move |j| ((right + offset(i), down + offset(j)), share)))
}
