#include "libs/pki/certificate.h"

#include <openssl/objects.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {
namespace internal {

struct CertificateImpl {
  explicit CertificateImpl(PublicKey key) : public_key(std::move(key)) {}

  X509Ptr x509;
  std::string der;
  Digest fingerprint{};
  std::string subject, issuer, common_name, unit, serial;
  absl::Time not_before, not_after;
  PublicKey public_key;
  uint32_t key_usage = 0;
  bool has_key_usage = false;
  std::vector<std::string> extended_key_usage;
  bool extended_key_usage_critical = false;
  bool is_authority = false;
  bool ocsp_no_check = false;
  std::vector<std::string> uri_names, dns_names;
  absl::StatusOr<pki::SpiffeId> spiffe = absl::UnknownError("");
};

namespace {

absl::Status Bad(absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_CERTIFICATE",
                      absl::StrCat("not a certificate: ", why));
}

std::string NameEntry(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  if (at < 0) return "";
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) {
    ERR_clear_error();
    return "";
  }
  std::string text(reinterpret_cast<char*>(utf8), size);
  OPENSSL_free(utf8);
  return text;
}

void ReadAlternativeNames(const X509* x509, CertificateImpl* impl) {
  std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const ASN1_IA5STRING* value = name->d.ia5;
    std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     ASN1_STRING_length(value));
    (name->type == GEN_URI ? impl->uri_names : impl->dns_names).push_back(std::move(text));
  }
}

absl::StatusOr<SpiffeId> IdentityOf(const CertificateImpl& impl) {
  if (impl.uri_names.size() == 1) {
    auto id = SpiffeId::Parse(impl.uri_names[0]);
    if (id.ok()) return id;
  }
  return base::Error(absl::StatusCode::kUnauthenticated, "NO_SPIFFE_ID",
                     "the certificate does not have exactly one URI name that is a SPIFFE id")
      .Expected("one URI name spiffe://<instance>/<class>/<member>/<subsystem>");
}

}  // namespace

X509* Access::Cert(const Certificate& certificate) { return certificate.impl_->x509.get(); }

X509StackPtr StackOf(absl::Span<const Certificate> certificates) {
  X509StackPtr stack(sk_X509_new_null());
  for (const Certificate& certificate : certificates) {
    X509* x509 = Access::Cert(certificate);
    X509_up_ref(x509);
    sk_X509_push(stack.get(), x509);
  }
  return stack;
}

