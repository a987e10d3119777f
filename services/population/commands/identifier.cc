#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

bool Same(const egov::identifiers::v1::Identifier& a, const egov::identifiers::v1::Identifier& b) {
  return a.scheme() == b.scheme() && a.value() == b.value();
}

}  // namespace

exchange::WriteCommand<v1::ReplaceIdentifierRequest, v1::ReplaceIdentifierResponse>
ReplaceIdentifier(const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::ReplaceIdentifierRequest& request)
             -> absl::StatusOr<v1::ReplaceIdentifierResponse> {
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    Code successor;
    EGOV_RETURN_IF_ERROR(
        CheckIdentifier(rules, "successor", request.successor(), true, &successor));
    civil::PartialDate from;
    if (request.has_valid_from())
      EGOV_RETURN_IF_ERROR(CheckDate(rules, "valid_from", request.valid_from(), &from));
    if (!from.known()) return Missing("valid_from", "at least the year of the replacement");
    EGOV_ASSIGN_OR_RETURN(Found found, FindPerson(store, transaction, rules, request.identifier()));
    // The old code leads to the new one, and who asks by codes says their scheme once.
    if (successor.scheme != found.code.scheme) {
      return Bad("successor.scheme", "The new identifier is of another scheme.",
                 "the scheme of the old identifier");
    }
    if (found.identifier.successor != 0) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "SUPERSEDED_IDENTIFIER",
                         "The identifier was replaced before.")
          .Field("identifier")
          .Expected("the identifier in force");
    }
    EGOV_ASSIGN_OR_RETURN(const auto taken, store.FindCode(transaction, successor));
    if (taken) return IdentifierTaken("successor");

    v1::Person& person = *found.row.mutable_person();
    rows::EventRow event;
    event.set_kind(v1::CHANGE_KIND_IDENTIFIER_REPLACED);
    event.set_request_id(request.request_id());
    *event.mutable_valid_from() = request.valid_from();
    *event.mutable_before()->mutable_identifier() = person.identifier();
    *event.mutable_before()->mutable_other_identifiers() = person.other_identifiers();

    // The identifiers of this scheme that were superseded earlier lead to the new one as well.
    const uint64_t key = found.identifier.person;
    for (const auto& other : person.other_identifiers()) {
      const Code code = CodeOf(other);
      if (code.scheme == successor.scheme) {
        EGOV_RETURN_IF_ERROR(store.PutCode(transaction, code, {key, successor.packed}));
      }
    }
    EGOV_RETURN_IF_ERROR(store.PutCode(transaction, found.code, {key, successor.packed}));
    EGOV_RETURN_IF_ERROR(store.PutCode(transaction, successor, {key, 0}));
    EGOV_RETURN_IF_ERROR(store.NoteGiven(transaction));

    if (Same(person.identifier(), request.identifier())) {
      *person.mutable_identifier() = request.successor();
    } else {
      for (auto& other : *person.mutable_other_identifiers()) {
        if (Same(other, request.identifier())) other = request.successor();
      }
    }
    *person.add_other_identifiers() = request.identifier();
    *event.mutable_after()->mutable_identifier() = person.identifier();
    *event.mutable_after()->mutable_other_identifiers() = person.other_identifiers();
    EGOV_RETURN_IF_ERROR(store.Record(transaction, key, found.row, event));
    return v1::ReplaceIdentifierResponse();
  };
}

}  // namespace egov::population::commands
