#include "libs/token/internal/ecdsa.h"

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::token::internal {
namespace {

struct Curve {
  size_t size;             // bytes of an order, of a coordinate and of the digest
  const char* parameters;  // hexadecimal, as the next
  const char* spki;        // SubjectPublicKeyInfo up to the point
  const EVP_MD* (*digest)();
  int signature_nid;
  const char* digest_name;
};

// The two curves differ in nothing but numbers, so their DER (RFC 5480 section 2) is written out.
const Curve kP256 = {
    32,         "06082a8648ce3d030107", "3059301306072a8648ce3d020106082a8648ce3d030107034200",
    EVP_sha256, NID_ecdsa_with_SHA256,  "SHA-256"};
const Curve kP384 = {
    48,         "06052b81040022",      "3076301006072a8648ce3d020106052b81040022036200",
    EVP_sha384, NID_ecdsa_with_SHA384, "SHA-384"};

// Only for keys of which IsEc says yes.
const Curve& CurveOf(pki::KeyType type) { return type == pki::KeyType::kP384 ? kP384 : kP256; }

absl::Status BadKey(absl::string_view why) {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_KEY",
                     absl::StrCat("the token's public key cannot be read: ", why))
      .Expected("an EC key on P-256 or P-384");
}

absl::Status SignatureWrong() {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kInternal, "SIGNATURE_WRONG",
                     "what the carrier signed does not verify with its own certificate or key")
      .Expected("another carrier: this one is defective");
}

PkeyPtr PkeyOf(const pki::PublicKey& key) {
  const unsigned char* at = Bytes(key.ToDer());
  return PkeyPtr(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.ToDer().size())));  // NOLINT
}

}  // namespace

bool IsEc(pki::KeyType type) { return type == pki::KeyType::kP256 || type == pki::KeyType::kP384; }

std::string CurveParameters(pki::KeyType type) { return *base::FromHex(CurveOf(type).parameters); }

absl::StatusOr<pki::PublicKey> PublicKeyOf(absl::string_view parameters, absl::string_view point) {
  for (const pki::KeyType type : {pki::KeyType::kP256, pki::KeyType::kP384}) {
    if (parameters != CurveParameters(type)) continue;
    const Curve& curve = CurveOf(type);
    const size_t size = 1 + 2 * curve.size;
    // Both forms begin with 04, the tag of an OCTET STRING and of an uncompressed point: the length
    // tells them apart.
    if (point.size() == 2 + size && point[0] == 4 && point[1] == static_cast<char>(size)) {
      point.remove_prefix(2);
    }
    if (point.size() != size || point[0] != 4) return BadKey("the point is malformed");
    auto key = pki::PublicKey::FromDer(absl::StrCat(*base::FromHex(curve.spki), point));
    if (!key.ok()) return BadKey("the point is not on the curve");
    return key;
  }
  return BadKey("the curve is not known");
}

absl::Status CheckDigest(const pki::PublicKey& key, absl::string_view digest) {
  const Curve& curve = CurveOf(key.type());
  if (digest.size() == curve.size) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "WRONG_DIGEST",
                     "the digest does not have the length that the key signs")
      .Field("digest")
      .Expected(absl::StrCat(curve.size, " bytes of ", curve.digest_name));
}

absl::Status VerifyDigest(const pki::PublicKey& key, absl::string_view digest,
                          absl::string_view signature) {
  const PkeyPtr pkey = PkeyOf(key);
  const PkeyContextPtr context(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), CurveOf(key.type()).digest()) != 1 ||
      EVP_PKEY_verify(context.get(), Bytes(signature), signature.size(), Bytes(digest),
                      digest.size()) != 1) {
    return SignatureWrong();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SignatureOf(absl::string_view raw, const pki::PublicKey& key,
                                        absl::string_view digest) {
  const size_t size = CurveOf(key.type()).size;
  if (raw.size() != 2 * size) return SignatureWrong();
  const std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>> value(ECDSA_SIG_new());
  ECDSA_SIG_set0(value.get(), BN_bin2bn(Bytes(raw), static_cast<int>(size), nullptr),
                 BN_bin2bn(Bytes(raw.substr(size)), static_cast<int>(size), nullptr));
  std::string der = ToDer<const ECDSA_SIG>(i2d_ECDSA_SIG, value.get());
  EGOV_RETURN_IF_ERROR(VerifyDigest(key, digest, der));
  return der;
}

absl::StatusOr<pki::Csr> MakeCsr(
    const pki::PublicKey& key, absl::string_view common_name,
    const std::function<absl::StatusOr<std::string>(absl::string_view digest)>& sign) {
  const Curve& curve = CurveOf(key.type());
  const PkeyPtr pkey = PkeyOf(key);
  const std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>> request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  if (common_name.empty() || common_name.size() > 64 ||
      X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName,
                                 MBSTRING_UTF8, Bytes(common_name),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), pkey.get()) != 1) {
    ERR_clear_error();
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_NAME",
                       "the name cannot stand in a signing request")
        .Field("common_name")
        .Expected("1 to 64 characters of UTF-8");
  }
  const std::string signed_part = ToDer<X509_REQ>(i2d_re_X509_REQ_tbs, request.get());
  std::string digest(curve.size, '\0');
  EVP_Digest(signed_part.data(), signed_part.size(), reinterpret_cast<unsigned char*>(&digest[0]),
             nullptr, curve.digest(), nullptr);
  EGOV_ASSIGN_OR_RETURN(const std::string signature, sign(digest));
  const std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>> algorithm(X509_ALGOR_new());
  // RFC 5758 section 3.2: parameters are absent.
  X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(curve.signature_nid), V_ASN1_UNDEF, nullptr);
  X509_REQ_set1_signature_algo(request.get(), algorithm.get());
  ASN1_BIT_STRING* bits = ASN1_BIT_STRING_new();
  ASN1_STRING_set(bits, signature.data(), static_cast<int>(signature.size()));
  bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;  // no unused bits, even when the last are zero
  X509_REQ_set0_signature(request.get(), bits);
  // Reading it checks that it proves possession of the key.
  return pki::Csr::FromDer(ToDer<const X509_REQ>(i2d_X509_REQ, request.get()));
}

}  // namespace egov::token::internal
