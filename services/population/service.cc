#include "services/population/service.h"

#include <utility>

namespace egov::population {

using namespace egov::population::v1;  // NOLINT: the messages of the contract, all of them

exchange::Service MakeService(Store& store, commands::RecordTimes recorded) {
  exchange::Service service("egov.population.v1.PopulationService");
  service.Read<GetPersonRequest, GetPersonResponse>("GetPerson", commands::GetPerson(store));
  service.Read<BatchGetPersonsRequest, BatchGetPersonsResponse>("BatchGetPersons",
                                                                commands::BatchGetPersons(store));
  service.Query<VerifyVitalStatusRequest, VerifyVitalStatusResponse>(
      "VerifyVitalStatus", commands::VerifyVitalStatus(store));
  service.Feed<WatchChangesRequest, WatchChangesResponse>(
      "WatchChanges", commands::WatchChanges(store, std::move(recorded)));
  service.Write<RecordBirthRequest, RecordBirthResponse>("RecordBirth",
                                                         commands::RecordBirth(store));
  service.Write<RecordDeathRequest, RecordDeathResponse>("RecordDeath",
                                                         commands::RecordDeath(store));
  service.Write<AnnulDeathRequest, AnnulDeathResponse>("AnnulDeath", commands::AnnulDeath(store));
  service.Write<RecordNameChangeRequest, RecordNameChangeResponse>(
      "RecordNameChange", commands::RecordNameChange(store));
  service.Write<RecordResidenceChangeRequest, RecordResidenceChangeResponse>(
      "RecordResidenceChange", commands::RecordResidenceChange(store));
  service.Write<ReplaceIdentifierRequest, ReplaceIdentifierResponse>(
      "ReplaceIdentifier", commands::ReplaceIdentifier(store));
  service.Load<LoadPeopleRequest, LoadPeopleResponse>("LoadPeople", commands::LoadPeople(store));
  return service;
}

}  // namespace egov::population
