#include "services/population/testing/register.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "libs/base/status.h"
#include "libs/disclosure/contract.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "services/population/testing/builders.h"

namespace egov::population::testing {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return std::move(value).value();
}

}  // namespace

const std::vector<std::string>& AllItems() {
  static const std::vector<std::string>& items =
      *new std::vector<std::string>{"population.change",
                                    "population.person.birth_date",
                                    "population.person.birth_place",
                                    "population.person.death_date",
                                    "population.person.death_place",
                                    "population.person.identifiers",
                                    "population.person.name",
                                    "population.person.parents",
                                    "population.person.residence",
                                    "population.person.sex",
                                    "population.person.vital_status"};
  return items;
}

std::vector<egov::identifiers::v1::Identifier> AskedIn(const google::protobuf::Message& question,
                                                       const std::string& method) {
  const auto contract =
      OrDie(disclosure::Contract::Compile(v1::GetPersonRequest::descriptor()
                                              ->file()
                                              ->FindServiceByName("PopulationService")
                                              ->FindMethodByName(method)));
  std::vector<disclosure::Subject> subjects;
  contract->AskedAbout(question, &subjects);
  std::vector<egov::identifiers::v1::Identifier> identifiers;
  for (const disclosure::Subject& subject : subjects) {
    identifiers.emplace_back().set_scheme(std::string(subject.scheme));
    identifiers.back().set_value(std::string(subject.value));
  }
  return identifiers;
}

TestRegister::TestRegister()
    : clock_(absl::FromCivil(absl::CivilSecond(2026, 11, 23, 12), absl::UTCTimeZone())) {
  Open();
}

TestRegister::~TestRegister() {
  engine_.reset();  // the committer first: it calls the column
}

void TestRegister::Open() {
  storage::RocksDbOptions options;
  options.directory = directory_.path();
  options.reserve_bytes = options.last_reserve_bytes = 0;
  options.sync = false;
  engine_ = OrDie(storage::OpenRocksDb(options));
  store_ = OrDie(Store::Open(engine_.get(), {{"ee-isikukood", "nl-bsn"}, "Europe/Tallinn"}));
}

void TestRegister::Restart() {
  engine_.reset();
  store_.reset();
  Open();
}

absl::Status TestRegister::Commit(const std::vector<egov::identifiers::v1::Identifier>& asked,
                                  const std::vector<std::string>& items, Body body) {
  exchange::Call call;
  call.now = clock_.Now();
  call.caller = "spiffe://ee/GOV/70000562/registrars";
  call.items = items;
  std::vector<disclosure::Subject> subjects;
  for (const auto& identifier : asked)
    subjects.push_back({identifier.scheme(), identifier.value()});
  call.asked = subjects;
  std::vector<disclosure::SubjectKey> keys;
  return engine_
      ->Run([&](storage::Transaction& transaction) -> absl::Status {
        EGOV_RETURN_IF_ERROR(store_->Resolve(transaction, subjects, &keys));
        call.keys = keys;
        EGOV_RETURN_IF_ERROR(body(transaction, call));
        transaction.Append(std::make_unique<storage::Entry>());
        return absl::OkStatus();
      })
      .status();
}

absl::Status TestRegister::Birth(const v1::Person& person) {
  v1::RecordBirthRequest request;
  request.set_request_id("b");
  *request.mutable_person() = person;
  return Run(commands::RecordBirth(*store_), request).status();
}

absl::Status TestRegister::Death(const std::string& code,
                                 const egov::civil::v1::PartialDate& date) {
  v1::RecordDeathRequest request;
  request.set_request_id("d");
  *request.mutable_identifier() = Isikukood(code);
  *request.mutable_death()->mutable_date() = date;
  return Run(commands::RecordDeath(*store_), request).status();
}

absl::Status TestRegister::Annul(const std::string& code) {
  v1::AnnulDeathRequest request;
  request.set_request_id("a");
  *request.mutable_identifier() = Isikukood(code);
  request.set_decision("2-26-1234");
  return Run(commands::AnnulDeath(*store_), request).status();
}

absl::Status TestRegister::Replace(const std::string& code, const std::string& successor) {
  v1::ReplaceIdentifierRequest request;
  request.set_request_id("r");
  *request.mutable_identifier() = Isikukood(code);
  *request.mutable_successor() = Isikukood(successor);
  *request.mutable_valid_from() = Date(2026, 11, 1);
  return Run(commands::ReplaceIdentifier(*store_), request).status();
}

absl::StatusOr<uint64_t> TestRegister::Load(const std::vector<v1::Person>& people) {
  v1::LoadPeopleRequest request;
  request.set_request_id("l");
  for (const v1::Person& person : people) *request.add_people() = person;
  uint64_t loaded = 0;
  const auto command = commands::LoadPeople(*store_);
  EGOV_RETURN_IF_ERROR(Commit(
      {}, {}, [&](storage::Transaction& transaction, const exchange::Call& call) -> absl::Status {
        const v1::LoadPeopleRequest* part = &request;
        EGOV_ASSIGN_OR_RETURN(const auto write,
                              command(call, [&] { return std::exchange(part, nullptr); }));
        EGOV_ASSIGN_OR_RETURN(const v1::LoadPeopleResponse response, write(transaction));
        loaded = response.loaded();
        return absl::OkStatus();
      }));
  return loaded;
}

absl::StatusOr<v1::Person> TestRegister::Get(const std::string& code,
                                             const std::vector<std::string>& items) {
  v1::GetPersonRequest request;
  *request.mutable_identifier() = Isikukood(code);
  EGOV_ASSIGN_OR_RETURN(const v1::GetPersonResponse response,
                        Run(commands::GetPerson(*store_), request, {request.identifier()}, items));
  return response.person();
}

absl::StatusOr<v1::VerifyVitalStatusResponse> TestRegister::Verify(
    const std::vector<std::string>& codes, const std::vector<std::string>& items,
    const std::string& scheme) {
  v1::VerifyVitalStatusRequest request;
  request.set_scheme(scheme);
  for (const std::string& code : codes) request.add_codes(code);
  const auto asked = AskedIn(request, "VerifyVitalStatus");
  const v1::VerifyVitalStatusRequest* parts[] = {&request};
  v1::VerifyVitalStatusResponse whole;
  const auto command = commands::VerifyVitalStatus(*store_);
  EGOV_RETURN_IF_ERROR(
      Commit(asked, items, [&](storage::Transaction& transaction, const exchange::Call& call) {
        whole.Clear();
        return command(transaction, call, parts, [&](v1::VerifyVitalStatusResponse part) {
          whole.MergeFrom(part);
          return absl::OkStatus();
        });
      }));
  return whole;
}

uint64_t TestRegister::KeyOf(const std::string& code) {
  auto transaction = engine_->Begin();
  const auto row = OrDie(store_->FindCode(*transaction, CodeOf(Isikukood(code))));
  return row ? row->person : 0;
}

}  // namespace egov::population::testing
