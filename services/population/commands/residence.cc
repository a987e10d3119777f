#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {

exchange::WriteCommand<v1::RecordResidenceChangeRequest, v1::RecordResidenceChangeResponse>
RecordResidenceChange(const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::RecordResidenceChangeRequest& request)
             -> absl::StatusOr<v1::RecordResidenceChangeResponse> {
    if (!request.has_residence()) return Missing("residence", "where to, and from when");
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    civil::PartialDate from;
    EGOV_RETURN_IF_ERROR(In("residence", CheckResidence(rules, request.residence(), &from)));
    if (!from.known()) return Missing("residence.valid_from", "at least the year of the move");
    EGOV_ASSIGN_OR_RETURN(Found found, FindPerson(store, transaction, rules, request.identifier()));

    v1::Person& person = *found.row.mutable_person();
    if (person.death().has_date()) {
      EGOV_ASSIGN_OR_RETURN(const civil::PartialDate death, FromProto(person.death().date()));
      if (death.known() && civil::CertainlyBefore(death, from)) {
        return base::Error(absl::StatusCode::kFailedPrecondition, "PERSON_DEAD",
                           "The person had certainly died before.")
            .Field("residence.valid_from")
            .Expected("a day in the person's life");
      }
    }
    rows::EventRow event;
    event.set_kind(v1::CHANGE_KIND_RESIDENCE);
    event.set_request_id(request.request_id());
    *event.mutable_valid_from() = request.residence().valid_from();
    if (person.has_residence())
      event.mutable_before()->mutable_residence()->Swap(person.mutable_residence());
    *person.mutable_residence() = request.residence();
    *event.mutable_after()->mutable_residence() = request.residence();
    EGOV_RETURN_IF_ERROR(store.Record(transaction, found.identifier.person, found.row, event));
    return v1::RecordResidenceChangeResponse();
  };
}

}  // namespace egov::population::commands
