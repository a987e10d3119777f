#include "libs/pki/issue.h"

#include <openssl/pem.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/ids.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {

using internal::Access;
using internal::OpenSslError;

namespace {

absl::Status BadCsr(absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_CSR",
                      absl::StrCat("not a signing request: ", why));
}

absl::Status BadProfile(absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_PROFILE",
                      absl::StrCat("the certificate cannot be issued: ", why));
}

bool AddName(X509_NAME* name, const char* type, absl::string_view value) {
  return value.empty() ||
         X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, internal::Bytes(value),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

// Values come from configuration and tokens; the text language of OpenSSL's extensions separates by
// comma and reads
// "@section", so what could be read as more than one name is not given to it.
bool SafeInExtension(absl::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_' && c != ':' && c != '/') {
      return false;
    }
  }
  return true;
}

bool AddExtension(X509* x509, X509V3_CTX* context, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(x509, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

absl::Status CheckProfile(const CertificateProfile& profile) {
  if (profile.common_name.empty()) return BadProfile("no common name");
  const bool names_someone = profile.purpose == Purpose::kTransport ||
                             profile.purpose == Purpose::kSeal || profile.purpose == Purpose::kLog;
  if (names_someone != profile.spiffe.has_value())
    return BadProfile("SPIFFE id missing or too many");
  if (profile.purpose != Purpose::kTransport &&
      !(profile.dns_names.empty() && profile.ip_names.empty())) {
    return BadProfile("only transport certificates have host names");
  }
  if (profile.not_before >= profile.not_after) return BadProfile("it ends before it begins");
  return absl::OkStatus();
}

// The extensions in OpenSSL's words, by purpose.
struct Usage {
  const char* key_usage;
  const char* extended;
};
Usage UsageOf(Purpose purpose) {
  switch (purpose) {
    case Purpose::kTransport:
      return {"critical,digitalSignature", "serverAuth,clientAuth"};
    case Purpose::kSeal:
    case Purpose::kLog:
    case Purpose::kSignature:
      return {"critical,nonRepudiation", nullptr};
    case Purpose::kTimeStamp:
      return {"critical,digitalSignature", "critical,timeStamping"};
    case Purpose::kOcsp:
      return {"critical,digitalSignature", "OCSPSigning"};
    case Purpose::kAuthority:
      break;
  }
  return {"critical,keyCertSign,cRLSign", nullptr};
}

// Fills everything but issuer name and signature. `issuer` is the certificate itself for a root.
absl::Status Fill(const CertificateProfile& profile, const PublicKey& key, X509* x509, X509* issuer,
                  absl::Time not_after) {
  unsigned char random[20];
  base::RandomBytes(random, sizeof(random));
  // RFC 5280 section 4.1.2.2: positive, at most 20 bytes; the highest bit of all set makes all
  // serials equally long.
  random[0] = static_cast<unsigned char>((random[0] & 0x3F) | 0x40);
  internal::BignumPtr serial(BN_bin2bn(random, sizeof(random), nullptr));
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509));
  X509_set_version(x509, X509_VERSION_3);
  X509_set1_notBefore(x509, internal::ToAsn1(profile.not_before).get());
  X509_set1_notAfter(x509, internal::ToAsn1(not_after).get());
  if (X509_set_pubkey(x509, Access::Pkey(key)) != 1) return BadProfile("the key does not fit");
  X509_NAME* subject = X509_get_subject_name(x509);
  if (!AddName(subject, "C", profile.country) || !AddName(subject, "O", profile.organisation) ||
      !AddName(subject, "OU", profile.purpose == Purpose::kLog ? "log" : "") ||
      !AddName(subject, "CN", profile.common_name)) {
    return BadProfile("a name does not fit its field (country: two letters; others: at most 64)");
  }

  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const Usage usage = UsageOf(profile.purpose);
  const std::string constraints =
      profile.purpose == Purpose::kAuthority
          ? absl::StrCat("critical,CA:TRUE,pathlen:", profile.path_length)
          : "critical,CA:FALSE";
  bool ok = AddExtension(x509, &context, NID_basic_constraints, constraints) &&
            AddExtension(x509, &context, NID_key_usage, usage.key_usage) &&
            AddExtension(x509, &context, NID_subject_key_identifier, "hash");
  if (ok && issuer != x509) {
    ok = AddExtension(x509, &context, NID_authority_key_identifier, "keyid:always");
  }
  if (ok && usage.extended != nullptr) {
    ok = AddExtension(x509, &context, NID_ext_key_usage, usage.extended);
  }
  if (ok && profile.purpose == Purpose::kOcsp) {
    ok = AddExtension(x509, &context, NID_id_pkix_OCSP_noCheck, "NULL");
  }
  std::vector<std::string> names;
  if (profile.spiffe) names.push_back("URI:" + profile.spiffe->ToUri());
  for (const std::string& dns : profile.dns_names) names.push_back("DNS:" + dns);
  for (const std::string& ip : profile.ip_names) names.push_back("IP:" + ip);
  std::vector<std::string> crls;
  for (const std::string& url : profile.crl_urls) crls.push_back("URI:" + url);
  std::vector<std::string> access;  // RFC 5280 section 4.2.2.1
  if (!profile.ocsp_url.empty()) access.push_back("OCSP;URI:" + profile.ocsp_url);
  if (!profile.issuer_url.empty()) access.push_back("caIssuers;URI:" + profile.issuer_url);
  for (const std::string& url : {profile.ocsp_url, profile.issuer_url}) {
    if (!url.empty() && !SafeInExtension(url)) return BadProfile("a URL is malformed");
  }
  for (const auto* list : {&names, &crls}) {
    for (const std::string& name : *list) {
      if (!SafeInExtension(name)) return BadProfile("a host name, address or URL is malformed");
    }
  }
  if (ok && !names.empty()) {
    ok = AddExtension(x509, &context, NID_subject_alt_name, absl::StrJoin(names, ","));
  }
  if (ok && !crls.empty()) {
    ok = AddExtension(x509, &context, NID_crl_distribution_points, absl::StrJoin(crls, ","));
  }
  if (ok && !access.empty()) {
    ok = AddExtension(x509, &context, NID_info_access, absl::StrJoin(access, ","));
  }
  return ok ? absl::OkStatus() : BadProfile("an extension cannot be written");
}

