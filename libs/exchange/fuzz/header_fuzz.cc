// A question under a header that is not the one its caller sealed is never served, and one whose
// caller sealed nonsense is refused by name.
#include <cstdint>
#include <cstdlib>

#include "libs/base/ids.h"
#include "libs/exchange/fuzz/edits.h"
#include "libs/exchange/testing/core.h"
#include "libs/proof/wire.h"

namespace {

using namespace egov::exchange;           // NOLINT: this file is about it
using namespace egov::exchange::testing;  // NOLINT

struct House {
  House() : shop(core.Member("ee/COM/10000024/shop")) {
    core.Grant("ee/COM/10000024/shop", "GetCard", "sale", {"lending.card.holder"});
    egov::testing::lending::v1::GetCardRequest ask;
    ask.mutable_number()->set_scheme(kScheme);
    ask.mutable_number()->set_value("7");
    request = ask.SerializeAsString();
    salt = egov::base::RandomBytes(egov::proof::kSaltSize);
  }
  Question Genuine() const {
    return core.Seal(shop, "GetCard",
                     core.Header(shop, "GetCard", "sale", {"lending.card.holder"}, request, salt),
                     request, salt);
  }
  Core core;
  const CoreMember& shop;
  std::string request, salt;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static House* const house = new House;
  static const Question* const genuine = new Question(house->Genuine());

  // As it is, and as edits of a genuine one.
  for (const std::string& bytes : {std::string(reinterpret_cast<const char*>(data), size),
                                   Edit(genuine->sealed_header, data, size)}) {
    if (bytes == genuine->sealed_header) continue;
    Question question = *genuine;
    question.sealed_header = bytes;
    const Reply reply = house->core.Serve(std::move(question));
    if (reply.status.ok() || !reply.receipt.empty() || !reply.parts.empty()) std::abort();
  }

  // As edits of a header that is sealed afterwards: refused, unless it still says the same.
  egov::exchange::v1::Header header = house->core.Header(
      house->shop, "GetCard", "sale", {"lending.card.holder"}, house->request, house->salt);
  const std::string edited = Edit(header.SerializeAsString(), data, size);
  egov::exchange::v1::Header changed;
  if (!changed.ParseFromString(edited)) return 0;
  const Reply reply = house->core.Serve(
      house->core.Seal(house->shop, "GetCard", changed, house->request, house->salt));
  if (reply.status.ok()) std::abort();  // nobody holds card 7
  if (reply.status.code() == absl::StatusCode::kInternal ||
      reply.status.code() == absl::StatusCode::kDataLoss) {
    std::abort();
  }
  return 0;
}
