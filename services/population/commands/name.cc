#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {

exchange::WriteCommand<v1::RecordNameChangeRequest, v1::RecordNameChangeResponse> RecordNameChange(
    const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::RecordNameChangeRequest& request)
             -> absl::StatusOr<v1::RecordNameChangeResponse> {
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    EGOV_RETURN_IF_ERROR(CheckNames(rules, request.names()));
    if (!request.has_valid_from()) return Missing("valid_from", "from when the name is borne");
    civil::PartialDate from;
    EGOV_RETURN_IF_ERROR(CheckDate(rules, "valid_from", request.valid_from(), &from));
    if (!from.known())
      return Missing("valid_from", "at least the year from which the name is borne");
    EGOV_ASSIGN_OR_RETURN(Found found, FindPerson(store, transaction, rules, request.identifier()));

    v1::Person& person = *found.row.mutable_person();
    rows::EventRow event;
    event.set_kind(v1::CHANGE_KIND_NAME);
    event.set_request_id(request.request_id());
    *event.mutable_valid_from() = request.valid_from();
    event.mutable_before()->mutable_names()->Swap(person.mutable_names());
    *person.mutable_names() = request.names();
    // Each form tells for itself from when it is borne, unless the request says otherwise of one.
    for (v1::Name& name : *person.mutable_names()) {
      if (!name.has_valid_from()) *name.mutable_valid_from() = request.valid_from();
    }
    *event.mutable_after()->mutable_names() = person.names();
    EGOV_RETURN_IF_ERROR(store.Record(transaction, found.identifier.person, found.row, event));
    return v1::RecordNameChangeResponse();
  };
}

}  // namespace egov::population::commands