absl::StatusOr<Certificate> SignAndWrap(internal::X509Ptr x509, const PrivateKey& key) {
  if (X509_sign(x509.get(), Access::Pkey(key), internal::SignatureDigest(key.type())) <= 0) {
    return OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "signing failed");
  }
  // Parsed from its bytes, as everyone else will see it.
  return Certificate::FromDer(internal::ToDer(i2d_X509, x509.get()));
}

}  // namespace

absl::StatusOr<Csr> Csr::Create(const PrivateKey& key, absl::string_view common_name) {
  internal::X509ReqPtr request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  if (!AddName(X509_REQ_get_subject_name(request.get()), "CN", common_name.substr(0, 64)) ||
      X509_REQ_set_pubkey(request.get(), Access::Pkey(key)) != 1 ||
      X509_REQ_sign(request.get(), Access::Pkey(key), internal::SignatureDigest(key.type())) <= 0) {
    return BadCsr("it could not be made");
  }
  return Csr(internal::ToDer(i2d_X509_REQ, request.get()), key.public_key());
}

absl::StatusOr<Csr> Csr::FromDer(absl::string_view der) {
  const unsigned char* at = internal::Bytes(der);
  internal::X509ReqPtr request(
      d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (request == nullptr || at != internal::Bytes(der) + der.size()) return BadCsr("malformed");
  internal::PkeyPtr pkey(X509_REQ_get_pubkey(request.get()));
  if (pkey == nullptr) return BadCsr("its key cannot be read");
  EVP_PKEY* raw = pkey.get();
  auto key = Access::WrapPublic(std::move(pkey));
  if (!key.ok()) return BadCsr("its key is of a kind or size that is not accepted");
  if (X509_REQ_verify(request.get(), raw) != 1) {
    return BadCsr("its signature does not prove possession of the key");
  }
  return Csr(std::string(der), *std::move(key));
}

absl::StatusOr<Csr> Csr::FromPem(absl::string_view pem) {
  const auto blocks = internal::DerOfPem(PEM_STRING_X509_REQ, pem);
  if (blocks.size() != 1) return BadCsr("not one PEM block");
  return FromDer(blocks[0]);
}

std::string Csr::ToPem() const { return internal::PemBlock(PEM_STRING_X509_REQ, der_); }

absl::StatusOr<Certificate> Issue(const CertificateProfile& profile, const PublicKey& key,
                                  const Certificate& issuer, const PrivateKey& issuer_key) {
  EGOV_RETURN_IF_ERROR(CheckProfile(profile));
  if (issuer.public_key() != issuer_key.public_key()) {
    return BadProfile("the issuer's key is not its certificate's");
  }
  EGOV_RETURN_IF_ERROR(issuer.CheckPurpose(Purpose::kAuthority));
  const absl::Time not_after = std::min(profile.not_after, issuer.not_after());
  if (profile.not_before >= not_after) return BadProfile("the issuer ends before it begins");
  internal::X509Ptr x509(X509_new());
  EGOV_RETURN_IF_ERROR(Fill(profile, key, x509.get(), Access::Cert(issuer), not_after));
  X509_set_issuer_name(x509.get(), X509_get_subject_name(Access::Cert(issuer)));
  return SignAndWrap(std::move(x509), issuer_key);
}

absl::StatusOr<Certificate> IssueRoot(const CertificateProfile& profile, const PrivateKey& key) {
  EGOV_RETURN_IF_ERROR(CheckProfile(profile));
  if (profile.purpose != Purpose::kAuthority) return BadProfile("a root is an authority");
  internal::X509Ptr x509(X509_new());
  EGOV_RETURN_IF_ERROR(Fill(profile, key.public_key(), x509.get(), x509.get(), profile.not_after));
  X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get()));
  return SignAndWrap(std::move(x509), key);
}

}  // namespace egov::pki
