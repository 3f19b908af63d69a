//! Negotiation of associations (PS3.8, section 9.3): accepted titles, SOP classes and transfer syntaxes.

use std::collections::BTreeMap;

use dicom_dictionary_std::uids;
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason, AssociationRJSource, AssociationRQ,
    PresentationContextResult, PresentationContextResultReason, UserVariableItem,
};

use super::{AeTitle, IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, MAX_PDU, uid::trimmed};

/// The DICOM application context (PS3.7, A.2.1).
pub(super) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
pub(super) const PROTOCOL_VERSION: u16 = 1;

/// Accepted SOP classes: objects that may be a scan or part of one.
const CLASSES: [&str; 8] = [
    uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE,
    uids::OPHTHALMIC_PHOTOGRAPHY8_BIT_IMAGE_STORAGE,
    uids::OPHTHALMIC_PHOTOGRAPHY16_BIT_IMAGE_STORAGE,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::MULTI_FRAME_SINGLE_BIT_SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::MULTI_FRAME_GRAYSCALE_BYTE_SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::MULTI_FRAME_GRAYSCALE_WORD_SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE,
];

/// Accepted transfer syntaxes; data sets are stored as received.
const SYNTAXES: [&str; 11] = [
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::RLE_LOSSLESS,
    uids::JPEG_BASELINE8_BIT,
    uids::JPEG_EXTENDED12_BIT,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEGLS_LOSSLESS,
    uids::JPEGLS_NEAR_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
];

/// A presentation context: SOP class and transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// UID of the SOP class.
    pub(super) class: String,
    /// UID of the transfer syntax.
    pub(super) syntax: String,
}

/// Decides which associations to accept.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// Our own title.
    pub(super) title: AeTitle,
    /// Calling titles to accept; empty accepts all.
    pub(super) allowed: Vec<AeTitle>,
}

impl Policy {
    /// The answer to `request`, and the accepted contexts by identifier.
    pub(super) fn answer(
        &self,
        request: AssociationRQ,
    ) -> Result<(AssociationAC, BTreeMap<u8, Context>), AssociationRJ> {
        use AssociationRJServiceUserReason as Reason;
        if request.protocol_version & PROTOCOL_VERSION == 0 {
            let reason = AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported;
            return Err(permanent(AssociationRJSource::ServiceProviderASCE(reason)));
        }
        let refused = |reason| Err(permanent(AssociationRJSource::ServiceUser(reason)));
        if trimmed(&request.application_context_name) != APPLICATION_CONTEXT {
            return refused(Reason::ApplicationContextNameNotSupported);
        }
        if request.called_ae_title != self.title.as_str() {
            return refused(Reason::CalledAETitleNotRecognized);
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|title| title.as_str() == request.calling_ae_title) {
            return refused(Reason::CallingAETitleNotRecognized);
        }

        let mut accepted = BTreeMap::new();
        let presentation_contexts = request
            .presentation_contexts
            .into_iter()
            .map(|proposed| {
                let (reason, syntax) = negotiate(&proposed.abstract_syntax, &proposed.transfer_syntaxes);
                if reason == PresentationContextResultReason::Acceptance {
                    let class = trimmed(&proposed.abstract_syntax).to_owned();
                    accepted.insert(proposed.id, Context { class, syntax: syntax.clone() });
                }
                PresentationContextResult { id: proposed.id, reason, transfer_syntax: syntax }
            })
            .collect();
        let answer = AssociationAC {
            protocol_version: PROTOCOL_VERSION,
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            called_ae_title: request.called_ae_title,
            calling_ae_title: request.calling_ae_title,
            presentation_contexts,
            user_variables: user_variables(),
        };
        Ok((answer, accepted))
    }
}

/// The user information that we send as requester and acceptor.
pub(super) fn user_variables() -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(MAX_PDU),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
    ]
}

/// The rejection when the limit of associations is reached.
pub(super) const fn too_many() -> AssociationRJ {
    let reason = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    AssociationRJ {
        result: AssociationRJResult::Transient,
        source: AssociationRJSource::ServiceProviderPresentation(reason),
    }
}

const fn permanent(source: AssociationRJSource) -> AssociationRJ {
    AssociationRJ { result: AssociationRJResult::Permanent, source }
}

/// Accepts or refuses a context. Chooses the first proposed transfer syntax that we accept.
fn negotiate(class: &str, proposed: &[String]) -> (PresentationContextResultReason, String) {
    use PresentationContextResultReason as Reason;
    let class = trimmed(class);
    let is_accepted: fn(&str) -> bool = if class == uids::VERIFICATION {
        |syntax| SYNTAXES[..2].contains(&syntax)
    } else if CLASSES.contains(&class) {
        |syntax| SYNTAXES.contains(&syntax)
    } else {
        // A refused context must contain a transfer syntax, which the peer ignores.
        return (Reason::AbstractSyntaxNotSupported, SYNTAXES[0].to_owned());
    };
    match proposed.iter().map(|syntax| trimmed(syntax)).find(|syntax| is_accepted(syntax)) {
        Some(syntax) => (Reason::Acceptance, syntax.to_owned()),
        None => (Reason::TransferSyntaxesNotSupported, SYNTAXES[0].to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_supported_transfer_syntax_is_accepted() {
        let negotiated =
            |class, syntaxes: &[&str]| negotiate(class, &syntaxes.iter().map(|&s| s.to_owned()).collect::<Vec<_>>());
        let big_endian = "1.2.840.10008.1.2.2";
        let opt = uids::OPHTHALMIC_TOMOGRAPHY_IMAGE_STORAGE;
        let (reason, syntax) = negotiated(opt, &[big_endian, uids::JPEGLS_NEAR_LOSSLESS, uids::JPEG2000]);
        assert_eq!(
            (reason, syntax.as_str()),
            (PresentationContextResultReason::Acceptance, uids::JPEGLS_NEAR_LOSSLESS)
        );
        assert_eq!(negotiated(opt, &[big_endian]).0, PresentationContextResultReason::TransferSyntaxesNotSupported);
        assert_eq!(negotiated(opt, &[]).0, PresentationContextResultReason::TransferSyntaxesNotSupported);
        let jpeg = negotiated(uids::VERIFICATION, &[uids::JPEG2000]).0;
        assert_eq!(jpeg, PresentationContextResultReason::TransferSyntaxesNotSupported);
        let ct = negotiated(uids::CT_IMAGE_STORAGE, &[SYNTAXES[0]]).0;
        assert_eq!(ct, PresentationContextResultReason::AbstractSyntaxNotSupported);
    }
}
