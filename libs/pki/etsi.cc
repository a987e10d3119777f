#include "libs/pki/etsi.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/pki/internal/der.h"
#include "libs/pki/internal/etsi_oids.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {

using internal::Access;
using internal::Der;
using internal::DerIa5;
using internal::DerOid;
using internal::DerPrintable;
using internal::DerSequence;
using internal::DerSet;
using internal::DerTime;

namespace {

absl::Status BadProfile(absl::string_view field, absl::string_view expected) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PROFILE",
                     "the certificate cannot be issued")
      .Field(field)
      .Expected(expected);
}

bool IsUrl(absl::string_view url, bool secure) {
  if (!absl::StartsWith(url, "https://") && (secure || !absl::StartsWith(url, "http://")))
    return false;
  return std::all_of(url.begin(), url.end(), [](char c) { return absl::ascii_isgraph(c); });
}

absl::Status CheckProfile(const EtsiProfile& profile) {
  const bool person = profile.kind != EtsiKind::kSeal;
  const auto upper = [](char c) { return absl::ascii_isupper(c); };
  if (profile.country.size() != 2 ||
      !std::all_of(profile.country.begin(), profile.country.end(), upper)) {
    return BadProfile("country", "two capital letters");
  }
  if (profile.common_name.empty()) return BadProfile("common_name", "a name");
  if (person && profile.surname.empty() && profile.given_name.empty())
    return BadProfile("surname", "surname or given name");
  if (person != profile.organisation.empty())
    return BadProfile("organisation", "the name of an organisation, and none of a person");
  if (!person && !(profile.surname.empty() && profile.given_name.empty() && !profile.birth_date))
    return BadProfile("surname", "nothing about a person in an organisation's certificate");
  if (profile.identifier.empty())
    return BadProfile("identifier", person ? "PNOEE-47101010033" : "NTREE-70000310");
  if (profile.qualified && profile.kind == EtsiKind::kAuthentication)
    return BadProfile("qualified", "false for authentication");
  if (DerOid(profile.policy).empty()) return BadProfile("policy", "an object identifier");
  if (!IsUrl(profile.cps_url, false)) return BadProfile("cps_url", "http or https");
  if (!IsUrl(profile.ca_issuers_url, false)) return BadProfile("ca_issuers_url", "http or https");
  if (!IsUrl(profile.ocsp_url, false)) return BadProfile("ocsp_url", "http or https");
  if (!profile.crl_url.empty() && !IsUrl(profile.crl_url, false))
    return BadProfile("crl_url", "http or https, or none");
  if (profile.qualified && profile.disclosure.empty())
    return BadProfile("disclosure", "at least one statement of a qualified certificate");
  for (const DisclosureStatement& one : profile.disclosure) {
    if (!IsUrl(one.url, true) || one.language.size() != 2 ||
        one.language != absl::AsciiStrToLower(one.language)) {
      return BadProfile("disclosure", "https, and a language of two small letters");
    }
  }
  if (profile.not_before >= profile.not_after) return BadProfile("not_after", "after not_before");
  return absl::OkStatus();
}

// The policy of EN 319 411 that says what the own policy is worth.
const char* PolicyOf(const EtsiProfile& profile) {
  const bool device = profile.key_place == KeyPlace::kDevice;
  if (!profile.qualified) return device ? internal::kNcpPlus : internal::kNcp;
  if (profile.kind == EtsiKind::kSeal)
    return device ? internal::kQcpLegalDevice : internal::kQcpLegal;
  return device ? internal::kQcpNaturalDevice : internal::kQcpNatural;
}

std::string Statement(const char* oid, absl::string_view info = "") {
  return DerSequence(absl::StrCat(DerOid(oid), info));
}

std::string QcStatements(const EtsiProfile& profile) {
  const bool legal = profile.kind == EtsiKind::kSeal;
  std::string all = Statement(
      internal::kQcSyntax,
      DerSequence(DerOid(legal ? internal::kSemanticsLegal : internal::kSemanticsNatural)));
  if (profile.qualified) {
    all += Statement(internal::kQcCompliance);
    if (profile.key_place == KeyPlace::kDevice) all += Statement(internal::kQcDevice);
    all +=
        Statement(internal::kQcType,
                  DerSequence(DerOid(legal ? internal::kQcTypeSeal : internal::kQcTypeSignature)));
    std::string locations;
    for (const DisclosureStatement& one : profile.disclosure)
      locations += DerSequence(absl::StrCat(DerIa5(one.url), DerPrintable(one.language)));
    all += Statement(internal::kQcDisclosure, DerSequence(locations));
  }
  return DerSequence(all);
}

