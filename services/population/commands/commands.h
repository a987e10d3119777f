// What the population register does, one command for each method of its contract. Each is a
// function of the transaction, the call and the request; service.cc binds them. `store` must
// outlive the command.
//
// Rules shared by all: nothing is written when an error is returned; identifiers may be superseded
// ones unless said otherwise; dates are judged by the civil day of the call.
#ifndef EGOV_SERVICES_POPULATION_COMMANDS_COMMANDS_H_
#define EGOV_SERVICES_POPULATION_COMMANDS_COMMANDS_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/exchange/call.h"
#include "services/population/commands/validate.h"
#include "services/population/store.h"

namespace egov::population::commands {

namespace v1 = ::egov::population::v1;

// read.cc
exchange::ReadCommand<v1::GetPersonRequest, v1::GetPersonResponse> GetPerson(const Store& store);
exchange::ReadCommand<v1::BatchGetPersonsRequest, v1::BatchGetPersonsResponse> BatchGetPersons(
    const Store& store);

// vital_status.cc. Each code is answered for once, however often it was asked: the asker's list is
// a set.
exchange::QueryCommand<v1::VerifyVitalStatusRequest, v1::VerifyVitalStatusResponse>
VerifyVitalStatus(const Store& store);

// changes.cc. `recorded` tells when a position of the log was sequenced, in microseconds since
// 1970.
using RecordTimes = std::function<absl::StatusOr<int64_t>(uint64_t position)>;
exchange::FeedCommand<v1::WatchChangesRequest, v1::WatchChangesResponse> WatchChanges(
    const Store& store, RecordTimes recorded);

// birth.cc
exchange::WriteCommand<v1::RecordBirthRequest, v1::RecordBirthResponse> RecordBirth(Store& store);

// death.cc
exchange::WriteCommand<v1::RecordDeathRequest, v1::RecordDeathResponse> RecordDeath(
    const Store& store);
exchange::WriteCommand<v1::AnnulDeathRequest, v1::AnnulDeathResponse> AnnulDeath(
    const Store& store);

// name.cc
exchange::WriteCommand<v1::RecordNameChangeRequest, v1::RecordNameChangeResponse> RecordNameChange(
    const Store& store);

// residence.cc
exchange::WriteCommand<v1::RecordResidenceChangeRequest, v1::RecordResidenceChangeResponse>
RecordResidenceChange(const Store& store);

// identifier.cc
exchange::WriteCommand<v1::ReplaceIdentifierRequest, v1::ReplaceIdentifierResponse>
ReplaceIdentifier(const Store& store);

// load.cc
inline constexpr size_t kMaxLoad = 65536;  // people in one window
exchange::LoadCommand<v1::LoadPeopleRequest, v1::LoadPeopleResponse> LoadPeople(Store& store);

// Shared by the commands that change one person (person.cc).
absl::StatusOr<Rules> RulesFor(const Store& store, const exchange::Call& call);

// A person found by an identifier in the field "identifier".
struct Found {
  Code code;  // as it was asked for
  IdentifierRow identifier;
  rows::PersonRow row;
};
// MISSING_FIELD, MALFORMED_IDENTIFIER, UNKNOWN_PERSON.
absl::StatusOr<Found> FindPerson(const Store& store, storage::Reader& reader, const Rules& rules,
                                 const egov::identifiers::v1::Identifier& identifier);

absl::Status UnknownPerson();
absl::Status IdentifierTaken(absl::string_view field);

}  // namespace egov::population::commands

#endif  // EGOV_SERVICES_POPULATION_COMMANDS_COMMANDS_H_