absl::StatusOr<Certificate> Access::Wrap(X509Ptr x509) {
  X509* raw = x509.get();
  PkeyPtr pkey(X509_get_pubkey(raw));
  if (pkey == nullptr) return Bad("its key cannot be read");
  auto key = WrapPublic(std::move(pkey));
  if (!key.ok()) return Bad("its key is of a kind or size that is not accepted");
  auto impl = std::make_shared<CertificateImpl>(*std::move(key));
  // Also fills OpenSSL's cache of extensions, so that later use from many threads only reads.
  const uint32_t flags = X509_get_extension_flags(raw);
  if ((flags & EXFLAG_INVALID) != 0) return Bad("an extension is malformed");
  impl->der = internal::ToDer(i2d_X509, raw);
  impl->fingerprint = Sha256Of(impl->der);
  impl->subject = NameText(X509_get_subject_name(raw));
  impl->issuer = NameText(X509_get_issuer_name(raw));
  impl->common_name = NameEntry(X509_get_subject_name(raw), NID_commonName);
  impl->unit = NameEntry(X509_get_subject_name(raw), NID_organizationalUnitName);
  impl->serial = SerialText(X509_get0_serialNumber(raw));
  impl->not_before = FromAsn1(X509_get0_notBefore(raw));
  impl->not_after = FromAsn1(X509_get0_notAfter(raw));
  if (impl->not_before == absl::InfinitePast() || impl->not_after == absl::InfinitePast()) {
    return Bad("a time is malformed");
  }
  impl->has_key_usage = (flags & EXFLAG_KUSAGE) != 0;
  if (impl->has_key_usage) {
    const uint32_t usage = X509_get_key_usage(raw);
    for (const auto& [theirs, ours] :
         {std::pair<uint32_t, uint32_t>{KU_DIGITAL_SIGNATURE, kDigitalSignature},
          {KU_NON_REPUDIATION, kContentCommitment},
          {KU_KEY_ENCIPHERMENT, 1 << 2},
          {KU_DATA_ENCIPHERMENT, 1 << 3},
          {KU_KEY_AGREEMENT, 1 << 4},
          {KU_KEY_CERT_SIGN, kKeyCertSign},
          {KU_CRL_SIGN, kCrlSign},
          {KU_ENCIPHER_ONLY, 1 << 7},
          {KU_DECIPHER_ONLY, 1 << 8}}) {
      if ((usage & theirs) != 0) impl->key_usage |= ours;
    }
  }
  impl->is_authority = (flags & EXFLAG_CA) != 0;
  impl->ocsp_no_check = X509_get_ext_by_NID(raw, NID_id_pkix_OCSP_noCheck, -1) >= 0;
  int critical = 0;
  std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<EXTENDED_KEY_USAGE_free>> extended(
      static_cast<EXTENDED_KEY_USAGE*>(
          X509_get_ext_d2i(raw, NID_ext_key_usage, &critical, nullptr)));
  if (extended != nullptr) {
    impl->extended_key_usage_critical = critical == 1;
    for (int i = 0; i < sk_ASN1_OBJECT_num(extended.get()); ++i) {
      impl->extended_key_usage.push_back(ObjectText(sk_ASN1_OBJECT_value(extended.get(), i)));
    }
  }
  ReadAlternativeNames(raw, impl.get());
  impl->spiffe = IdentityOf(*impl);
  impl->x509 = std::move(x509);
  ERR_clear_error();
  return Certificate(std::shared_ptr<const CertificateImpl>(std::move(impl)));
}

}  // namespace internal

using internal::Bytes;

absl::string_view PurposeName(Purpose purpose) {
  switch (purpose) {
    case Purpose::kTransport:
      return "transport";
    case Purpose::kSeal:
      return "seal";
    case Purpose::kLog:
      return "log";
    case Purpose::kTimeStamp:
      return "time-stamp";
    case Purpose::kOcsp:
      return "ocsp";
    case Purpose::kSignature:
      return "signature";
    case Purpose::kAuthority:
      return "authority";
  }
  return "";
}

absl::StatusOr<Certificate> Certificate::FromDer(absl::string_view der) {
  const unsigned char* at = Bytes(der);
  internal::X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (x509 == nullptr) return internal::Bad("malformed");
  if (at != Bytes(der) + der.size()) return internal::Bad("other bytes follow");
  return internal::Access::Wrap(std::move(x509));
}

absl::StatusOr<std::vector<Certificate>> Certificate::ChainFromPem(absl::string_view pem) {
  std::vector<Certificate> chain;
  for (const std::string& der : internal::DerOfPem(PEM_STRING_X509, pem)) {
    EGOV_ASSIGN_OR_RETURN(Certificate certificate, FromDer(der));
    chain.push_back(std::move(certificate));
  }
  if (chain.empty()) return internal::Bad("no PEM block");
  return chain;
}

absl::StatusOr<Certificate> Certificate::FromPem(absl::string_view pem) {
  EGOV_ASSIGN_OR_RETURN(std::vector<Certificate> chain, ChainFromPem(pem));
  if (chain.size() != 1) return internal::Bad("more than one PEM block");
  return std::move(chain[0]);
}

