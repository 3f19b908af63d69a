//! What persons say of results: accepted, rejected, commented, corrected.
//!
//! A review goes into the ledger, where rows are only added, and beside the result into `review.json`, so that exports
//! and other programs find it. It belongs to one result: a later one of the same scan is not reviewed yet.

use std::{
    io::{self, Write},
    path::Path,
};

use jiff::Timestamp;
use octrls_fs::{
    confined::open_parent,
    durable::{sync_folder, unfinished_file},
};
pub use octrls_report::REVIEW_FILE;
use serde::{Deserialize, Serialize};

/// Version of its structure.
const REVIEW_SCHEMA: &str = "octrls.review/1";
/// Longest name and comment, in characters.
pub const MAX_REVIEWER: usize = 100;
/// Longest comment, in characters.
pub const MAX_COMMENT: usize = 2000;

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewState {
    /// The lines can be used.
    Accepted,
    /// They cannot; the comment says why.
    Rejected,
    /// Nothing was decided.
    Commented,
    /// Lines were corrected by hand, and can be used now.
    Corrected,
}

impl ReviewState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Rejected, Self::Commented, Self::Corrected];

    /// The state as a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Commented => "commented",
            Self::Corrected => "corrected",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether it settles whether the lines can be used.
    #[must_use]
    pub const fn is_decision(self) -> bool {
        !matches!(self, Self::Commented)
    }
}

/// A review of one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What was decided.
    pub state: ReviewState,
    /// Who decided it.
    pub reviewer: String,
    /// Why, or anything else; may be empty.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// Why a review is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Without a name, nobody has reviewed it.
    #[error("a review needs the name of the reviewer")]
    NoReviewer,
    /// A rejection says why.
    #[error("a rejection needs a reason, and a comment needs words")]
    NoComment,
    /// A text is too long.
    #[error("a name has at most {MAX_REVIEWER} and a comment at most {MAX_COMMENT} characters")]
    TooLong,
}

impl Review {
    /// A review of now; blanks around the texts and control characters in them are dropped.
    ///
    /// # Errors
    /// [`ReviewError`] without a name, without a reason for a rejection, or for texts that are too long.
    pub fn new(state: ReviewState, reviewer: &str, comment: &str) -> Result<Self, ReviewError> {
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned();
        let (reviewer, comment) = (clean(reviewer), clean(comment));
        if reviewer.is_empty() {
            return Err(ReviewError::NoReviewer);
        }
        if comment.is_empty() && matches!(state, ReviewState::Rejected | ReviewState::Commented) {
            return Err(ReviewError::NoComment);
        }
        if reviewer.chars().count() > MAX_REVIEWER || comment.chars().count() > MAX_COMMENT {
            return Err(ReviewError::TooLong);
        }
        Ok(Self { state, reviewer, comment, at: Timestamp::now() })
    }
}

/// The content of `review.json`.
#[derive(Serialize)]
struct ReviewFile<'a> {
    schema: &'static str,
    /// The last decision, if there is one.
    state: Option<ReviewState>,
    reviewer: Option<&'a str>,
    at: Option<Timestamp>,
    /// All reviews of this result, oldest first.
    reviews: &'a [Review],
}

/// Writes `reviews` of the result `folder` below `out`, oldest first, in place of earlier ones.
pub(crate) fn write_reviews(out: &Path, folder: &Path, reviews: &[Review]) -> io::Result<()> {
    let target = out.join(folder).join(REVIEW_FILE);
    let handle = open_parent(out, &target)?;
    let decision = reviews.iter().rfind(|review| review.state.is_decision());
    let content = ReviewFile {
        schema: REVIEW_SCHEMA,
        state: decision.map(|review| review.state),
        reviewer: decision.map(|review| review.reviewer.as_str()),
        at: decision.map(|review| review.at),
        reviews,
    };
    let parent = handle.path();
    let mut staged = unfinished_file(parent, ".octrls-")?;
    staged.write_all(&serde_json::to_vec_pretty(&content).map_err(io::Error::other)?)?;
    staged.as_file().sync_all()?;
    staged.persist(handle.entry(&target)).map_err(|error| error.error)?;
    sync_folder(parent)
}

#[cfg(test)]
fn read_reviews(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join(REVIEW_FILE)).unwrap()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_has_a_name_and_a_rejection_a_reason() {
        let new = |state, reviewer, comment| Review::new(state, reviewer, comment).map(|r| (r.reviewer, r.comment));
        assert_eq!(new(ReviewState::Accepted, " Dr. No\n", ""), Ok(("Dr. No".into(), String::new())));
        assert_eq!(new(ReviewState::Accepted, " ", ""), Err(ReviewError::NoReviewer));
        assert_eq!(new(ReviewState::Rejected, "a", "  "), Err(ReviewError::NoComment));
        assert_eq!(new(ReviewState::Commented, "a", ""), Err(ReviewError::NoComment));
        assert_eq!(new(ReviewState::Accepted, "a", &"x".repeat(MAX_COMMENT + 1)), Err(ReviewError::TooLong));
    }

    #[test]
    fn the_last_decision_stands_in_front() {
        let out = tempfile::tempdir().unwrap();
        std::fs::create_dir(out.path().join("scan")).unwrap();
        let review = |state, comment| Review::new(state, "Eva", comment).unwrap();
        let reviews = [review(ReviewState::Rejected, "ILM is off"), review(ReviewState::Commented, "repeat it")];
        write_reviews(out.path(), Path::new("scan"), &reviews).unwrap();
        let file = read_reviews(&out.path().join("scan"));
        assert_eq!(
            (file["state"].as_str(), file["reviews"][1]["comment"].as_str()),
            (Some("rejected"), Some("repeat it"))
        );
        assert!(write_reviews(out.path(), Path::new("../elsewhere"), &reviews).is_err());
    }
}