std::string Policies(const EtsiProfile& profile) {
  const std::string cps =
      DerSequence(DerSequence(absl::StrCat(DerOid(internal::kCps), DerIa5(profile.cps_url))));
  return DerSequence(absl::StrCat(DerSequence(absl::StrCat(DerOid(profile.policy), cps)),
                                  DerSequence(DerOid(PolicyOf(profile)))));
}

// RFC 3739 section 3.2.2: noon GMT, so that the day is the same nearly everywhere.
std::string BirthDate(const absl::CivilDay& day) {
  const std::string time =
      absl::StrFormat("%04d%02d%02d120000Z", day.year(), day.month(), day.day());
  return DerSequence(
      DerSequence(absl::StrCat(DerOid(internal::kDateOfBirth), DerSet(DerTime(time)))));
}

// An alternative name that is a directory name: the document as its common name.
std::string DocumentName(const std::string& document) {
  std::unique_ptr<X509_NAME, internal::Deleter<X509_NAME_free>> name(X509_NAME_new());
  X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8, internal::Bytes(document),
                             static_cast<int>(document.size()), -1, 0);
  // GeneralName is directoryName [4], explicit since Name is a CHOICE (RFC 5280 section 4.2.1.6).
  return DerSequence(Der(0xA4, internal::ToDer(i2d_X509_NAME, name.get())));
}

