// Was a certificate in force at a moment? From OCSP answers and revocation lists that a signature
// carries. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_STATUS_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_STATUS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/signature/validate.h"

namespace egov::signature::internal {

// How an authority's clock may differ from the time-stamp's, and how much older than the moment a
// status may be that a responder gives out as current.
constexpr absl::Duration kStatusAge = absl::Minutes(15);

enum class Freshness {
  kAfter,    // known at or after the moment: for the signer, whose key may be lost any minute
  kInForce,  // or before it and still current at it: for authorities, whose lists come seldom
};

struct StatusFound {
  Verdict verdict;                   // passed: in force at the moment
  absl::optional<absl::Time> known;  // producedAt or thisUpdate of what shows it
};

// `at` is the moment in question. A revocation after it does not touch it, but for a lost key when
// `key_loss_is_retroactive`: with a stamping authority's key, old time-stamps can be made at any
// time.
StatusFound StatusAt(const pki::Certificate& certificate, const pki::Certificate& issuer,
                     const std::vector<std::string>& ocsp, const std::vector<std::string>& crls,
                     absl::Time at, Freshness freshness, bool key_loss_is_retroactive);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_STATUS_H_
