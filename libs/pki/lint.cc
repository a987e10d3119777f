// The rules that a certificate of a person or an organisation is judged by before it is signed.
// Written against the bytes, not against etsi.cc: a mistake there must be found here.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/pki/etsi.h"
#include "libs/pki/internal/etsi_oids.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {

using internal::Access;
using internal::Deleter;
using internal::ObjectText;

namespace {

using PoliciesPtr = std::unique_ptr<CERTIFICATEPOLICIES, Deleter<CERTIFICATEPOLICIES_free>>;
using AccessPtr = std::unique_ptr<AUTHORITY_INFO_ACCESS, Deleter<AUTHORITY_INFO_ACCESS_free>>;
using PointsPtr = std::unique_ptr<CRL_DIST_POINTS, Deleter<CRL_DIST_POINTS_free>>;
using KeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, Deleter<AUTHORITY_KEYID_free>>;
using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;
using SequencePtr = std::unique_ptr<ASN1_SEQUENCE_ANY, void (*)(ASN1_SEQUENCE_ANY*)>;

void FreeSequence(ASN1_SEQUENCE_ANY* sequence) { sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free); }

SequencePtr ParseSequence(absl::string_view der) {
  const unsigned char* at = internal::Bytes(der);
  SequencePtr parsed(d2i_ASN1_SEQUENCE_ANY(nullptr, &at, static_cast<long>(der.size())),  // NOLINT
                     &FreeSequence);
  if (parsed != nullptr && at != internal::Bytes(der) + der.size()) return {nullptr, &FreeSequence};
  return parsed;
}

