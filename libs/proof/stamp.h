// A time-stamp response of which every byte counts.
//
// What an authority signs is only the inside of its answer: around it stand status texts,
// certificates and attributes that nobody signed and that could be changed unseen. Evidence admits
// only the narrow form below, in which each byte is either signed, fixed, or part of a certificate
// that is needed.
#ifndef EGOV_LIBS_PROOF_STAMP_H_
#define EGOV_LIBS_PROOF_STAMP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/pki/timestamp.h"
#include "libs/pki/verify.h"

namespace egov::proof {

struct Stamp {
  pki::TimeStamp stamp;
  std::vector<pki::Certificate> chain;  // the authority's, anchor last
};

// Puts the token of a granted response into the narrow form: status granted and nothing beside it.
// Errors of pki::TokenOfResponse.
absl::StatusOr<std::string> NarrowResponse(absl::string_view response);

// Verifies a response over these bytes (a checkpoint's note): form, imprint, nonce if one is
// expected, signature, chain at its time. Errors of pki::VerifyTimeStamp and INVALID_ARGUMENT
// BAD_TIME_STAMP when it is not in the narrow form. Cost: about 400 us.
absl::StatusOr<Stamp> VerifyStamp(absl::string_view response, absl::string_view stamped_bytes,
                                  absl::optional<uint64_t> nonce, const pki::ChainVerifier& trust,
                                  const std::vector<pki::Certificate>& others = {});

}  // namespace egov::proof

#endif  // EGOV_LIBS_PROOF_STAMP_H_
