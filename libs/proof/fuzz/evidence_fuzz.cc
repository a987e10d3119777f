// Evidence files from anywhere: refused with a status, never with a crash.
#include <cstddef>
#include <cstdint>
#include <string>

#include "libs/pki/certificate.h"
#include "libs/pki/issue.h"
#include "libs/proof/verify.h"

namespace {

// Any certificate will do: what is sought are faults on the way, not acceptance.
const std::vector<egov::pki::Certificate>& Anchors() {
  static const auto* const anchors = [] {
    const auto key = egov::pki::PrivateKey::Generate();
    egov::pki::CertificateProfile profile;
    profile.purpose = egov::pki::Purpose::kAuthority;
    profile.common_name = "Fuzz";
    profile.not_before = absl::FromUnixSeconds(1700000000);
    profile.not_after = absl::FromUnixSeconds(2000000000);
    return new std::vector<egov::pki::Certificate>{*egov::pki::IssueRoot(profile, *key)};
  }();
  return *anchors;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::Time now = absl::FromUnixSeconds(1800000060);
  (void)egov::proof::Verify(bytes, Anchors(), now);
  // Past the closing digest too, which a mutation never meets. Milliseconds each, so one in eight.
  if (size > 1000 && egov::pki::Sha256Of(bytes)[0] % 8 != 0) return 0;
  egov::evidence::v1::EvidenceFile file;
  if (file.ParseFromArray(data, static_cast<int>(size))) {
    const auto report = egov::proof::Verify(egov::proof::WriteFile(file), Anchors(), now);
    if (report.ok()) {
      (void)report->ToText();
      (void)report->ToJson();
    }
  }
  return 0;
}
