//! Lesion masks: `lesions/ID.png`, and what its class "other" is in `other/ID.png`.

use std::path::Path;

use octrls_core::{lesion::Lesion, measure::accuracy::IGNORE};

use super::{DataError, masks::read_index_image};

/// Class of "other" lesions in `lesions/`, and of intraretinal and subretinal fluid, drusen and detachments.
const OTHER: u8 = 5;
/// Classes of `other/`.
const MEMBRANE: u8 = 1;
const EXUDATE: u8 = 2;
const HOLE: u8 = 3;

/// Reads the lesion mask of scan `id` in the set's `folder`; `None` if the set has none.
///
/// # Errors
/// [`DataError`] if an image cannot be read, has another size or an unknown class.
pub(super) fn read_lesions(
    folder: &Path,
    id: &str,
    (width, height): (usize, usize),
) -> Result<Option<Vec<u8>>, DataError> {
    let [lesions, other] = ["lesions", "other"].map(|name| folder.join(name).join(format!("{id}.png")));
    if !lesions.exists() {
        return Ok(None);
    }
    let mut mask = read_index_image(&lesions, width, height)?;
    let kinds = other.exists().then(|| read_index_image(&other, width, height)).transpose()?;
    for (i, class) in mask.iter_mut().enumerate() {
        let kind = kinds.as_ref().map(|kinds| kinds[i]);
        *class = match (*class, kind) {
            (0 | IGNORE, _) => *class,
            (1, _) => Lesion::Irf.class(),
            (2, _) => Lesion::Srf.class(),
            // The border between drusen and detachments is a rule of height.
            (3 | 4, _) => Lesion::SubRpe.class(),
            (OTHER, Some(MEMBRANE)) => Lesion::Shrm.class(),
            (OTHER, Some(EXUDATE)) => 0,
            (OTHER, Some(HOLE)) => Lesion::Hole.class(),
            (OTHER, _) => IGNORE,
            (class, _) => return Err(DataError::label(&lesions, format!("{class} is not a lesion"))),
        };
    }
    Ok(Some(mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::write_mask;

    #[test]
    fn classes_of_the_data_become_those_of_the_network() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["lesions", "other"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let read = || read_lesions(folder.path(), "a", (9, 1));
        assert_eq!(read().expect("nothing"), None);
        write_mask(&folder.path().join("lesions/a.png"), &[0, 1, 2, 3, 4, 5, 5, 5, 255], 9).expect("a file");
        assert_eq!(read().expect("valid"), Some(vec![0, 1, 2, 3, 3, 255, 255, 255, 255]));
        write_mask(&folder.path().join("other/a.png"), &[7, 0, 0, 0, 0, 1, 2, 3, 0], 9).expect("a file");
        assert_eq!(read().expect("valid"), Some(vec![0, 1, 2, 3, 3, 5, 0, 4, 255]));
        write_mask(&folder.path().join("lesions/a.png"), &[9; 9], 9).expect("a file");
        assert!(read().is_err());
    }
}
