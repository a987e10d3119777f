// The rules that single fields of the contract keep. An error names the reason that the contract
// declares, the path of the field, and what would have been right; never what was in the field.
//
// All are pure functions of their arguments. Cost: nothing is allocated while all is well.
#ifndef EGOV_SERVICES_POPULATION_COMMANDS_VALIDATE_H_
#define EGOV_SERVICES_POPULATION_COMMANDS_VALIDATE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/civil/date.h"
#include "services/population/schemes.h"

namespace egov::population::commands {

inline constexpr int kMaxText = 200;  // characters
inline constexpr int kMaxNames = 20;  // forms of a name
inline constexpr int kMaxParts = 20;  // of a form
inline constexpr int kMaxParents = 4;
inline constexpr int kMaxIdentifiers = 20;  // further and earlier ones

// What the rules stand on during one call.
struct Rules {
  const Schemes* schemes = nullptr;
  civil::Date today;
};

// `status` with `field` before its path, when it is an error.
absl::Status In(absl::string_view field, absl::Status status);
// The same for an element of a list: "people[17]".
absl::Status In(absl::string_view list, size_t index, absl::Status status);

absl::Status Missing(absl::string_view field, absl::string_view expected);
absl::Status Bad(absl::string_view field, absl::string_view message, absl::string_view expected);

// MISSING_FIELD, MALFORMED_IDENTIFIER (its metadata "fault" says why: BAD_CHECK_DIGIT).
// `newly_given`: one that claims a birth after today is malformed as well.
absl::Status CheckIdentifier(const Rules& rules, absl::string_view field,
                             const egov::identifiers::v1::Identifier& identifier, bool newly_given,
                             Code* code);

// IMPOSSIBLE_DATE, DATE_IN_FUTURE (when the day has certainly not come yet).
absl::Status CheckDate(const Rules& rules, absl::string_view field,
                       const egov::civil::v1::PartialDate& date, civil::PartialDate* out);

absl::Status CheckText(absl::string_view field, absl::string_view text, bool required);
// Two capital letters of ISO 3166-1.
absl::Status CheckCountry(absl::string_view field, absl::string_view country, bool required);

// At least one form with at least one part that says something.
absl::Status CheckNames(
    const Rules& rules,
    const google::protobuf::RepeatedPtrField<egov::population::v1::Name>& names);
absl::Status CheckBirth(const Rules& rules, const egov::population::v1::Birth& birth,
                        civil::PartialDate* date);
absl::Status CheckDeath(const Rules& rules, const egov::population::v1::Death& death,
                        civil::PartialDate* date);
absl::Status CheckResidence(const Rules& rules, const egov::population::v1::Residence& residence,
                            civil::PartialDate* valid_from);

// A parent's own fields; a named identifier's code goes to *code, whose scheme stays 0 without one.
absl::Status CheckParent(const Rules& rules, const egov::population::v1::Parent& parent, Code* code,
                         civil::PartialDate* birth_date);

// DEATH_BEFORE_BIRTH in "death.date".
absl::Status CheckDeathAfterBirth(const civil::PartialDate& birth, const civil::PartialDate& death);

// A person about to be taken down, as far as this can be told without looking at others.
struct CheckedPerson {
  Code code;
  civil::PartialDate birth_date;
  civil::PartialDate death_date;
};
absl::Status CheckPerson(const Rules& rules, const egov::population::v1::Person& person,
                         CheckedPerson* checked);

// Further and earlier identifiers: one of the same scheme as that in force was superseded by it, of
// another scheme there is at most one. Appends their codes.
absl::Status CheckOtherIdentifiers(const Rules& rules, const egov::population::v1::Person& person,
                                   Code in_force, std::vector<Code>* others);

}  // namespace egov::population::commands

#endif  // EGOV_SERVICES_POPULATION_COMMANDS_VALIDATE_H_
