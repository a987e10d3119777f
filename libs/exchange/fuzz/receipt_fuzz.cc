// No receipt but the one that was given verifies.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/exchange/fuzz/edits.h"
#include "libs/exchange/receipts.h"
#include "libs/exchange/testing/core.h"

namespace {

using namespace egov::exchange;           // NOLINT: this file is about it
using namespace egov::exchange::testing;  // NOLINT
using egov::pki::testing::Must;

struct House {
  House()
      : lender(core.Member("ee/GOV/70000562/lender")),
        trust(Must(Trust::Open(core.trust_files()))),
        memory(Must(CheckpointMemory::Open(""))),
        checker(kCoreAudience, trust.get(), memory.get(), &egov::base::Clock::Real()) {
    checker.Introduce(core.log_certificate().ToDer());
    core.Grant("ee/GOV/70000562/lender", "IssueCard", "lending");
    // Several records, so that the receipt has a path.
    for (int number = 1; number <= 9; ++number) {
      egov::testing::lending::v1::IssueCardRequest act;
      act.set_request_id(egov::base::NewUuid());
      act.mutable_card()->mutable_number()->set_scheme(kScheme);
      act.mutable_card()->mutable_number()->set_value(absl::StrCat(number));
      const std::string bytes = act.SerializeAsString();
      const std::string salt = egov::base::RandomBytes(egov::proof::kSaltSize);
      const Question question =
          core.Seal(lender, "IssueCard",
                    core.Header(lender, "IssueCard", "lending", {}, bytes, salt), bytes, salt);
      const Reply reply = core.Serve(question);
      if (!reply.status.ok()) std::abort();
      exchange.sealed_header = question.sealed_header;
      exchange.response_parts = reply.parts;
      exchange.response_salt = reply.salt;
      receipt = reply.receipt;
    }
    if (!Verify(receipt)) std::abort();
  }
  bool Verify(const std::string& bytes) {
    Exchange copy = exchange;
    return checker.Verify(bytes, absl::OkStatus(), {}, &copy).ok();
  }
  Core core;
  const CoreMember& lender;
  std::unique_ptr<Trust> trust;
  std::unique_ptr<CheckpointMemory> memory;
  ReceiptChecker checker;
  Exchange exchange;
  std::string receipt;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static House* const house = new House;
  for (const std::string& bytes :
       {std::string(reinterpret_cast<const char*>(data), size), Edit(house->receipt, data, size)}) {
    if (bytes != house->receipt && house->Verify(bytes)) std::abort();
  }
  return 0;
}
