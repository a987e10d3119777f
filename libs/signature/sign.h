// Making a XAdES signature (ETSI EN 319 132-1) for an ASiC-E container, step by step, so that the
// private key can be anywhere: on a card, in a phone, in a module.
//
//   Prepare        what is signed, and the bytes that the carrier signs
//   Finish         + the carrier's value                                      -> baseline B
//   AddTimeStamp   + an RFC 3161 time-stamp over the value                    -> baseline T
//   AddEvidence    + certificates and OCSP answers, made after the time-stamp -> baseline LT
//   WithSignature, AddSignature (container.h)
//
// Each step returns the whole signature as XML; it can be stored between steps and carries all the
// next one needs. Nothing enters a signature that was not verified first.
//
// Thread safety: values and free functions. Cost: about 0.3 ms each; AddEvidence verifies as
// validate.h does, 1.3 ms.
#ifndef EGOV_LIBS_SIGNATURE_SIGN_H_
#define EGOV_LIBS_SIGNATURE_SIGN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/sha256.h"
#include "libs/signature/container.h"
#include "libs/signature/trust.h"

namespace egov::signature {

// A data file to be signed. Whoever has it makes the digest; Prepare never sees the content.
struct FileDigest {
  std::string name;
  std::string media_type;  // as the container's manifest says
  pki::Digest sha256{};
};

// The digests of all data files of a container.
absl::StatusOr<std::vector<FileDigest>> DigestFiles(const Container& container);

// Where the signer says to be; empty fields are left out.
struct Place {
  std::string city, region, postal_code, country;
};

struct SignatureRequest {
  std::vector<FileDigest> files;  // all of the container's
  pki::Certificate signer;
  absl::Time claimed_time;         // cut to seconds
  std::vector<std::string> roles;  // claimed by the signer, proven by nobody
  Place place;
};

// A signature without its value.
struct Draft {
  std::string xml;
  std::string text;    // what is signed: SignedInfo in canonical form
  Hash hash;           // SHA-384 for a P-384 key, else SHA-256
  std::string digest;  // of `text` with `hash`, for carriers that sign a digest
};

// INVALID_ARGUMENT: NO_FILES; BAD_NAME or DUPLICATE_NAME in "files"; UNSUPPORTED_KEY for a key
// other than P-256, P-384, RSA; BAD_TEXT for a role or place that is not UTF-8 text.
// PERMISSION_DENIED/WRONG_USAGE when the certificate is not for electronic signatures and seals.
absl::StatusOr<Draft> Prepare(const SignatureRequest& request);

// `value` as pki::PrivateKey::Sign makes it of `text`: ECDSA as DER (see EcdsaDer), RSA PKCS #1
// v1.5. UNAUTHENTICATED/BAD_SIGNATURE when it is not the signer's over this draft;
// FAILED_PRECONDITION/ALREADY_SIGNED.
absl::StatusOr<std::string> Finish(absl::string_view draft_xml, absl::string_view value);

// An ECDSA value as cards and phones give it, r and s of equal length one behind the other, as DER.
// INVALID_ARGUMENT/BAD_SIGNATURE_VALUE.
absl::StatusOr<std::string> EcdsaDer(absl::string_view raw);

// What the time-stamp has to be about: pki::TimeStampRequest::New(*StampImprint(xml)).
absl::StatusOr<pki::Digest> StampImprint(absl::string_view xml);

// Adds a time-stamp (response or token). FAILED_PRECONDITION/ALREADY_STAMPED, or an error of
// pki::VerifyTimeStamp.
absl::StatusOr<std::string> AddTimeStamp(absl::string_view xml, absl::string_view response_or_token,
                                         absl::optional<uint64_t> nonce,
                                         const TrustAnchors& anchors);

// What shows that certificates were in force: DER each. At least the OCSP answer for the signer;
// the same for authorities between it and an anchor (an OCSP answer or a list) and for the
// time-stamp's authority unless that itself is an anchor; the certificates in between.
struct Evidence {
  std::vector<std::string> ocsp;
  std::vector<std::string> crls;
  std::vector<pki::Certificate> certificates;
};

// Adds evidence, which must make the signature one of baseline LT that TOTAL_PASSED.
// FAILED_PRECONDITION: NOT_STAMPED, ALREADY_COMPLETE, or INSUFFICIENT_EVIDENCE with the verdict's
// reason in metadata "reason" (validate.h).
absl::StatusOr<std::string> AddEvidence(absl::string_view xml, const Evidence& evidence,
                                        const TrustAnchors& anchors, absl::Time now);

}  // namespace egov::signature

#endif  // EGOV_LIBS_SIGNATURE_SIGN_H_
