// Does this certificate lead to an anchor we trust, for this purpose, at this moment?
//
// Thread safety: ChainVerifier is immutable; make a new one when anchors or lists change and swap
// the pointer. Cost: about 130 us a chain of two (a signature check each); remember what was
// verified.
#ifndef EGOV_LIBS_PKI_VERIFY_H_
#define EGOV_LIBS_PKI_VERIFY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"

namespace egov::pki {

namespace internal {
struct VerifierImpl;
}

// What to make of an issuer for which no usable revocation list is at hand.
enum class Revocation {
  kIfKnown,   // go on: the list is checked when there is one
  kRequired,  // REVOCATION_UNKNOWN, also when the newest list was overdue at the asked moment
};

class ChainVerifier {
 public:
  // `anchors` are trusted as they are, roots or authorities below one. Lists whose issuer is not
  // found among the chain's certificates are not used. INVALID_ARGUMENT/NO_ANCHOR when there is
  // none.
  static absl::StatusOr<ChainVerifier> Create(std::vector<Certificate> anchors,
                                              std::vector<Crl> lists = {},
                                              Revocation revocation = Revocation::kIfKnown);

  // Verifies `leaf` and returns its chain, leaf first, anchor last. `others` may hold anything:
  // what is needed is taken. Errors (UNAUTHENTICATED unless said otherwise), by reason:
  //   UNKNOWN_ISSUER      no path to an anchor
  //   EXPIRED, NOT_YET_VALID   a certificate of the chain, at `at`
  //   REVOKED             at or before `at`; metadata "revoked" has the moment, "code" the reason's
  //   number REVOCATION_UNKNOWN  see Revocation WRONG_USAGE         PERMISSION_DENIED: the leaf, or
  //   an authority above it, is not for this BAD_SIGNATURE, BAD_CHAIN  anything else, in words
  absl::StatusOr<std::vector<Certificate>> Verify(const Certificate& leaf,
                                                  absl::Span<const Certificate> others,
                                                  Purpose purpose, absl::Time at) const;

  const std::vector<Certificate>& anchors() const;
  const std::vector<Crl>& lists() const;

 private:
  friend struct internal::Access;
  explicit ChainVerifier(std::shared_ptr<const internal::VerifierImpl> impl)
      : impl_(std::move(impl)) {}
  std::shared_ptr<const internal::VerifierImpl> impl_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_VERIFY_H_
