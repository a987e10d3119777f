// Whether a signature's signer was who it says, at the moment that is proven, shown by what the
// signature carries: EN 319 102-1 clauses 5.2.6 (X.509), 5.4 (time-stamps) and 5.5 (with time).
// Used by validation, and by signing before it stores anything. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_JUDGE_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_JUDGE_H_

#include "absl/time/time.h"
#include "libs/signature/internal/xades.h"
#include "libs/signature/trust.h"
#include "libs/signature/validate.h"

namespace egov::signature::internal {

Verdict Passed();
Verdict Failed(SubIndication sub, absl::string_view reason, absl::string_view text);
Verdict Open(SubIndication sub, absl::string_view reason, absl::string_view text);
// A status in a verdict's words: its reason with `prefix`, its text.
Verdict Open(SubIndication sub, absl::string_view prefix, const absl::Status& status);

// The certificate of KeyInfo that SigningCertificate(V2) names (EN 319 102-1 clause 5.2.3).
absl::optional<pki::Certificate> SignerOf(const XadesSignature& signature);

// What the time-stamp is over (EN 319 132-1 clause 5.3): the SignatureValue element in canonical
// form.
absl::optional<std::string> StampedBytes(const XadesSignature& signature,
                                         absl::string_view canonicalization);

// Fills level (from B up), times, warnings of `report`; the signature's own value is the caller's
// affair. Anchors must not be empty.
Verdict JudgeTrust(const XadesSignature& signature, const pki::Certificate& signer,
                   const TrustAnchors& anchors, absl::Time now, SignatureReport* report);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_JUDGE_H_
