#include "services/population/schemes.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::population {
namespace {

// The numbers are in every row of every store: a scheme is added at the end and never renumbered.
constexpr absl::string_view kNumbered[] = {"ee-isikukood", "nl-bsn"};

}  // namespace

uint16_t Schemes::NumberOf(absl::string_view name) {
  for (size_t i = 0; i < sizeof(kNumbered) / sizeof(kNumbered[0]); ++i) {
    if (kNumbered[i] == name) return static_cast<uint16_t>(i + 1);
  }
  return 0;
}

absl::StatusOr<Schemes> Schemes::Of(absl::Span<const std::string> names) {
  Schemes schemes;
  for (const std::string& name : names) {
    const identifiers::Scheme* rules = identifiers::Find(name);
    if (rules == nullptr || NumberOf(name) == 0) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                         absl::StrCat("there is no identifier scheme '", name, "'"))
          .Field("schemes")
          .Expected("ee-isikukood or nl-bsn");
    }
    if (schemes.Find(name) == nullptr) schemes.accepted_.push_back({NumberOf(name), rules});
  }
  if (schemes.accepted_.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                       "the register needs an identifier scheme")
        .Field("schemes");
  }
  return schemes;
}

const AcceptedScheme* Schemes::Find(absl::string_view name) const {
  for (const AcceptedScheme& scheme : accepted_) {
    if (scheme.rules->name() == name) return &scheme;
  }
  return nullptr;
}

std::string Schemes::ValueOf(Code code) {
  const identifiers::Scheme* rules = identifiers::Find(NameOf(code.scheme));
  return rules == nullptr ? std::string() : rules->Unpack(code.packed);
}

absl::string_view Schemes::NameOf(uint16_t number) {
  return number >= 1 && number <= sizeof(kNumbered) / sizeof(kNumbered[0]) ? kNumbered[number - 1]
                                                                           : absl::string_view();
}

}  // namespace egov::population
