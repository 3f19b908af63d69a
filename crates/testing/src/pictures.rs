//! Pictures such as viewers make.

/// Grey values, 0 to 1, of a square that looks like a fundus image: bright, with dark vessels in all directions and a
/// darker rim.
#[must_use]
pub fn fundus(side: usize) -> Vec<f32> {
    let pixel = |i: usize| {
        let at = |v: usize| v as f32 / side as f32;
        let (x, y) = (at(i % side), at(i / side));
        let vessel = |a: f32, b: f32, c: f32| {
            let distance = (a * x + b * y + 0.03 * (9.0 * x + c).sin() + 0.03 * (8.0 * y).sin() - c).abs();
            if distance < 0.012 { 0.55 } else { 1.0 }
        };
        let vessels = vessel(0.6, 0.8, 0.4) * vessel(0.8, -0.6, 0.2) * vessel(1.0, 0.1, 0.7) * vessel(-0.1, 1.0, 0.6);
        let rim = 1.0 - 0.5 * ((x - 0.5).powi(2) + (y - 0.5).powi(2));
        let speckle = ((i * 7919) % 97) as f32 / 97.0 - 0.5;
        (0.55 * vessels * rim * (1.0 + 0.25 * speckle)).clamp(0.0, 1.0)
    };
    (0..side * side).map(pixel).collect()
}

/// Columns and rows of the ink of something like a line of text, 9 pixels high, from its upper left corner.
pub fn text(letters: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..letters).flat_map(|letter| {
        let strokes = (0..5).flat_map(|x| (0..9).map(move |y| (x, y)));
        strokes.filter(move |(x, y)| (x * 3 + y * 5 + letter * 7) % 4 == 0).map(move |(x, y)| (letter * 7 + x, y))
    })
}
