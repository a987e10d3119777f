#include "libs/disclosure/describe.h"

namespace egov::disclosure {
namespace {

namespace v1 = egov::exchange::v1;

v1::Refusal Make(const char* reason, const char* code, const char* when) {
  v1::Refusal refusal;
  refusal.set_reason(reason);
  refusal.set_code(code);
  refusal.set_when(when);
  return refusal;
}

const char* ShapeWord(v1::Shape shape) {
  switch (shape) {
    case v1::SHAPE_READ:
      return "read";
    case v1::SHAPE_WRITE:
      return "write";
    case v1::SHAPE_QUERY:
      return "query";
    case v1::SHAPE_LOAD:
      return "load";
    case v1::SHAPE_FEED:
      return "feed";
    default:
      return "";
  }
}

const char* AuthorityWord(v1::Authority authority) {
  switch (authority) {
    case v1::AUTHORITY_OFFICER:
      return "officer";
    default:
      return "right";
  }
}

}  // namespace

std::vector<v1::Refusal> AccessRefusals(v1::Authority authority) {
  if (authority == v1::AUTHORITY_OFFICER) {
    return {
        Make("NOT_AN_OFFICER", "PERMISSION_DENIED", "the caller is no officer of this service")};
  }
  return {
      Make("NO_RIGHT", "PERMISSION_DENIED", "the caller has no right for the method"),
      Make("PURPOSE_NOT_ALLOWED", "PERMISSION_DENIED",
           "no right of the caller is for this purpose"),
      Make("RIGHT_NOT_IN_FORCE", "PERMISSION_DENIED",
           "the right for this purpose does not hold today"),
      Make("ITEM_NOT_ALLOWED", "PERMISSION_DENIED", "an item asked for is outside the right"),
      Make("CALL_QUOTA", "RESOURCE_EXHAUSTED", "the right's calls of today are spent"),
      Make("CODE_QUOTA", "RESOURCE_EXHAUSTED", "the right's subjects of today are spent"),
  };
}

DescribedMethod Describe(const Contract& contract, absl::Span<const v1::Refusal> common) {
  DescribedMethod method;
  const v1::MethodContract& options = contract.options();
  method.path = contract.path();
  method.shape = ShapeWord(options.shape());
  method.authority = AuthorityWord(options.authority());
  method.silence = options.silence();
  for (const Mark& mark : contract.question_marks()) method.asked_subjects.push_back(mark.path);
  for (const std::string& item : contract.items()) method.items.push_back({item, {}});
  for (const Mark& mark : contract.answer_marks()) {
    if (mark.item.empty()) {
      method.told_subjects.push_back(mark.path);
      continue;
    }
    for (DescribedItem& item : method.items) {
      if (item.name == mark.item) item.fields.push_back(mark.path);
    }
  }
  const auto add = [&method](const v1::Refusal& refusal, bool is_common) {
    method.refusals.push_back({refusal.reason(), refusal.code(), refusal.when(), is_common});
  };
  for (const v1::Refusal& refusal : options.refusals()) add(refusal, false);
  for (const v1::Refusal& refusal : AccessRefusals(options.authority())) add(refusal, true);
  for (const v1::Refusal& refusal : common) add(refusal, true);
  return method;
}

}  // namespace egov::disclosure
