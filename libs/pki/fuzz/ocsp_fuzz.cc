// OCSP questions come from anyone, answers over any wire: neither may do more than fail.
#include <cstdint>
#include <cstdlib>

#include "libs/pki/ocsp.h"
#include "libs/pki/testing/authority.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::pki;  // NOLINT: a fuzz target has no other names
  using egov::pki::testing::Must;
  static const absl::Time now = absl::FromUnixSeconds(1800000000);
  static const auto* root = new testing::Identity(testing::MakeRoot("Root", now));
  static const auto* seal =
      new testing::Identity(testing::MakeMember(*root, Purpose::kSeal, "ee/GOV/1/a", now));
  static const auto* responder = new OcspResponder(
      Must(OcspResponder::Create(root->certificate, root->certificate, root->key)));
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = OcspRequest::FromDer(bytes);
  if (request.ok()) {
    // What was accepted can be written and read again, and can be answered.
    const auto again = OcspRequest::FromDer(request->ToDer());
    if (!again.ok() || again->nonce != request->nonce || again->ids.size() != request->ids.size()) {
      std::abort();
    }
    std::vector<OcspAnswer> answers;
    for (const OcspCertId& id : request->ids) answers.push_back({id, {}});
    if (!responder->Answer(answers, request->nonce, now).ok()) std::abort();
  }
  (void)OcspRequest::DerOfPath(bytes);
  // The seeds are answers of another root: no mutation may become acceptable.
  OcspExpectation expectation;
  expectation.at = now;
  expectation.max_age = absl::InfiniteDuration();
  if (VerifyOcsp(bytes, seal->certificate, root->certificate, expectation).ok()) std::abort();
  return 0;
}
