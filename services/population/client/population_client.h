// The population register as other services call it: typed, sealed, with the receipt checked before
// an answer is handed on.
//
//   EGOV_ASSIGN_OR_RETURN(auto exchange, exchange::Client::Open(options));
//   auto population = population::MakePopulationClient(exchange.get());
//   EGOV_ASSIGN_OR_RETURN(auto answer, population->GetPerson(purpose, request));
//
// Errors are the register's, as its contract declares them, and those of exchange/client.h. Thread
// safety: any thread.
#ifndef EGOV_SERVICES_POPULATION_CLIENT_POPULATION_CLIENT_H_
#define EGOV_SERVICES_POPULATION_CLIENT_POPULATION_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/exchange/client.h"

namespace egov::population {

namespace v1 = ::egov::population::v1;

// What a mass question told, with the windows that prove it.
struct VitalAnswer {
  std::vector<v1::VerifyVitalStatusResponse> parts;
  std::vector<exchange::Exchange> windows;
};

class PopulationClient {
 public:
  virtual ~PopulationClient() = default;

  virtual absl::StatusOr<v1::GetPersonResponse> GetPerson(const exchange::Purpose& purpose,
                                                          const v1::GetPersonRequest& request) = 0;
  virtual absl::StatusOr<v1::BatchGetPersonsResponse> BatchGetPersons(
      const exchange::Purpose& purpose, const v1::BatchGetPersonsRequest& request) = 0;

  // Asks about any number of codes, cut into windows. `timeout` bounds the whole.
  virtual absl::StatusOr<VitalAnswer> VerifyVitalStatus(const exchange::Purpose& purpose,
                                                        const std::string& scheme,
                                                        absl::Span<const std::string> codes,
                                                        absl::Duration timeout) = 0;

  // Hands on the parts of the feed from `request` on, in order, until `take` returns false (OK) or
  // the feed ends. Who keeps next_cursor of the last part that was dealt with goes on from there:
  // each change at least once, none left out.
  using TakeChanges = absl::FunctionRef<bool(const v1::WatchChangesResponse& part)>;
  virtual absl::Status WatchChanges(const exchange::Purpose& purpose,
                                    const v1::WatchChangesRequest& request, absl::Duration timeout,
                                    TakeChanges take) = 0;

  virtual absl::StatusOr<v1::RecordBirthResponse> RecordBirth(
      const exchange::Purpose& purpose, const v1::RecordBirthRequest& request) = 0;
  virtual absl::StatusOr<v1::RecordDeathResponse> RecordDeath(
      const exchange::Purpose& purpose, const v1::RecordDeathRequest& request) = 0;
  virtual absl::StatusOr<v1::AnnulDeathResponse> AnnulDeath(
      const exchange::Purpose& purpose, const v1::AnnulDeathRequest& request) = 0;
  virtual absl::StatusOr<v1::RecordNameChangeResponse> RecordNameChange(
      const exchange::Purpose& purpose, const v1::RecordNameChangeRequest& request) = 0;
  virtual absl::StatusOr<v1::RecordResidenceChangeResponse> RecordResidenceChange(
      const exchange::Purpose& purpose, const v1::RecordResidenceChangeRequest& request) = 0;
  virtual absl::StatusOr<v1::ReplaceIdentifierResponse> ReplaceIdentifier(
      const exchange::Purpose& purpose, const v1::ReplaceIdentifierRequest& request) = 0;

  // Takes in one window of people, as one act. Who loads a nation sends windows through one stream
  // instead (egovctl).
  virtual absl::StatusOr<v1::LoadPeopleResponse> LoadPeople(const exchange::Purpose& purpose,
                                                            const v1::LoadPeopleRequest& window,
                                                            absl::Duration timeout) = 0;
};

// `client` must outlive it.
std::unique_ptr<PopulationClient> MakePopulationClient(exchange::Client* client);

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_CLIENT_POPULATION_CLIENT_H_
