// People in the words of a terminal.
#ifndef EGOV_SERVICES_CTL_PEOPLE_H_
#define EGOV_SERVICES_CTL_PEOPLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/population/v1/person.pb.h"
#include "egov/population/v1/population_service.pb.h"

namespace egov::ctl {

// One line for each thing known, in the order of the contract.
std::string PersonText(const egov::population::v1::Person& person);

// "death-annulled" and back. USAGE.
std::string KindText(egov::population::v1::ChangeKind kind);
absl::StatusOr<egov::population::v1::ChangeKind> KindOf(absl::string_view text);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_PEOPLE_H_