bool AddDer(X509* x509, const char* oid, absl::string_view der) {
  const internal::Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
  std::unique_ptr<ASN1_OCTET_STRING, internal::Deleter<ASN1_OCTET_STRING_free>> value(
      ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(value.get(), internal::Bytes(der), static_cast<int>(der.size()));
  X509_EXTENSION* const extension =
      X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(x509, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool AddText(X509* x509, X509V3_CTX* context, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(x509, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

absl::Status AddSubject(const EtsiProfile& profile, X509* x509) {
  struct Entry {
    const char* type;
    const char* field;
    const std::string& value;
  };
  std::vector<Entry> entries = {{"C", "country", profile.country}};
  if (profile.kind == EtsiKind::kSeal) {  // EN 319 412-3 section 4.2.1
    entries.push_back({"O", "organisation", profile.organisation});
    entries.push_back({internal::kOrganizationIdentifier, "identifier", profile.identifier});
    entries.push_back({"CN", "common_name", profile.common_name});
  } else {  // EN 319 412-2 section 4.2.4
    entries.push_back({"CN", "common_name", profile.common_name});
    entries.push_back({"SN", "surname", profile.surname});
    entries.push_back({"GN", "given_name", profile.given_name});
    entries.push_back({"serialNumber", "identifier", profile.identifier});
  }
  for (const Entry& entry : entries) {
    if (entry.value.empty()) continue;
    if (X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), entry.type, MBSTRING_UTF8,
                                   internal::Bytes(entry.value),
                                   static_cast<int>(entry.value.size()), -1, 0) != 1) {
      ERR_clear_error();
      return BadProfile(entry.field, "text that fits its field in X.520 (names: 64 characters)");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<internal::X509Ptr> Draft(const EtsiProfile& profile, const PublicKey& key,
                                        const Certificate& issuer) {
  internal::X509Ptr x509(X509_new());
  unsigned char random[20];
  base::RandomBytes(random, sizeof(random));
  // As in issue.cc: positive, and all equally long.
  random[0] = static_cast<unsigned char>((random[0] & 0x3F) | 0x40);
  internal::BignumPtr serial(BN_bin2bn(random, sizeof(random), nullptr));
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509.get()));
  X509_set_version(x509.get(), X509_VERSION_3);
  X509_set1_notBefore(x509.get(), internal::ToAsn1(profile.not_before).get());
  X509_set1_notAfter(x509.get(),
                     internal::ToAsn1(std::min(profile.not_after, issuer.not_after())).get());
  X509_set_issuer_name(x509.get(), X509_get_subject_name(Access::Cert(issuer)));
  if (X509_set_pubkey(x509.get(), Access::Pkey(key)) != 1) return BadProfile("key", "a key");
  EGOV_RETURN_IF_ERROR(AddSubject(profile, x509.get()));

  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, Access::Cert(issuer), x509.get(), nullptr, nullptr, 0);
  const bool authentication = profile.kind == EtsiKind::kAuthentication;
  bool ok = AddText(x509.get(), &context, NID_basic_constraints, "critical,CA:FALSE") &&
            AddText(x509.get(), &context, NID_key_usage,
                    authentication ? "critical,digitalSignature" : "critical,nonRepudiation") &&
            AddText(x509.get(), &context, NID_subject_key_identifier, "hash") &&
            AddText(x509.get(), &context, NID_authority_key_identifier, "keyid:always") &&
            (!authentication || AddText(x509.get(), &context, NID_ext_key_usage, "clientAuth")) &&
            AddDer(x509.get(), internal::kCertificatePolicies, Policies(profile)) &&
            AddDer(x509.get(), internal::kQcStatements, QcStatements(profile));
  // accessMethod and accessLocation (RFC 5280 section 4.2.2.1); a uniformResourceIdentifier is [6].
  const auto location = [](const char* method, const std::string& url) {
    return DerSequence(absl::StrCat(DerOid(method), Der(0x86, url)));
  };
  ok = ok &&
       AddDer(x509.get(), "1.3.6.1.5.5.7.1.1",
              DerSequence(absl::StrCat(location("1.3.6.1.5.5.7.48.1", profile.ocsp_url),
                                       location("1.3.6.1.5.5.7.48.2", profile.ca_issuers_url))));
  if (ok && !profile.crl_url.empty()) {
    // distributionPoint [0], fullName [0] (RFC 5280 section 4.2.1.13).
    ok = AddDer(x509.get(), "2.5.29.31",
                DerSequence(DerSequence(Der(0xA0, Der(0xA0, Der(0x86, profile.crl_url))))));
  }
  if (ok && !profile.document.empty())
    ok = AddDer(x509.get(), internal::kAlternativeName, DocumentName(profile.document));
  if (ok && profile.birth_date)
    ok = AddDer(x509.get(), internal::kDirectoryAttributes, BirthDate(*profile.birth_date));
  ERR_clear_error();
  if (!ok) return BadProfile("", "extensions that can be written");
  return x509;
}

// A key of the same kind as the issuer's that signs nothing anybody will see.
absl::StatusOr<PrivateKey> ThrowAwayKey(KeyType type) {
  static std::mutex mutex;
  static auto* const keys = new std::map<KeyType, PrivateKey>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto it = keys->find(type);
  if (it != keys->end()) return it->second;
  EGOV_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(type));
  keys->emplace(type, key);
  return key;
}

absl::Status SignDraft(X509* x509, const PrivateKey& key) {
  if (X509_sign(x509, Access::Pkey(key), internal::SignatureDigest(key.type())) > 0)
    return absl::OkStatus();
  return internal::OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "signing failed");
}

std::string ToBeSigned(X509* x509) {
  unsigned char* out = nullptr;
  const int size = i2d_re_X509_tbs(x509, &out);
  if (size < 0) return {};
  std::string der(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return der;
}

}  // namespace

absl::string_view EtsiKindName(EtsiKind kind) {
  switch (kind) {
    case EtsiKind::kAuthentication:
      return "authentication";
    case EtsiKind::kSignature:
      return "signature";
    case EtsiKind::kSeal:
      return "seal";
  }
  return "";
}

absl::StatusOr<Certificate> IssueEtsi(const EtsiProfile& profile, const PublicKey& key,
                                      const Certificate& issuer, const PrivateKey& issuer_key) {
  EGOV_RETURN_IF_ERROR(CheckProfile(profile));
  if (issuer.public_key() != issuer_key.public_key())
    return BadProfile("issuer", "the certificate of the issuer's key");
  EGOV_RETURN_IF_ERROR(issuer.CheckPurpose(Purpose::kAuthority));
  if (profile.not_before >= issuer.not_after())
    return BadProfile("not_before", "before the issuer's own end");
  EGOV_ASSIGN_OR_RETURN(const internal::X509Ptr x509, Draft(profile, key, issuer));
  EGOV_ASSIGN_OR_RETURN(const PrivateKey throw_away, ThrowAwayKey(issuer_key.type()));
  EGOV_RETURN_IF_ERROR(SignDraft(x509.get(), throw_away));
  EGOV_ASSIGN_OR_RETURN(const Certificate draft,
                        Certificate::FromDer(internal::ToDer(i2d_X509, x509.get())));
  const std::vector<LintFinding> findings = Lint(draft, issuer, profile.kind);
  if (!findings.empty()) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "LINT",
        absl::StrCat("the certificate would break ", findings[0].rule, ": ", findings[0].text));
  }
  const std::string judged = ToBeSigned(x509.get());
  EGOV_RETURN_IF_ERROR(SignDraft(x509.get(), issuer_key));
  if (judged.empty() || ToBeSigned(x509.get()) != judged) {
    return base::Error(absl::StatusCode::kInternal, "DRAFT_CHANGED",
                       "what was signed is not what was judged");
  }
  // Parsed from its bytes, as everyone else will see it.
  return Certificate::FromDer(internal::ToDer(i2d_X509, x509.get()));
}

}  // namespace egov::pki
