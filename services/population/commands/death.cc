#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {

exchange::WriteCommand<v1::RecordDeathRequest, v1::RecordDeathResponse> RecordDeath(
    const Store& store) {
  return [&store](
             storage::Transaction& transaction, const exchange::Call& call,
             const v1::RecordDeathRequest& request) -> absl::StatusOr<v1::RecordDeathResponse> {
    if (!request.has_death()) return Missing("death", "the death, with its day as far as known");
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    civil::PartialDate date;
    EGOV_RETURN_IF_ERROR(In("death", CheckDeath(rules, request.death(), &date)));
    EGOV_ASSIGN_OR_RETURN(Found found, FindPerson(store, transaction, rules, request.identifier()));
    v1::Person& person = *found.row.mutable_person();
    if (person.has_death()) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "ALREADY_DEAD",
                         "A death is recorded already and was not annulled.")
          .Field("identifier");
    }
    civil::PartialDate birth;
    if (person.birth().has_date()) {
      EGOV_ASSIGN_OR_RETURN(birth, FromProto(person.birth().date()));
    }
    EGOV_RETURN_IF_ERROR(CheckDeathAfterBirth(birth, date));

    *person.mutable_death() = request.death();
    EGOV_RETURN_IF_ERROR(store.PutDeath(transaction, found.identifier.person, PackDate(date)));
    rows::EventRow event;
    event.set_kind(v1::CHANGE_KIND_DEATH);
    event.set_request_id(request.request_id());
    if (date.known()) *event.mutable_valid_from() = request.death().date();
    *event.mutable_after()->mutable_death() = request.death();
    EGOV_RETURN_IF_ERROR(store.Record(transaction, found.identifier.person, found.row, event));
    return v1::RecordDeathResponse();
  };
}

exchange::WriteCommand<v1::AnnulDeathRequest, v1::AnnulDeathResponse> AnnulDeath(
    const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::AnnulDeathRequest& request) -> absl::StatusOr<v1::AnnulDeathResponse> {
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    EGOV_RETURN_IF_ERROR(CheckText("decision", request.decision(), true));
    EGOV_ASSIGN_OR_RETURN(Found found, FindPerson(store, transaction, rules, request.identifier()));
    v1::Person& person = *found.row.mutable_person();
    if (!person.has_death()) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "NOT_DEAD", "No death is recorded.")
          .Field("identifier");
    }

    rows::EventRow event;
    event.set_kind(v1::CHANGE_KIND_DEATH_ANNULLED);
    event.set_request_id(request.request_id());
    event.set_decision(request.decision());
    event.mutable_before()->mutable_death()->Swap(person.mutable_death());
    person.clear_death();
    // The annulment holds from when the annulled death was said to hold. A death that came with a
    // load has no event.
    if (event.before().death().has_date())
      *event.mutable_valid_from() = event.before().death().date();
    EGOV_ASSIGN_OR_RETURN(
        const auto corrected,
        store.LastEvent(transaction, found.identifier.person, v1::CHANGE_KIND_DEATH));
    if (corrected) *event.mutable_corrects() = *corrected;
    EGOV_RETURN_IF_ERROR(store.DeleteDeath(transaction, found.identifier.person));
    EGOV_RETURN_IF_ERROR(store.Record(transaction, found.identifier.person, found.row, event));
    return v1::AnnulDeathResponse();
  };
}

}  // namespace egov::population::commands
