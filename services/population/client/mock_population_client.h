// A population register for the tests of those who call it.
#ifndef EGOV_SERVICES_POPULATION_CLIENT_MOCK_POPULATION_CLIENT_H_
#define EGOV_SERVICES_POPULATION_CLIENT_MOCK_POPULATION_CLIENT_H_

#include <string>

#include "gmock/gmock.h"
#include "services/population/client/population_client.h"

namespace egov::population {

class MockPopulationClient : public PopulationClient {
 public:
  MOCK_METHOD(absl::StatusOr<v1::GetPersonResponse>, GetPerson,
              (const exchange::Purpose&, const v1::GetPersonRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::BatchGetPersonsResponse>, BatchGetPersons,
              (const exchange::Purpose&, const v1::BatchGetPersonsRequest&), (override));
  MOCK_METHOD(absl::StatusOr<VitalAnswer>, VerifyVitalStatus,
              (const exchange::Purpose&, const std::string&, absl::Span<const std::string>,
               absl::Duration),
              (override));
  MOCK_METHOD(absl::Status, WatchChanges,
              (const exchange::Purpose&, const v1::WatchChangesRequest&, absl::Duration,
               TakeChanges),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::RecordBirthResponse>, RecordBirth,
              (const exchange::Purpose&, const v1::RecordBirthRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::RecordDeathResponse>, RecordDeath,
              (const exchange::Purpose&, const v1::RecordDeathRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::AnnulDeathResponse>, AnnulDeath,
              (const exchange::Purpose&, const v1::AnnulDeathRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::RecordNameChangeResponse>, RecordNameChange,
              (const exchange::Purpose&, const v1::RecordNameChangeRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::RecordResidenceChangeResponse>, RecordResidenceChange,
              (const exchange::Purpose&, const v1::RecordResidenceChangeRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReplaceIdentifierResponse>, ReplaceIdentifier,
              (const exchange::Purpose&, const v1::ReplaceIdentifierRequest&), (override));
  MOCK_METHOD(absl::StatusOr<v1::LoadPeopleResponse>, LoadPeople,
              (const exchange::Purpose&, const v1::LoadPeopleRequest&, absl::Duration), (override));
};

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_CLIENT_MOCK_POPULATION_CLIENT_H_
