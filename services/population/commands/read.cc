#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

constexpr int kMaxBatch = 1000;

// Which items the call wants, looked up once.
struct Wanted {
  explicit Wanted(const exchange::Call& call)
      : identifiers(call.Wants("population.person.identifiers")),
        name(call.Wants("population.person.name")),
        sex(call.Wants("population.person.sex")),
        birth_date(call.Wants("population.person.birth_date")),
        birth_place(call.Wants("population.person.birth_place")),
        residence(call.Wants("population.person.residence")),
        parents(call.Wants("population.person.parents")),
        death_date(call.Wants("population.person.death_date")),
        death_place(call.Wants("population.person.death_place")) {}

  const bool identifiers, name, sex, birth_date, birth_place, residence, parents, death_date,
      death_place;
};

// The parents as they are told: those whom the register holds by the identifier in force now, and
// by nothing else.
absl::Status FillParents(const Store& store, storage::Reader& reader, const rows::PersonRow& row,
                         v1::Person* person) {
  for (int i = 0; i < person->parents_size() && i < row.parent_keys_size(); ++i) {
    if (row.parent_keys(i) == 0) continue;
    rows::PersonRow parent;
    EGOV_ASSIGN_OR_RETURN(const bool found,
                          store.persons().Get(reader, row.parent_keys(i), &parent));
    if (!found) continue;
    v1::Parent* told = person->mutable_parents(i);
    told->mutable_identifier()->Swap(parent.mutable_person()->mutable_identifier());
    told->clear_name();
    told->clear_birth_date();
  }
  return absl::OkStatus();
}

// Makes the row of a person an answer with no more than what is wanted.
absl::Status Tell(const Store& store, storage::Reader& reader, const Wanted& wanted,
                  rows::PersonRow* row) {
  v1::Person* person = row->mutable_person();
  if (!wanted.identifiers) person->clear_other_identifiers();
  if (!wanted.name) person->clear_names();
  if (!wanted.sex) person->clear_sex();
  if (person->has_birth()) {
    v1::Birth* birth = person->mutable_birth();
    if (!wanted.birth_date) birth->clear_date();
    if (!wanted.birth_place) {
      birth->clear_place();
      birth->clear_country();
    }
    if (!birth->has_date() && birth->place().empty() && birth->country().empty())
      person->clear_birth();
  }
  if (!wanted.residence) person->clear_residence();
  if (!wanted.parents) {
    person->clear_parents();
  } else {
    EGOV_RETURN_IF_ERROR(FillParents(store, reader, *row, person));
  }
  if (person->has_death()) {
    v1::Death* death = person->mutable_death();
    if (!wanted.death_date) death->clear_date();
    if (!wanted.death_place) {
      death->clear_place();
      death->clear_country();
    }
    // An empty message would still say that the person is dead: only who may know the date may know
    // that.
    if (!wanted.death_date && death->place().empty() && death->country().empty())
      person->clear_death();
  }
  return absl::OkStatus();
}

}  // namespace

exchange::ReadCommand<v1::GetPersonRequest, v1::GetPersonResponse> GetPerson(const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::GetPersonRequest& request) -> absl::StatusOr<v1::GetPersonResponse> {
    // The exchange has resolved the subject in this transaction; only a refusal needs another look.
    const uint64_t key = call.keys.empty() ? 0 : call.keys[0];
    if (key == 0) {
      EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
      Code code;
      EGOV_RETURN_IF_ERROR(
          CheckIdentifier(rules, "identifier", request.identifier(), false, &code));
      return UnknownPerson();
    }
    rows::PersonRow row;
    EGOV_ASSIGN_OR_RETURN(const bool found, store.persons().Get(transaction, key, &row));
    if (!found) return UnknownPerson();
    EGOV_RETURN_IF_ERROR(Tell(store, transaction, Wanted(call), &row));
    v1::GetPersonResponse response;
    response.set_allocated_person(row.release_person());
    return response;
  };
}

exchange::ReadCommand<v1::BatchGetPersonsRequest, v1::BatchGetPersonsResponse> BatchGetPersons(
    const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  const v1::BatchGetPersonsRequest& request)
             -> absl::StatusOr<v1::BatchGetPersonsResponse> {
    if (request.identifiers_size() > kMaxBatch) {
      return base::Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_IDENTIFIERS",
                         "Too many people are asked for.")
          .Field("identifiers")
          .Expected("at most 1000");
    }
    const Wanted wanted(call);
    v1::BatchGetPersonsResponse response;
    std::vector<uint64_t> found;
    absl::flat_hash_set<uint64_t> seen;
    for (int i = 0; i < request.identifiers_size(); ++i) {
      const uint64_t key = static_cast<size_t>(i) < call.keys.size() ? call.keys[i] : 0;
      if (key != 0) {
        if (seen.insert(key).second) found.push_back(key);
        continue;
      }
      const auto& identifier = request.identifiers(i);
      const AcceptedScheme* scheme = store.schemes().Find(identifier.scheme());
      const identifiers::Fault fault = scheme == nullptr
                                           ? identifiers::Fault::kNone
                                           : scheme->rules->Examine(identifier.value());
      if (scheme != nullptr && fault == identifiers::Fault::kNone) {
        *response.add_unknown() = identifier;
        continue;
      }
      v1::MalformedIdentifier* malformed = response.add_malformed();
      malformed->set_value(identifier.value());
      const absl::string_view reason =
          scheme == nullptr ? "UNKNOWN_SCHEME" : identifiers::ReasonOf(fault);
      malformed->set_reason(reason.data(), reason.size());
    }
    std::vector<absl::optional<rows::PersonRow>> persons;
    EGOV_RETURN_IF_ERROR(store.persons().MultiGet(transaction, found, &persons));
    for (absl::optional<rows::PersonRow>& row : persons) {
      if (!row) continue;
      EGOV_RETURN_IF_ERROR(Tell(store, transaction, wanted, &*row));
      response.mutable_persons()->AddAllocated(row->release_person());
    }
    return response;
  };
}

}  // namespace egov::population::commands