const std::string& Certificate::ToDer() const { return impl_->der; }
std::string Certificate::ToPem() const { return internal::PemBlock(PEM_STRING_X509, impl_->der); }
const Digest& Certificate::fingerprint() const { return impl_->fingerprint; }
const std::string& Certificate::subject() const { return impl_->subject; }
const std::string& Certificate::issuer() const { return impl_->issuer; }
const std::string& Certificate::common_name() const { return impl_->common_name; }
const std::string& Certificate::unit() const { return impl_->unit; }
const std::string& Certificate::serial() const { return impl_->serial; }
absl::Time Certificate::not_before() const { return impl_->not_before; }
absl::Time Certificate::not_after() const { return impl_->not_after; }
const PublicKey& Certificate::public_key() const { return impl_->public_key; }
uint32_t Certificate::key_usage() const { return impl_->key_usage; }
const std::vector<std::string>& Certificate::extended_key_usage() const {
  return impl_->extended_key_usage;
}
bool Certificate::extended_key_usage_critical() const { return impl_->extended_key_usage_critical; }
bool Certificate::is_authority() const { return impl_->is_authority; }
const std::vector<std::string>& Certificate::uri_names() const { return impl_->uri_names; }
const std::vector<std::string>& Certificate::dns_names() const { return impl_->dns_names; }
const absl::StatusOr<pki::SpiffeId>& Certificate::SpiffeId() const { return impl_->spiffe; }

absl::Status Certificate::CheckPurpose(Purpose purpose) const {
  static constexpr absl::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
  static constexpr absl::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";
  static constexpr absl::string_view kTimeStamping = "1.3.6.1.5.5.7.3.8";
  static constexpr absl::string_view kOcspSigning = "1.3.6.1.5.5.7.3.9";
  const auto wrong = [&](absl::string_view why) -> absl::Status {
    return base::Error(absl::StatusCode::kPermissionDenied, "WRONG_USAGE",
                       absl::StrCat("not a ", PurposeName(purpose), " certificate: ", why));
  };
  const auto& extended = impl_->extended_key_usage;
  const auto has = [&](absl::string_view oid) {
    return std::find(extended.begin(), extended.end(), oid) != extended.end();
  };
  if (impl_->is_authority != (purpose == Purpose::kAuthority)) {
    return wrong(impl_->is_authority ? "it is an authority's" : "it is not an authority's");
  }
  const auto only_signs = [&] {
    return !impl_->has_key_usage ||
           (impl_->key_usage & ~(kDigitalSignature | kContentCommitment)) == 0;
  };
  switch (purpose) {
    case Purpose::kTransport:
      if (impl_->key_usage != kDigitalSignature) return wrong("key usage is not digitalSignature");
      if (!has(kServerAuth) || !has(kClientAuth)) return wrong("server or client use is missing");
      return impl_->spiffe.status();
    case Purpose::kSeal:
    case Purpose::kLog:
      if (impl_->key_usage != kContentCommitment) {
        return wrong("key usage is not contentCommitment alone");
      }
      if (!extended.empty()) return wrong("it has an extended key usage");
      // An evidence log must not seal for its member, nor a member's seal sign a log.
      if ((impl_->unit == "log") != (purpose == Purpose::kLog)) {
        return wrong("the subject's unit says otherwise");
      }
      return impl_->spiffe.status();
    case Purpose::kTimeStamp:
      if (extended.size() != 1 || !has(kTimeStamping) || !impl_->extended_key_usage_critical) {
        return wrong("extended key usage is not timeStamping alone and critical");
      }
      if (!only_signs()) return wrong("key usage allows more than signing");
      return absl::OkStatus();
    case Purpose::kOcsp:
      if (extended.size() != 1 || !has(kOcspSigning)) {
        return wrong("extended key usage is not OCSPSigning alone");
      }
      if (!impl_->ocsp_no_check) return wrong("id-pkix-ocsp-nocheck is missing");
      if (!only_signs()) return wrong("key usage allows more than signing");
      return absl::OkStatus();
    case Purpose::kSignature:
      if ((impl_->key_usage & kContentCommitment) == 0) {
        return wrong("key usage lacks contentCommitment");
      }
      if (has(kTimeStamping) || has(kOcspSigning)) return wrong("it is an authority's tool");
      return absl::OkStatus();
    case Purpose::kAuthority:
      if ((impl_->key_usage & kKeyCertSign) == 0) return wrong("key usage lacks keyCertSign");
      return absl::OkStatus();
  }
  return wrong("no such purpose");
}

std::string ToPem(const std::vector<Certificate>& chain) {
  std::string pem;
  for (const Certificate& certificate : chain) pem += certificate.ToPem();
  return pem;
}

}  // namespace egov::pki
