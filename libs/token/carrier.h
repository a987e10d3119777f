// A carrier holds a citizen's two keys, each with its certificate: a card, a USB token (token.h) or
// a file (pkcs12.h). The private keys work inside it; what comes out is signatures.
//
// Errors of all carriers (code/REASON; Expected says what to do). None holds a PIN.
//   UNAUTHENTICATED/PIN_INCORRECT      metadata "tries": "last" or "few" when the token tells
//   FAILED_PRECONDITION/PIN_BLOCKED    too many wrong PINs; Token::Unblock
//   INVALID_ARGUMENT/PIN_MALFORMED     a PIN of this length or of these characters cannot be; not
//                                      tried
//   NOT_FOUND/CERTIFICATE_NOT_FOUND    nothing here for this use
//   INVALID_ARGUMENT/WRONG_DIGEST      the digest is not as long as the key asks
//   INTERNAL/SIGNATURE_WRONG           what the carrier signed does not verify; not handed on
#ifndef EGOV_LIBS_TOKEN_CARRIER_H_
#define EGOV_LIBS_TOKEN_CARRIER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/secret.h"

namespace egov::token {

enum class Use {
  kAuthentication,  // shows who somebody is
  kSignature,       // binds somebody to a text
};
absl::string_view UseName(Use use);  // "authentication", "signature"

// The one use of a person's certificate: signature when its key usage has contentCommitment,
// authentication when it has digitalSignature without it (ETSI EN 319 412-2 section 4.3.2; RFC 5280
// section 4.2.1.3). None for authorities and everything else.
absl::optional<Use> UseOf(const pki::Certificate& certificate);

// Thread safety: may be called from many threads; calls to one carrier wait for each other.
class Carrier {
 public:
  virtual ~Carrier() = default;

  // The newest certificate for this use. Needs no PIN.
  virtual absl::StatusOr<pki::Certificate> Certificate(Use use) = 0;

  // Signs a digest with the key of Certificate(use): SHA-256 with a P-256 key, SHA-384 with a P-384
  // key, as pki::PublicKey::Verify expects over the text. Returns ECDSA-Sig-Value in DER (RFC 3279
  // section 2.2.3), verified with the certificate. The PIN serves this one signature.
  virtual absl::StatusOr<std::string> Sign(Use use, absl::string_view digest,
                                           const pki::Secret& pin) = 0;
};

}  // namespace egov::token

#endif  // EGOV_LIBS_TOKEN_CARRIER_H_
