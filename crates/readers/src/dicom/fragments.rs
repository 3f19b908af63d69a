//! Which fragments of compressed pixels belong to which frame (PS3.5, annex A.4).

use super::coding::Coding;
use crate::ReadError;

/// Compressed pixels as stored.
#[derive(Default)]
pub(crate) struct Fragments {
    /// Offset of the first fragment of each frame, from the first fragment; empty if not stated.
    pub(crate) offsets: Vec<u64>,
    pub(crate) fragments: Vec<Vec<u8>>,
}

impl Fragments {
    /// The compressed bytes of each of `count` frames: one fragment each, fragments joined by the offset table, or those
    /// from one start of a picture to the next.
    pub(super) fn into_frames(self, count: usize, coding: Coding) -> Result<Vec<Vec<u8>>, ReadError> {
        let Self { offsets, mut fragments } = self;
        while fragments.len() > count && fragments.last().is_some_and(Vec::is_empty) {
            fragments.pop();
        }
        if fragments.len() == count {
            return Ok(fragments);
        }
        if count == 1 && !fragments.is_empty() {
            return Ok(vec![fragments.concat()]);
        }
        let unclear = || ReadError::Malformed(format!("{} pixel fragments for {count} frames", fragments.len()));
        let starts = if offsets.len() == count && fragments.len() > count {
            by_offsets(&offsets, &fragments)
        } else {
            let starts: Option<Vec<bool>> = fragments.iter().map(|fragment| coding.begins(fragment)).collect();
            starts.filter(|starts| starts.iter().filter(|&&start| start).count() == count)
        };
        let starts = starts.filter(|starts| starts.first() == Some(&true)).ok_or_else(unclear)?;
        let mut frames: Vec<Vec<u8>> = Vec::with_capacity(count);
        for (fragment, start) in fragments.into_iter().zip(starts) {
            match frames.last_mut() {
                Some(frame) if !start => frame.extend(fragment),
                _ => frames.push(fragment),
            }
        }
        Ok(frames)
    }
}

/// Whether each fragment is the first of a frame; `None` if an offset is not that of a fragment.
fn by_offsets(offsets: &[u64], fragments: &[Vec<u8>]) -> Option<Vec<bool>> {
    let mut next = 0_u64;
    let mut remaining = offsets.iter().peekable();
    let starts = fragments.iter().map(|fragment| {
        let at = next;
        // Offsets count the tag and the length of each fragment.
        next += fragment.len() as u64 + 8;
        remaining.next_if(|&&offset| offset == at).is_some()
    });
    let starts: Vec<bool> = starts.collect();
    (remaining.next().is_none()).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = b"\xff\x4f\xff\x51";

    fn frames(offsets: &[u64], fragments: &[&[u8]], count: usize, coding: Coding) -> Result<Vec<Vec<u8>>, ReadError> {
        let fragments = fragments.iter().map(|f| f.to_vec()).collect();
        Fragments { offsets: offsets.to_vec(), fragments }.into_frames(count, coding)
    }

    #[test]
    fn one_fragment_is_a_frame_and_several_are_joined() {
        assert_eq!(frames(&[], &[b"ab", b"cd"], 2, Coding::Rle).unwrap(), [b"ab", b"cd"]);
        assert_eq!(frames(&[], &[b"ab", b"cd"], 1, Coding::Rle).unwrap(), [b"abcd"]);
        assert_eq!(frames(&[], &[b"ab", b"cd", b""], 2, Coding::Rle).unwrap(), [b"ab", b"cd"], "an empty last one");
        let expected: [&[u8]; 2] = [b"abcd", b"ef"];
        assert_eq!(frames(&[0, 20], &[b"ab", b"cd", b"ef"], 2, Coding::Rle).unwrap(), expected);
        for wrong in [&[0, 19][..], &[2, 20], &[0, 10, 20], &[20, 0], &[0, 0]] {
            assert!(frames(wrong, &[b"ab", b"cd", b"ef"], 2, Coding::Rle).is_err(), "{wrong:?}");
        }
        assert!(frames(&[], &[b"ab", b"cd", b"ef"], 2, Coding::Rle).is_err(), "nothing tells");
        assert!(frames(&[], &[], 1, Coding::Rle).is_err() && frames(&[], &[b"ab"], 2, Coding::Rle).is_err());
    }

    #[test]
    fn without_offsets_a_frame_starts_where_a_picture_does() {
        let picture = |rest: &[u8]| [START, rest].concat();
        let (a, b) = (picture(b"a"), picture(b"b"));
        let found = frames(&[], &[&a, b"cd", &b, b"ef", b"gh"], 2, Coding::Jpeg2000).unwrap();
        assert_eq!(found, [picture(b"acd"), picture(b"befgh")]);
        assert!(frames(&[], &[&a, b"cd", &b, b"ef"], 3, Coding::Jpeg2000).is_err());
        assert!(frames(&[], &[b"cd", &a, &b], 2, Coding::Jpeg2000).is_err(), "a fragment before the first picture");
        let jpeg = b"\xff\xd8\xff\xe0";
        assert_eq!(frames(&[], &[jpeg, b"a", jpeg], 2, Coding::Jpeg).unwrap().len(), 2);
    }
}
