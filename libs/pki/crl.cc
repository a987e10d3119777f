#include "libs/pki/crl.h"

#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {
namespace internal {

struct CrlImpl {
  X509CrlPtr crl;
  std::string der;
  Digest digest{};
  std::string issuer;
  uint64_t number = 0;
  absl::Time this_update, next_update;
  std::vector<RevokedCertificate> revoked;
  absl::flat_hash_map<std::string, size_t> by_serial;  // into `revoked`
};

}  // namespace internal

using internal::Access;
using internal::OpenSslError;

namespace {

absl::Status Bad(absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_CRL",
                      absl::StrCat("not a revocation list: ", why));
}

RevocationReason ReasonOf(const X509_REVOKED* entry) {
  std::unique_ptr<ASN1_ENUMERATED, internal::Deleter<ASN1_ENUMERATED_free>> reason(
      static_cast<ASN1_ENUMERATED*>(
          X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
  if (reason == nullptr) return RevocationReason::kUnspecified;
  return static_cast<RevocationReason>(ASN1_ENUMERATED_get(reason.get()));
}

bool AddEntry(X509_CRL* crl, const RevokedCertificate& certificate) {
  BIGNUM* number = nullptr;
  if (certificate.serial.empty() || BN_hex2bn(&number, certificate.serial.c_str()) !=
                                        static_cast<int>(certificate.serial.size())) {
    BN_free(number);
    return false;
  }
  internal::BignumPtr owner(number);
  internal::Asn1IntegerPtr serial(BN_to_ASN1_INTEGER(number, nullptr));
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, serial.get());
  X509_REVOKED_set_revocationDate(entry, internal::ToAsn1(certificate.revoked).get());
  // RFC 5280 section 5.3.1: the extension should be absent rather than say "unspecified".
  if (certificate.reason != RevocationReason::kUnspecified) {
    std::unique_ptr<ASN1_ENUMERATED, internal::Deleter<ASN1_ENUMERATED_free>> reason(
        ASN1_ENUMERATED_new());
    ASN1_ENUMERATED_set(reason.get(), static_cast<int>(certificate.reason));
    X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason.get(), 0, 0);
  }
  if (X509_CRL_add0_revoked(crl, entry) == 1) return true;
  X509_REVOKED_free(entry);
  return false;
}

}  // namespace

absl::StatusOr<Crl> Crl::FromDer(absl::string_view der) {
  const unsigned char* at = internal::Bytes(der);
  internal::X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (crl == nullptr || at != internal::Bytes(der) + der.size()) return Bad("malformed");
  // A delta list or one for some kinds of certificates only says less than Find() promises.
  for (const int nid : {NID_delta_crl, NID_issuing_distribution_point}) {
    if (X509_CRL_get_ext_by_NID(crl.get(), nid, -1) >= 0) return Bad("it is partial");
  }
  auto impl = std::make_shared<internal::CrlImpl>();
  impl->der = std::string(der);
  impl->digest = Sha256Of(der);
  impl->issuer = internal::NameText(X509_CRL_get_issuer(crl.get()));
  impl->this_update = internal::FromAsn1(X509_CRL_get0_lastUpdate(crl.get()));
  const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl.get());
  impl->next_update = next == nullptr ? absl::InfiniteFuture() : internal::FromAsn1(next);
  if (impl->this_update == absl::InfinitePast() || impl->next_update == absl::InfinitePast()) {
    return Bad("a time is malformed");
  }
  internal::Asn1IntegerPtr number(static_cast<ASN1_INTEGER*>(
      X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr)));
  if (number != nullptr && ASN1_INTEGER_get_uint64(&impl->number, number.get()) != 1) {
    return Bad("its number does not fit 64 bits");
  }
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    RevokedCertificate certificate{internal::SerialText(X509_REVOKED_get0_serialNumber(entry)),
                                   internal::FromAsn1(X509_REVOKED_get0_revocationDate(entry)),
                                   ReasonOf(entry)};
    impl->by_serial.emplace(certificate.serial, impl->revoked.size());
    impl->revoked.push_back(std::move(certificate));
  }
  impl->crl = std::move(crl);
  ERR_clear_error();
  return Crl(std::shared_ptr<const internal::CrlImpl>(std::move(impl)));
}

