#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {

absl::StatusOr<Rules> RulesFor(const Store& store, const exchange::Call& call) {
  Rules rules;
  rules.schemes = &store.schemes();
  EGOV_ASSIGN_OR_RETURN(rules.today, store.Today(call.now));
  return rules;
}

absl::StatusOr<Found> FindPerson(const Store& store, storage::Reader& reader, const Rules& rules,
                                 const egov::identifiers::v1::Identifier& identifier) {
  Found found;
  EGOV_RETURN_IF_ERROR(CheckIdentifier(rules, "identifier", identifier, false, &found.code));
  EGOV_ASSIGN_OR_RETURN(const auto row, store.FindCode(reader, found.code));
  if (!row) return UnknownPerson();
  found.identifier = *row;
  EGOV_ASSIGN_OR_RETURN(const bool there, store.persons().Get(reader, row->person, &found.row));
  if (there) return found;
  return base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                     "an identifier leads to nobody");
}

absl::Status UnknownPerson() {
  return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_PERSON",
                     "The register has nobody of this identifier.")
      .Field("identifier");
}

absl::Status IdentifierTaken(absl::string_view field) {
  return base::Error(absl::StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN",
                     "Somebody has this identifier already.")
      .Field(field)
      .Expected("an identifier that nobody has had");
}

}  // namespace egov::population::commands
