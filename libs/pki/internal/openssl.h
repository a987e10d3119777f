// What the .cc files of libs/pki share. The only header here that names OpenSSL's types; not for
// others.
#ifndef EGOV_LIBS_PKI_INTERNAL_OPENSSL_H_
#define EGOV_LIBS_PKI_INTERNAL_OPENSSL_H_

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"

namespace egov::pki::internal {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
inline void FreeStackOfX509(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
inline void FreeOpenSsl(void* pointer) { OPENSSL_free(pointer); }

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), Deleter<FreeStackOfX509>>;
using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>>;
using Asn1ObjectPtr = std::unique_ptr<ASN1_OBJECT, Deleter<ASN1_OBJECT_free>>;

struct KeyImpl {
  PkeyPtr pkey;
  KeyType type = KeyType::kP256;
  std::string spki;  // DER
  Digest digest{};
  // A context ready to sign or verify digests, duplicated for each use: looking the algorithm up
  // costs as much as a tenth of a signature. Null for keys that do not work on SHA-256 digests.
  PkeyContextPtr prepared;
};

// Lets the files of this library see inside its values.
struct Access {
  static EVP_PKEY* Pkey(const PublicKey& key) { return key.impl_->pkey.get(); }
  static EVP_PKEY* Pkey(const PrivateKey& key) { return key.impl_->pkey.get(); }
  static X509* Cert(const Certificate& certificate);
  static absl::StatusOr<PublicKey> WrapPublic(PkeyPtr pkey);
  static absl::StatusOr<PrivateKey> WrapPrivate(PkeyPtr pkey);
  static absl::StatusOr<Certificate> Wrap(X509Ptr certificate);
};

// The digest that certificates and lists are signed with by this key (null for Ed25519).
const EVP_MD* SignatureDigest(KeyType type);

// An error with the reason that OpenSSL gives for its first error (a fixed text of the library,
// never data); empties its queue.
base::Error OpenSslError(absl::StatusCode code, absl::string_view reason, absl::string_view text);

inline const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
BioPtr MemoryReader(absl::string_view bytes);  // reads `bytes`, which must outlive it
std::string Contents(BIO* memory);

// `encode` is an i2d_ function.
template <typename T>
std::string ToDer(int (*encode)(const T*, unsigned char**), const T* value) {
  unsigned char* out = nullptr;
  const int size = encode(value, &out);
  if (size < 0) return {};
  std::string der(reinterpret_cast<char*>(out), size);
  OPENSSL_free(out);
  return der;
}

// One PEM block of DER under `label` ("CERTIFICATE").
std::string PemBlock(absl::string_view label, absl::string_view der);
// The DER of all blocks of this label in their order.
std::vector<std::string> DerOfPem(absl::string_view label, absl::string_view pem);

absl::Time FromAsn1(const ASN1_TIME* time);  // InfinitePast when malformed
Asn1TimePtr ToAsn1(absl::Time time);
std::string NameText(const X509_NAME* name);  // RFC 2253
std::string SerialText(
    const ASN1_INTEGER* serial);  // lower-case hexadecimal, no leading zeros; negative with '-'
std::string ObjectText(const ASN1_OBJECT* object);  // dotted
// A stack that holds references to the certificates.
X509StackPtr StackOf(absl::Span<const Certificate> certificates);

}  // namespace egov::pki::internal

#endif  // EGOV_LIBS_PKI_INTERNAL_OPENSSL_H_
