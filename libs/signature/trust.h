// Whom a signature's validation believes. Pinned certificates, no lists fetched from anywhere.
//
// Thread safety: a value.
#ifndef EGOV_LIBS_SIGNATURE_TRUST_H_
#define EGOV_LIBS_SIGNATURE_TRUST_H_

#include <vector>

#include "libs/pki/certificate.h"

namespace egov::signature {

struct TrustAnchors {
  // Authorities of signers, roots or the issuing ones. Their OCSP responders need no anchor: an
  // answer counts when the certificate's own authority signed it or made the responder's
  // certificate (RFC 6960 section 4.2.2.2).
  std::vector<pki::Certificate> authorities;
  // Authorities of time-stamps, or their own certificates (then nobody else can withdraw them).
  std::vector<pki::Certificate> time_stamping;
};

}  // namespace egov::signature

#endif  // EGOV_LIBS_SIGNATURE_TRUST_H_
