#include "libs/token/testing/soft_token.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/pki/etsi.h"

namespace egov::token::testing {
namespace {

struct Outcome {
  int code;
  std::string output;
};
Outcome Shell(const std::string& command) {
  FILE* const pipe = popen(("(" + command + ") 2>&1 </dev/null").c_str(), "r");
  Outcome outcome{0, ""};
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) outcome.output.append(buffer, n);
  outcome.code = pclose(pipe);
  return outcome;
}

std::string Store() { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/softhsm"); }

}  // namespace

std::string Command(const std::string& command) {
  const Outcome outcome = Shell(command);
  if (outcome.code != 0) {
    std::cerr << command << "\nfailed:\n" << outcome.output << std::endl;
    std::abort();
  }
  return outcome.output;
}

void WriteFile(const std::string& path, absl::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void UseEmptyStore() {
  const std::string store = Store();
  Command(absl::StrCat("rm -rf ", store, " && mkdir -p ", store, "/tokens"));
  WriteFile(store + "/softhsm2.conf",
            absl::StrCat("directories.tokendir = ", store, "/tokens\n",
                         "objectstore.backend = file\nlog.level = ERROR\n"));
  setenv("SOFTHSM2_CONF", (store + "/softhsm2.conf").c_str(), 1);
}

void AddToken(const std::string& label) {
  Command(absl::StrCat("softhsm2-util --init-token --free --label '", label, "' --pin ", kPin,
                       " --so-pin ", kPuk));
}

CitizensAuthority::CitizensAuthority(absl::Time now)
    : now_(now),
      root_(pki::testing::MakeRoot("Root", now)),
      issuer_(pki::testing::MakeUnder(root_, [&] {
        auto profile = pki::testing::Profile(pki::Purpose::kAuthority, "Citizens", now);
        profile.country = "EE";
        return profile;
      }())) {}

pki::Certificate CitizensAuthority::Issue(Use use, const pki::PublicKey& key,
                                          absl::Duration later) const {
  pki::EtsiProfile profile;
  profile.kind =
      use == Use::kSignature ? pki::EtsiKind::kSignature : pki::EtsiKind::kAuthentication;
  profile.key_place = pki::KeyPlace::kDevice;
  profile.country = "EE";
  profile.common_name = "JÕEORG,JAAK-KRISTJAN,38001085718";
  profile.surname = "JÕEORG";
  profile.given_name = "JAAK-KRISTJAN";
  profile.identifier = "PNOEE-38001085718";
  profile.policy = "1.3.6.1.4.1.99999.1.1";
  profile.cps_url = "https://pki.example.com/cps";
  profile.ca_issuers_url = "http://pki.example.com/citizens.crt";
  profile.ocsp_url = "http://ocsp.example.com";
  profile.not_before = now_ - absl::Hours(1) + later;
  profile.not_after = now_ + absl::Hours(24 * 150);
  return pki::testing::Must(pki::IssueEtsi(profile, key, issuer_.certificate, issuer_.key));
}

}  // namespace egov::token::testing
