// Time-stamp responses come from authorities, questions from anyone: neither may do more than fail.
#include <cstdint>
#include <cstdlib>

#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::pki;  // NOLINT: a fuzz target has no other names
  using egov::pki::testing::Must;
  static const absl::Time now = absl::FromUnixSeconds(1800000000);
  static const auto* root = new testing::Identity(testing::MakeRoot("Root", now));
  static const auto* trust = new ChainVerifier(Must(ChainVerifier::Create({root->certificate})));
  static const auto* authority = [] {
    const auto stamp = testing::MakeMember(*root, Purpose::kTimeStamp, "", now);
    TimeStampAuthority::Options options;
    options.policy = "1.2.3";
    return new TimeStampAuthority(Must(TimeStampAuthority::Create(
        options, stamp.certificate, stamp.key, {}, [] { return absl::StatusOr<absl::Time>(now); },
        [] { return absl::StatusOr<uint64_t>(1); })));
  }();
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The seeds are stamps of another root: no mutation may become acceptable.
  if (VerifyTimeStampOf("data", bytes, *trust).ok()) std::abort();
  if (VerifyTimeStamp(bytes, Sha256Of("data"), absl::nullopt, *trust).ok()) std::abort();
  (void)TokenOfResponse(bytes);
  if (authority->Respond(bytes).der.empty()) std::abort();
  return 0;
}