absl::string_view Text(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

bool IsWebUrl(absl::string_view url) {
  return absl::StartsWith(url, "http://") || absl::StartsWith(url, "https://");
}

// The elements of a sequence of sequences that begin with an object identifier, and what follows it
// in each, as DER.
struct Statement {
  std::string oid;
  std::string info;  // empty when nothing follows
  bool sound = false;
};

std::vector<Statement> StatementsOf(absl::string_view der) {
  std::vector<Statement> all;
  const SequencePtr outer = ParseSequence(der);
  if (outer == nullptr) return {Statement()};
  for (int i = 0; i < sk_ASN1_TYPE_num(outer.get()); ++i) {
    const ASN1_TYPE* const element = sk_ASN1_TYPE_value(outer.get(), i);
    Statement statement;
    const SequencePtr inner = element->type == V_ASN1_SEQUENCE
                                  ? ParseSequence(Text(element->value.sequence))
                                  : SequencePtr(nullptr, &FreeSequence);
    if (inner != nullptr && sk_ASN1_TYPE_num(inner.get()) >= 1 &&
        sk_ASN1_TYPE_num(inner.get()) <= 2 &&
        sk_ASN1_TYPE_value(inner.get(), 0)->type == V_ASN1_OBJECT) {
      statement.sound = true;
      statement.oid = ObjectText(sk_ASN1_TYPE_value(inner.get(), 0)->value.object);
      if (sk_ASN1_TYPE_num(inner.get()) == 2)
        statement.info = internal::ToDer(i2d_ASN1_TYPE, sk_ASN1_TYPE_value(inner.get(), 1));
    }
    all.push_back(std::move(statement));
  }
  return all;
}

// The only object identifier of a sequence; empty when it is anything else.
std::string OnlyOid(absl::string_view der) {
  const SequencePtr sequence = ParseSequence(der);
  if (sequence == nullptr || sk_ASN1_TYPE_num(sequence.get()) != 1) return {};
  const ASN1_TYPE* const element = sk_ASN1_TYPE_value(sequence.get(), 0);
  return element->type == V_ASN1_OBJECT ? ObjectText(element->value.object) : std::string();
}

class Linter {
 public:
  Linter(const Certificate& certificate, const Certificate& issuer, EtsiKind kind)
      : certificate_(certificate),
        issuer_(issuer),
        x509_(Access::Cert(certificate)),
        kind_(kind),
        person_(kind != EtsiKind::kSeal) {}

  std::vector<LintFinding> Run() {
    Frame();
    Subject();
    Usage();
    Policies();
    Statements();
    Locations();
    Extensions();
    ERR_clear_error();
    return std::move(findings_);
  }

 private:
  void Require(bool holds, absl::string_view rule, absl::string_view text) {
    if (!holds) findings_.push_back({std::string(rule), std::string(text)});
  }

  void Frame() {
    Require(X509_get_version(x509_) == X509_VERSION_3, "RFC 5280 4.1.2.1", "it is not version 3");
    const ASN1_INTEGER* const serial = X509_get0_serialNumber(x509_);
    Require(ASN1_STRING_type(serial) == V_ASN1_INTEGER && ASN1_STRING_length(serial) >= 9 &&
                ASN1_STRING_length(serial) <= 20,
            "RFC 5280 4.1.2.2", "the serial number is negative, too short or too long");
    Require(X509_NAME_cmp(X509_get_issuer_name(x509_),
                          X509_get_subject_name(Access::Cert(issuer_))) == 0,
            "RFC 5280 4.1.2.4", "the issuer's name is not that of its certificate");
    for (const int part : {NID_countryName, NID_organizationName, NID_commonName}) {
      Require(Times(X509_get_issuer_name(x509_), part) == 1, "GEN-4.2.3.1-2",
              "the issuer's name has not exactly one country, organisation and common name");
    }
    Require(certificate_.not_before() < certificate_.not_after() &&
                certificate_.not_after() <= issuer_.not_after(),
            "RFC 5280 4.1.2.5", "it outlives its issuer, or ends before it begins");
    const int algorithm = X509_get_signature_nid(x509_);
    Require(algorithm == NID_ecdsa_with_SHA256 || algorithm == NID_ecdsa_with_SHA384 ||
                algorithm == NID_ecdsa_with_SHA512 || algorithm == NID_sha256WithRSAEncryption ||
                algorithm == NID_sha384WithRSAEncryption ||
                algorithm == NID_sha512WithRSAEncryption,
            "TS 119 312", "the signature's algorithm is not one of those recommended");
    const KeyType key = certificate_.public_key().type();
    Require(key == KeyType::kP256 || key == KeyType::kP384 ||
                (key == KeyType::kRsa && EVP_PKEY_get_bits(X509_get0_pubkey(x509_)) >= 3072),
            "TS 119 312", "the key is not P-256, P-384 or RSA of 3,072 bits");
  }

  static int Times(const X509_NAME* name, int nid) {
    int times = 0;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) ++times;
    return times;
  }

  // How often a type stands in the subject, and its last value.
  int Count(const char* oid, std::string* value = nullptr, int* string_type = nullptr) const {
    int count = 0;
    const X509_NAME* const name = X509_get_subject_name(x509_);
    for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
      const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
      if (ObjectText(X509_NAME_ENTRY_get_object(entry)) != oid) continue;
      ++count;
      const ASN1_STRING* const data = X509_NAME_ENTRY_get_data(entry);
      if (value != nullptr) *value = std::string(Text(data));
      if (string_type != nullptr) *string_type = ASN1_STRING_type(data);
    }
    return count;
  }

  void Subject() {
    constexpr char kCountry[] = "2.5.4.6", kName[] = "2.5.4.3", kOrganisation[] = "2.5.4.10";
    constexpr char kSurname[] = "2.5.4.4", kGivenName[] = "2.5.4.42", kSerial[] = "2.5.4.5";
    const char* const rule = person_ ? "NAT-4.2.4-1" : "LEG-4.2.1-2";
    std::string country, identifier;
    int type = 0;
    Require(Count(kCountry, &country, &type) == 1 && country.size() == 2 &&
                type == V_ASN1_PRINTABLESTRING,
            rule, "the subject has not exactly one country, of two printable letters");
    Require(Count(kName) == 1, rule, "the subject has not exactly one common name");
    if (person_) {
      Require(Count(kSurname) + Count(kGivenName) >= 1 && Count(kSurname) <= 1 &&
                  Count(kGivenName) <= 1,
              rule, "the subject has neither surname nor given name, or one of them twice");
      Require(Count(kSerial, &identifier, &type) == 1 && type == V_ASN1_PRINTABLESTRING, rule,
              "the subject has not exactly one printable serial number");
      Require(Identifier(identifier, {"PNO", "PAS", "IDC"}), "EN 319 412-1 5.1.3",
              "the subject's serial number is not of the form PNOEE-47101010033");
    } else {
      Require(Count(kOrganisation) == 1, rule, "the subject has not exactly one organisation");
      Require(Count(internal::kOrganizationIdentifier, &identifier) == 1, rule,
              "the subject has not exactly one organization identifier");
      Require(Identifier(identifier, {"NTR", "VAT", "PSD", "LEI"}), "EN 319 412-1 5.1.4",
              "the organization identifier is not of the form NTREE-70000310");
    }
    const X509_NAME* const name = X509_get_subject_name(x509_);
    const std::set<std::string> known =
        person_ ? std::set<std::string>{kCountry, kName, kSurname, kGivenName, kSerial}
                : std::set<std::string>{kCountry, kName, kOrganisation,
                                        internal::kOrganizationIdentifier};
    for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
      const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
      Require(known.count(ObjectText(X509_NAME_ENTRY_get_object(entry))) == 1, rule,
              "the subject has a field that this profile does not know");
      const absl::string_view value = Text(X509_NAME_ENTRY_get_data(entry));
      Require(!value.empty() && value == absl::StripAsciiWhitespace(value), "RFC 5280 4.1.2.6",
              "a field of the subject is empty or has white space around it");
      const int kind = ASN1_STRING_type(X509_NAME_ENTRY_get_data(entry));
      Require(kind == V_ASN1_UTF8STRING || kind == V_ASN1_PRINTABLESTRING, "RFC 5280 4.1.2.4",
              "a field of the subject is neither UTF8String nor PrintableString");
    }
  }

  // Three letters, two of the country, a hyphen, something (EN 319 412-1 section 5.1.3 and 5.1.4).
  static bool Identifier(absl::string_view text, const std::set<std::string>& types) {
    if (text.size() < 7 || types.count(std::string(text.substr(0, 3))) == 0 || text[5] != '-')
      return false;
    return absl::ascii_isupper(text[3]) && absl::ascii_isupper(text[4]);
  }

  void Usage() {
    const bool authentication = kind_ == EtsiKind::kAuthentication;
    Require(certificate_.key_usage() == (authentication ? kDigitalSignature : kContentCommitment),
            person_ ? "NAT-4.3.2-2" : "LEG-4.3.1-3",
            authentication ? "the key usage is not digitalSignature alone"
                           : "the key usage is not nonRepudiation alone");
    Require(Critical(NID_key_usage) == 1, "RFC 5280 4.2.1.3",
            "the key usage is missing or not critical");
    Require(!certificate_.is_authority(), "RFC 5280 4.2.1.9", "it is an authority's");
    const std::vector<std::string>& extended = certificate_.extended_key_usage();
    Require(authentication ? extended == std::vector<std::string>{internal::kClientAuth}
                           : extended.empty(),
            "RFC 5280 4.2.1.12", "the extended key usage is not what its kind has");
    Require(!certificate_.extended_key_usage_critical(), "RFC 5280 4.2.1.12",
            "the extended key usage is critical");
    const KeyIdPtr authority(static_cast<AUTHORITY_KEYID*>(
        X509_get_ext_d2i(x509_, NID_authority_key_identifier, nullptr, nullptr)));
    const ASN1_OCTET_STRING* const issuer = X509_get0_subject_key_id(Access::Cert(issuer_));
    Require(authority != nullptr && authority->keyid != nullptr && issuer != nullptr &&
                ASN1_OCTET_STRING_cmp(authority->keyid, issuer) == 0,
            "GEN-4.3.1-1", "the authority key identifier is not the issuer's key");
    Require(X509_get0_subject_key_id(x509_) != nullptr, "RFC 5280 4.2.1.2",
            "there is no subject key identifier");
  }

  // -1 absent, -2 twice, else 0 or 1.
  int Critical(int nid) const {
    int critical = 0;
    const int at = X509_get_ext_by_NID(x509_, nid, -1);
    if (at < 0) return -1;
    if (X509_get_ext_by_NID(x509_, nid, at) >= 0) return -2;
    critical = X509_EXTENSION_get_critical(X509_get_ext(x509_, at));
    return critical;
  }

  void Policies() {
    const PoliciesPtr policies(static_cast<CERTIFICATEPOLICIES*>(
        X509_get_ext_d2i(x509_, NID_certificate_policies, nullptr, nullptr)));
    Require(policies != nullptr && Critical(NID_certificate_policies) == 0, "EN 319 412-2 4.3.3",
            "the certificate policies are missing or critical");
    if (policies == nullptr) return;
    int own = 0, etsi = 0;
    for (int i = 0; i < sk_POLICYINFO_num(policies.get()); ++i) {
      const std::string oid = ObjectText(sk_POLICYINFO_value(policies.get(), i)->policyid);
      const bool of_qualified = absl::StartsWith(oid, "0.4.0.194112.1.");
      if (!of_qualified && !absl::StartsWith(oid, "0.4.0.2042.1.")) {
        ++own;
        continue;
      }
      ++etsi;
      policy_ = oid;
    }
    Require(own == 1 && etsi == 1, "EN 319 411-1 5.3",
            "there is not exactly one own policy and one of ETSI");
    const std::set<std::string> possible =
        kind_ == EtsiKind::kAuthentication
            ? std::set<std::string>{internal::kNcp, internal::kNcpPlus}
        : person_ ? std::set<std::string>{internal::kNcp, internal::kNcpPlus, internal::kQcpNatural,
                                          internal::kQcpNaturalDevice}
                  : std::set<std::string>{internal::kNcp, internal::kNcpPlus, internal::kQcpLegal,
                                          internal::kQcpLegalDevice};
    Require(possible.count(policy_) == 1, "EN 319 411-2 5.3",
            "the policy of ETSI is not one of this kind of certificate");
  }

  void Statements() {
    const internal::Asn1ObjectPtr oid(OBJ_txt2obj(internal::kQcStatements, 1));
    const int at = X509_get_ext_by_OBJ(x509_, oid.get(), -1);
    Require(at >= 0, "EN 319 412-1 5.1", "nothing says what the identifier means");
    if (at < 0) return;
    Require(X509_EXTENSION_get_critical(X509_get_ext(x509_, at)) == 0, "QCS-4.1-02",
            "the qualified statements are critical");
    bool compliance = false, device = false, type = false, disclosure = false, semantics = false;
    std::set<std::string> seen;
    for (const Statement& one :
         StatementsOf(Text(X509_EXTENSION_get_data(X509_get_ext(x509_, at))))) {
      Require(one.sound, "RFC 3739 3.2.6", "a qualified statement is malformed");
      if (!one.sound) continue;
      Require(seen.insert(one.oid).second, "RFC 3739 3.2.6", "a qualified statement stands twice");
      if (one.oid == internal::kQcCompliance) {
        compliance = one.info.empty();
      } else if (one.oid == internal::kQcDevice) {
        device = one.info.empty();
      } else if (one.oid == internal::kQcType) {
        type = OnlyOid(one.info) == (person_ ? internal::kQcTypeSignature : internal::kQcTypeSeal);
        Require(type, "EN 319 412-5 4.2.3", "the type is not that of its kind");
      } else if (one.oid == internal::kQcDisclosure) {
        disclosure = Disclosed(one.info);
        Require(disclosure, "EN 319 412-5 4.3.4",
                "a disclosure statement is not an https address with a language");
      } else if (one.oid == internal::kQcSyntax) {
        semantics = OnlyOid(one.info) ==
                    (person_ ? internal::kSemanticsNatural : internal::kSemanticsLegal);
      } else {
        Require(false, "QCS-4.1-02", "a qualified statement is not known");
      }
    }
    Require(semantics, "EN 319 412-1 5.1", "nothing says what the identifier means");
    const bool qualified = absl::StartsWith(policy_, "0.4.0.194112.1.");
    Require(qualified == compliance, "EN 319 412-5 4.2.1",
            "policy and statement of a qualified certificate do not agree");
    Require(!qualified || (type && disclosure), "QCS-5-01",
            "a qualified certificate lacks its type or its disclosure statement");
    Require(
        device == (policy_ == internal::kQcpNaturalDevice || policy_ == internal::kQcpLegalDevice),
        "EN 319 412-5 4.2.2", "policy and statement of a creation device do not agree");
  }

  static bool Disclosed(absl::string_view der) {
    const SequencePtr outer = ParseSequence(der);
    if (outer == nullptr || sk_ASN1_TYPE_num(outer.get()) == 0) return false;
    for (int i = 0; i < sk_ASN1_TYPE_num(outer.get()); ++i) {
      const ASN1_TYPE* const element = sk_ASN1_TYPE_value(outer.get(), i);
      if (element->type != V_ASN1_SEQUENCE) return false;
      const SequencePtr pair = ParseSequence(Text(element->value.sequence));
      if (pair == nullptr || sk_ASN1_TYPE_num(pair.get()) != 2) return false;
      const ASN1_TYPE* const url = sk_ASN1_TYPE_value(pair.get(), 0);
      const ASN1_TYPE* const language = sk_ASN1_TYPE_value(pair.get(), 1);
      if (url->type != V_ASN1_IA5STRING || language->type != V_ASN1_PRINTABLESTRING) return false;
      const absl::string_view code = Text(language->value.printablestring);
      if (!absl::StartsWith(Text(url->value.ia5string), "https://") || code.size() != 2 ||
          !absl::ascii_islower(code[0]) || !absl::ascii_islower(code[1])) {
        return false;
      }
    }
    return true;
  }

  void Locations() {
    const AccessPtr access(static_cast<AUTHORITY_INFO_ACCESS*>(
        X509_get_ext_d2i(x509_, NID_info_access, nullptr, nullptr)));
    int ocsp = 0, issuers = 0, other = 0;
    for (int i = 0; access != nullptr && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
      const ACCESS_DESCRIPTION* const one = sk_ACCESS_DESCRIPTION_value(access.get(), i);
      const int method = OBJ_obj2nid(one->method);
      if (one->location->type != GEN_URI || !IsWebUrl(Text(one->location->d.ia5))) {
        ++other;
      } else if (method == NID_ad_OCSP) {
        ++ocsp;
      } else if (method == NID_ad_ca_issuers) {
        ++issuers;
      } else {
        ++other;
      }
    }
    Require(access != nullptr && ocsp >= 1 && issuers >= 1 && other == 0, "GEN-4.4.1-3",
            "it does not say, over http or https, where its issuer and its status are found");
    int found = 0;
    const PointsPtr points(static_cast<CRL_DIST_POINTS*>(
        X509_get_ext_d2i(x509_, NID_crl_distribution_points, &found, nullptr)));
    Require(found == -1 || (points != nullptr && found == 0), "EN 319 412-2 4.3.11",
            "the place of the revocation list is malformed or critical");
    for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
      const DIST_POINT* const point = sk_DIST_POINT_value(points.get(), i);
      const bool named = point->distpoint != nullptr && point->distpoint->type == 0 &&
                         sk_GENERAL_NAME_num(point->distpoint->name.fullname) >= 1;
      bool web = named;
      for (int j = 0; named && j < sk_GENERAL_NAME_num(point->distpoint->name.fullname); ++j) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(point->distpoint->name.fullname, j);
        web = web && name->type == GEN_URI && IsWebUrl(Text(name->d.ia5));
      }
      Require(web, "GEN-4.3.11-4", "a revocation list is not at an http or https address");
    }
  }

  void Extensions() {
    const std::set<std::string> known = {"2.5.29.14",
                                         "2.5.29.15",
                                         "2.5.29.19",
                                         "2.5.29.35",
                                         "2.5.29.37",
                                         "2.5.29.31",
                                         internal::kAlternativeName,
                                         internal::kCertificatePolicies,
                                         internal::kDirectoryAttributes,
                                         internal::kQcStatements,
                                         "1.3.6.1.5.5.7.1.1"};
    std::set<std::string> seen;
    for (int i = 0; i < X509_get_ext_count(x509_); ++i) {
      X509_EXTENSION* const extension = X509_get_ext(x509_, i);
      const std::string oid = ObjectText(X509_EXTENSION_get_object(extension));
      Require(seen.insert(oid).second, "RFC 5280 4.2", "an extension stands twice");
      // Among those unknown: policyMappings, nameConstraints, policyConstraints, inhibitAnyPolicy.
      Require(known.count(oid) == 1, "EN 319 412-2 4.3", "an extension does not belong here");
      const bool must = oid == "2.5.29.15" || oid == "2.5.29.19";
      Require((X509_EXTENSION_get_critical(extension) == 1) == must, "RFC 5280 4.2",
              "an extension is critical that must not be, or is not and must be");
    }
  }

  const Certificate& certificate_;
  const Certificate& issuer_;
  X509* const x509_;
  const EtsiKind kind_;
  const bool person_;
  std::string policy_;  // of ETSI
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> Lint(const Certificate& certificate, const Certificate& issuer,
                              EtsiKind kind) {
  return Linter(certificate, issuer, kind).Run();
}

}  // namespace egov::pki
