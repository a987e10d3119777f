#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

absl::Status ParentBornLater() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "PARENT_BORN_LATER",
                     "The parent was certainly born after the child.")
      .Field("identifier")
      .Expected("a parent born before the child");
}

// Finds a parent by identifier and holds the parent's birth against the child's.
absl::StatusOr<uint64_t> ResolveParent(const Store& store, storage::Reader& reader,
                                       const Rules& rules, const v1::Parent& parent,
                                       const civil::PartialDate& child_birth) {
  Code code;
  civil::PartialDate birth;
  EGOV_RETURN_IF_ERROR(CheckParent(rules, parent, &code, &birth));
  uint64_t key = 0;
  if (code.scheme != 0) {
    EGOV_ASSIGN_OR_RETURN(const auto found, store.FindCode(reader, code));
    if (!found) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "UNKNOWN_PARENT",
                         "The register has nobody of the parent's identifier.")
          .Field("identifier")
          .Expected("the identifier of somebody in the register");
    }
    key = found->person;
    rows::PersonRow row;
    EGOV_ASSIGN_OR_RETURN(const bool there, store.persons().Get(reader, key, &row));
    birth = civil::PartialDate();
    if (there && row.person().birth().has_date()) {
      EGOV_ASSIGN_OR_RETURN(birth, FromProto(row.person().birth().date()));
    }
  }
  if (birth.known() && child_birth.known() && civil::CertainlyBefore(child_birth, birth))
    return ParentBornLater();
  return key;
}

}  // namespace

exchange::WriteCommand<v1::RecordBirthRequest, v1::RecordBirthResponse> RecordBirth(Store& store) {
  return [&store](
             storage::Transaction& transaction, const exchange::Call& call,
             const v1::RecordBirthRequest& request) -> absl::StatusOr<v1::RecordBirthResponse> {
    if (!request.has_person()) return Missing("person", "the new person");
    const v1::Person& person = request.person();
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    CheckedPerson checked;
    std::vector<Code> others;
    EGOV_RETURN_IF_ERROR(In("person", CheckPerson(rules, person, &checked)));
    EGOV_RETURN_IF_ERROR(In("person", CheckOtherIdentifiers(rules, person, checked.code, &others)));
    if (!checked.birth_date.known())
      return Missing("person.birth.date", "at least the year of birth");
    if (person.sex() == v1::SEX_UNSPECIFIED) return Missing("person.sex", "the sex as registered");
    if (person.has_death()) {
      return Bad("person.death", "A birth has no death.",
                 "no death: it is recorded by RecordDeath");
    }

    std::vector<uint64_t> parents;
    for (int i = 0; i < person.parents_size(); ++i) {
      auto parent = ResolveParent(store, transaction, rules, person.parents(i), checked.birth_date);
      if (!parent.ok()) return In("person", In("parents", i, parent.status()));
      if (*parent != 0 && std::find(parents.begin(), parents.end(), *parent) != parents.end()) {
        return In(
            "person",
            In("parents", i, Bad("identifier", "This parent is named twice.", "each parent once")));
      }
      parents.push_back(*parent);
    }

    // All codes are looked up before one is written: the second of two equal ones would find the
    // first.
    EGOV_ASSIGN_OR_RETURN(const auto taken, store.FindCode(transaction, checked.code));
    if (taken) return IdentifierTaken("person.identifier");
    for (size_t i = 0; i < others.size(); ++i) {
      EGOV_ASSIGN_OR_RETURN(const auto other_taken, store.FindCode(transaction, others[i]));
      if (other_taken || others[i] == checked.code ||
          std::count(others.begin(), others.begin() + i, others[i]) != 0) {
        return IdentifierTaken(absl::StrCat("person.other_identifiers[", i, "]"));
      }
    }

    EGOV_ASSIGN_OR_RETURN(const uint64_t surrogate, store.TakeSurrogates(1));
    EGOV_RETURN_IF_ERROR(store.PutCode(transaction, checked.code, {surrogate, 0}));
    for (const Code& other : others) {
      const uint64_t successor = other.scheme == checked.code.scheme ? checked.code.packed : 0;
      EGOV_RETURN_IF_ERROR(store.PutCode(transaction, other, {surrogate, successor}));
    }
    EGOV_RETURN_IF_ERROR(store.NoteGiven(transaction));
    rows::PersonRow row;
    *row.mutable_person() = person;
    row.mutable_parent_keys()->Add(parents.begin(), parents.end());
    rows::EventRow event;  // without before and after: the person's row is what it says
    event.set_kind(v1::CHANGE_KIND_BIRTH);
    event.set_request_id(request.request_id());
    *event.mutable_valid_from() = person.birth().date();
    EGOV_RETURN_IF_ERROR(store.Record(transaction, surrogate, row, event));

    v1::RecordBirthResponse response;
    *response.mutable_identifier() = person.identifier();
    return response;
  };
}

}  // namespace egov::population::commands
