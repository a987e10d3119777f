// ECDSA as tokens speak it (PKCS #11 2.40 mechanisms, section 2.3) and as everyone else does.
// Free functions; thread safe.
#ifndef EGOV_LIBS_TOKEN_INTERNAL_ECDSA_H_
#define EGOV_LIBS_TOKEN_INTERNAL_ECDSA_H_

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/issue.h"
#include "libs/pki/key.h"

namespace egov::token::internal {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;

inline const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
// `encode` is an i2d_ function.
template <typename T>
std::string ToDer(int (*encode)(T*, unsigned char**), T* value) {
  unsigned char* out = nullptr;
  const int size = encode(value, &out);
  if (size < 0) return {};
  std::string der(reinterpret_cast<char*>(out), size);
  OPENSSL_free(out);
  return der;
}

// Whether this library signs with such keys: P-256 and P-384.
bool IsEc(pki::KeyType type);

// CKA_EC_PARAMS of the curve: the object identifier in DER.
std::string CurveParameters(pki::KeyType type);

// The key of a public key object. CKA_EC_POINT is an OCTET STRING with the uncompressed point; the
// bare point, which some modules give, is read too. INVALID_ARGUMENT/BAD_KEY.
absl::StatusOr<pki::PublicKey> PublicKeyOf(absl::string_view parameters, absl::string_view point);

// INVALID_ARGUMENT/WRONG_DIGEST unless the digest is as long as the key's curve asks.
absl::Status CheckDigest(const pki::PublicKey& key, absl::string_view digest);

// r|s, each as long as the curve's order, turned into DER and verified with the key.
// INTERNAL/SIGNATURE_WRONG.
absl::StatusOr<std::string> SignatureOf(absl::string_view raw, const pki::PublicKey& key,
                                        absl::string_view digest);

// INTERNAL/SIGNATURE_WRONG unless the DER signature is the key's over this digest.
absl::Status VerifyDigest(const pki::PublicKey& key, absl::string_view digest,
                          absl::string_view signature);

// A signing request for a key that only its token can use. `sign` takes the digest and returns DER.
absl::StatusOr<pki::Csr> MakeCsr(
    const pki::PublicKey& key, absl::string_view common_name,
    const std::function<absl::StatusOr<std::string>(absl::string_view digest)>& sign);

}  // namespace egov::token::internal

#endif  // EGOV_LIBS_TOKEN_INTERNAL_ECDSA_H_
