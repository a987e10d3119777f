// A small trust house for tests: a root and authorities below it, made in a few milliseconds, valid
// around a fixed moment.
#ifndef EGOV_LIBS_PKI_TESTING_AUTHORITY_H_
#define EGOV_LIBS_PKI_TESTING_AUTHORITY_H_

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "libs/pki/certificate.h"
#include "libs/pki/issue.h"
#include "libs/pki/key.h"
#include "libs/pki/spiffe.h"

namespace egov::pki::testing {

// The value, or the end of the test program with its error.
template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

// A key with its certificate.
struct Identity {
  PrivateKey key;
  Certificate certificate;
};

// Default validity: a year around `now`.
inline CertificateProfile Profile(Purpose purpose, absl::string_view common_name, absl::Time now) {
  CertificateProfile profile;
  profile.purpose = purpose;
  profile.organisation = "Test";
  profile.common_name = std::string(common_name);
  profile.not_before = now - absl::Hours(24 * 180);
  profile.not_after = now + absl::Hours(24 * 180);
  return profile;
}

inline Identity MakeRoot(absl::string_view common_name, absl::Time now) {
  PrivateKey key = Must(PrivateKey::Generate());
  CertificateProfile profile = Profile(Purpose::kAuthority, common_name, now);
  profile.path_length = 1;
  return {key, Must(IssueRoot(profile, key))};
}

inline Identity MakeUnder(const Identity& issuer, const CertificateProfile& profile,
                          KeyType type = KeyType::kP256) {
  PrivateKey key = Must(PrivateKey::Generate(type));
  return {key, Must(Issue(profile, key.public_key(), issuer.certificate, issuer.key))};
}

// A certificate of `purpose` for the identity in X-Road's form, such as "ee/GOV/70000310/pensions";
// none for time-stamps and responders.
inline Identity MakeMember(const Identity& issuer, Purpose purpose, absl::string_view xroad,
                           absl::Time now) {
  CertificateProfile profile = Profile(purpose, "member", now);
  if (purpose != Purpose::kTimeStamp && purpose != Purpose::kOcsp)
    profile.spiffe = Must(SpiffeId::FromXRoad(xroad));
  return MakeUnder(issuer, profile);
}

}  // namespace egov::pki::testing

#endif  // EGOV_LIBS_PKI_TESTING_AUTHORITY_H_
