// The identifier schemes of this register, by name and by the number under which their codes are
// stored.
#ifndef EGOV_SERVICES_POPULATION_SCHEMES_H_
#define EGOV_SERVICES_POPULATION_SCHEMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/identifiers/identifiers.h"

namespace egov::population {

// A well-formed identifier as the tables hold it. Orders as its value does.
struct Code {
  uint16_t scheme = 0;  // number, 1 and up
  uint64_t packed = 0;  // identifiers::Scheme::Pack

  friend bool operator==(Code a, Code b) { return a.scheme == b.scheme && a.packed == b.packed; }
  friend bool operator<(Code a, Code b) {
    return a.scheme != b.scheme ? a.scheme < b.scheme : a.packed < b.packed;
  }
};

struct AcceptedScheme {
  uint16_t number = 0;
  const identifiers::Scheme* rules = nullptr;
};

// Immutable, thread safe.
class Schemes {
 public:
  // INVALID_ARGUMENT BAD_CONFIG for a scheme that libs/identifiers or this register does not know,
  // or none at all.
  static absl::StatusOr<Schemes> Of(absl::Span<const std::string> names);

  // Null when the register does not accept the scheme.
  const AcceptedScheme* Find(absl::string_view name) const;

  // Of stored codes, whether their scheme is still accepted or not.
  static uint16_t NumberOf(absl::string_view name);  // 0: none
  static absl::string_view NameOf(uint16_t number);  // empty: none
  static std::string ValueOf(Code code);

 private:
  std::vector<AcceptedScheme> accepted_;
};

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_SCHEMES_H_
