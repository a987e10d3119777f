// Does the signature hold? XML-DSig core validation (section 3.2) by xmlsec1, told to do as little
// as can be: see the .cc file. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_XMLDSIG_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_XMLDSIG_H_

#include "absl/status/status.h"
#include "libs/pki/certificate.h"
#include "libs/signature/container.h"
#include "libs/signature/internal/xades.h"

namespace egov::signature::internal {

// Digests of all references, data files read from `container`, and the signature value with the
// signer's key. UNAUTHENTICATED: HASH_FAILURE when a reference's digest is another,
// BAD_SIGNATURE when the value is not this key's; or an error of reading the container.
absl::Status CheckXmlSignature(const XadesSignature& signature, const pki::Certificate& signer,
                               const Container& container);

// Accepted signature methods: ECDSA and RSA PKCS #1 v1.5 with SHA-256, SHA-384, SHA-512.
bool IsSignatureAlgorithm(absl::string_view uri);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_XMLDSIG_H_
