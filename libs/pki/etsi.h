// Certificates of people and organisations by ETSI EN 319 412: part 2 natural persons, part 3 legal
// persons, part 5 the statements of qualified certificates.
//
// Where the private key is decides what a certificate may claim: one whose key is only in software
// never names a qualified creation device, whatever else the profile says.
//
// Thread safety: free functions and values. Cost: issuing about 0.5 ms (two signatures, the lint).
#ifndef EGOV_LIBS_PKI_ETSI_H_
#define EGOV_LIBS_PKI_ETSI_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"

namespace egov::pki {

enum class EtsiKind {
  kAuthentication,  // a person identifies with it: digitalSignature alone, clientAuth
  kSignature,       // a person signs with it: nonRepudiation alone
  kSeal,            // an organisation seals with it: nonRepudiation alone
};
absl::string_view EtsiKindName(EtsiKind kind);

enum class KeyPlace {
  kSoftware,
  kDevice,  // a qualified signature or seal creation device: the key was made there and cannot
            // leave
};

// Where an issuer tells what its certificates are worth (EN 319 412-5 section 4.3.4).
struct DisclosureStatement {
  std::string url;       // https
  std::string language;  // ISO 639-1, lower case
};

struct EtsiProfile {
  EtsiKind kind = EtsiKind::kAuthentication;
  KeyPlace key_place = KeyPlace::kSoftware;
  // Whether the issuer is a qualified trust service provider for this kind of certificate. Never of
  // an authentication certificate, for which eIDAS has no such thing.
  bool qualified = false;

  std::string country;      // ISO 3166-1 alpha-2
  std::string common_name;  // "MÄNNIK,MARI-LIIS,47101010033"
  // Natural: PNO, PAS or IDC, country, "-", number: "PNOEE-47101010033". Legal: NTR, VAT ...:
  // "NTREE-70000310" (EN 319 412-1 section 5.1).
  std::string identifier;
  std::string surname;  // a person's; at least one of the two
  std::string given_name;
  absl::optional<absl::CivilDay> birth_date;  // a person's; left out when absent
  std::string organisation;                   // an organisation's
  // The carrier, the same in all its certificates and their successors; left out when empty.
  std::string document;

  std::string policy;  // the issuer's own policy, dotted
  std::string cps_url;
  std::vector<DisclosureStatement> disclosure;  // at least one when qualified
  std::string ca_issuers_url;
  std::string ocsp_url;
  std::string crl_url;  // left out when empty

  absl::Time not_before;
  absl::Time not_after;  // cut to the issuer's own end
};

// Issues a certificate for `key`: signed with a throw-away key first, judged by Lint, and only then
// signed by the issuer, over the same bytes. INVALID_ARGUMENT/BAD_PROFILE when the profile does not
// hold together, with the field; FAILED_PRECONDITION/LINT with the rule that the certificate would
// break.
absl::StatusOr<Certificate> IssueEtsi(const EtsiProfile& profile, const PublicKey& key,
                                      const Certificate& issuer, const PrivateKey& issuer_key);

// What a certificate breaks: rule or section of ETSI EN 319 412 ("NAT-4.3.2-2"), RFC 5280 or what
// else demands it. Reads the certificate alone, not the profile it was made from; the signature is
// not verified.
struct LintFinding {
  std::string rule;
  std::string text;
};
std::vector<LintFinding> Lint(const Certificate& certificate, const Certificate& issuer,
                              EtsiKind kind);

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_ETSI_H_
