// Tokens of SoftHSM for tests, and certificates for what is on them.
#ifndef EGOV_LIBS_TOKEN_TESTING_SOFT_TOKEN_H_
#define EGOV_LIBS_TOKEN_TESTING_SOFT_TOKEN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"
#include "libs/pki/secret.h"
#include "libs/pki/testing/authority.h"
#include "libs/token/carrier.h"

namespace egov::token::testing {

inline constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
inline constexpr char kPin[] = "739154";
inline constexpr char kPuk[] = "20406080";
inline pki::Secret Pin(absl::string_view pin = kPin) { return pki::Secret(pin); }

// Runs a command of the shell; its output, both kinds. Ends the test program when it fails.
std::string Command(const std::string& command);

void WriteFile(const std::string& path, absl::string_view bytes);
std::string ReadFile(const std::string& path);

// Empties SoftHSM's store and makes it one of this process and its children. No module may be open.
void UseEmptyStore();

// Makes a token with kPin and kPuk. SoftHSM shows it after the next start of the module.
void AddToken(const std::string& label);

// Issues what a carrier's key gets: a person's certificate for this use.
class CitizensAuthority {
 public:
  explicit CitizensAuthority(absl::Time now = absl::Now());
  pki::Certificate Issue(Use use, const pki::PublicKey& key,
                         absl::Duration later = absl::ZeroDuration()) const;
  const pki::Certificate& certificate() const { return issuer_.certificate; }

 private:
  absl::Time now_;
  pki::testing::Identity root_;
  pki::testing::Identity issuer_;
};

}  // namespace egov::token::testing

#endif  // EGOV_LIBS_TOKEN_TESTING_SOFT_TOKEN_H_