absl::StatusOr<Crl> Crl::FromPem(absl::string_view pem) {
  const auto blocks = internal::DerOfPem(PEM_STRING_X509_CRL, pem);
  if (blocks.size() != 1) return Bad("not one PEM block");
  return FromDer(blocks[0]);
}

absl::StatusOr<Crl> Crl::Build(const Certificate& issuer, const PrivateKey& issuer_key,
                               uint64_t number, absl::Time this_update, absl::Time next_update,
                               const std::vector<RevokedCertificate>& revoked) {
  internal::X509CrlPtr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(Access::Cert(issuer)));
  X509_CRL_set1_lastUpdate(crl.get(), internal::ToAsn1(this_update).get());
  X509_CRL_set1_nextUpdate(crl.get(), internal::ToAsn1(next_update).get());
  for (const RevokedCertificate& certificate : revoked) {
    if (!AddEntry(crl.get(), certificate)) return Bad("a serial is not hexadecimal");
  }
  X509_CRL_sort(crl.get());
  internal::Asn1IntegerPtr crl_number(ASN1_INTEGER_new());
  ASN1_INTEGER_set_uint64(crl_number.get(), number);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, Access::Cert(issuer), nullptr, nullptr, crl.get(), 0);
  X509_EXTENSION* key_id =
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always");
  const bool named = key_id != nullptr && X509_CRL_add_ext(crl.get(), key_id, -1) == 1;
  X509_EXTENSION_free(key_id);
  if (!named || X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, crl_number.get(), 0, 0) != 1 ||
      X509_CRL_sign(crl.get(), Access::Pkey(issuer_key),
                    internal::SignatureDigest(issuer_key.type())) <= 0) {
    return OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "no list could be made");
  }
  return FromDer(internal::ToDer(i2d_X509_CRL, crl.get()));
}

const std::string& Crl::ToDer() const { return impl_->der; }
std::string Crl::ToPem() const { return internal::PemBlock(PEM_STRING_X509_CRL, impl_->der); }
const Digest& Crl::digest() const { return impl_->digest; }
const std::string& Crl::issuer() const { return impl_->issuer; }
std::string Crl::HashName() const {
  // The hash that X509_LOOKUP_hash_dir uses in OpenSSL 1.0 and later.
  int ok = 0;
  const auto hash = X509_NAME_hash_ex(X509_CRL_get_issuer(impl_->crl.get()), nullptr, nullptr, &ok);
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad8), ".r0");
}
uint64_t Crl::number() const { return impl_->number; }
absl::Time Crl::this_update() const { return impl_->this_update; }
absl::Time Crl::next_update() const { return impl_->next_update; }
const std::vector<RevokedCertificate>& Crl::revoked() const { return impl_->revoked; }

absl::optional<RevokedCertificate> Crl::Find(absl::string_view serial) const {
  const auto found = impl_->by_serial.find(serial);
  if (found == impl_->by_serial.end()) return absl::nullopt;
  return impl_->revoked[found->second];
}

absl::Status Crl::VerifySignature(const Certificate& issuer) const {
  const bool may_sign = issuer.is_authority() && (issuer.key_usage() & kCrlSign) != 0;
  if (!may_sign || issuer.subject() != impl_->issuer ||
      X509_CRL_verify(impl_->crl.get(), Access::Pkey(issuer.public_key())) != 1) {
    ERR_clear_error();
    return base::Error(absl::StatusCode::kUnauthenticated, "BAD_SIGNATURE",
                       "the revocation list is not signed by this issuer");
  }
  return absl::OkStatus();
}

}  // namespace egov::pki
