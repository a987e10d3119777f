// The register through the whole way of a request: certificates, seals, rights, windows, receipts.
#include "services/population/service.h"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "egov/access/v1/access_service.pb.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/exchange/client.h"
#include "libs/exchange/register.h"
#include "libs/exchange/testing/world.h"
#include "services/population/client/population_client.h"
#include "services/population/testing/builders.h"

namespace egov::population {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using testing::Citizen;
using testing::CodeNumber;
using testing::Date;
using testing::Isikukood;

constexpr char kOfficers[] = "ee/GOV/70000562/officers";
constexpr char kRegistrars[] = "ee/GOV/70000562/registrars";
constexpr char kBoard[] = "ee/GOV/70000310/pensions";
constexpr char kPopulation[] = "egov.population.v1.PopulationService";

const char* const kPension[] = {"population.person.vital_status", "population.person.death_date",
                                "population.person.identifiers"};

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = world_.Config("population");
    Start();
    for (const char* method : {"RecordBirth", "RecordDeath", "AnnulDeath", "RecordNameChange",
                               "RecordResidenceChange", "ReplaceIdentifier", "LoadPeople"}) {
      Grant(kRegistrars, kPopulation, method, "registration", {});
    }
    Grant(kBoard, kPopulation, "VerifyVitalStatus", "pension-payment",
          {std::begin(kPension), std::end(kPension)});
    Grant(kBoard, kPopulation, "GetPerson", "pension-payment",
          {"population.person.name", "population.person.death_date"});
    Grant(kBoard, kPopulation, "WatchChanges", "pension-payment", {"population.change"});
    registrars_ = Member(kRegistrars);
    board_ = Member(kBoard);
    registration_ = MakePopulationClient(registrars_.get());
    pensions_ = MakePopulationClient(board_.get());
  }

  void TearDown() override {
    registrars_.reset();
    board_.reset();
    officers_.reset();
    register_.reset();
  }

  void Start() {
    EGOV_ASSERT_OK_AND_ASSIGN(register_, exchange::Register::Open(config_, {}));
    EGOV_ASSERT_OK_AND_ASSIGN(
        store_, Store::Open(&register_->store(), {{"ee-isikukood"}, config_.time_zone()}));
    ASSERT_THAT(register_->Add(MakeService(*store_,
                                           [this](uint64_t position) {
                                             return register_->log().RecordedMicros(position);
                                           })),
                IsOk());
    register_->set_subjects(store_.get());
    ASSERT_THAT(register_->Start(), IsOk());
    config_.set_listen(absl::StrCat("127.0.0.1:", register_->port()));
    officers_ = Member(kOfficers);
  }

  std::unique_ptr<exchange::Client> Member(const std::string& xroad) {
    auto client = exchange::Client::Open(world_.Member(xroad, config_, register_->port()));
    EXPECT_THAT(client, IsOk());
    return client.ok() ? *std::move(client) : nullptr;
  }

  static exchange::Purpose For(const std::string& purpose, std::vector<std::string> items = {}) {
    exchange::Purpose out;
    out.purpose = purpose;
    out.legal_basis.set_act("State Pension Insurance Act");
    out.legal_basis.set_provision("§ 43 (1)");
    out.legal_basis.set_version("2026-01-01");
    out.case_reference = "run 2026-11";
    out.items = std::move(items);
    return out;
  }

  void Grant(const std::string& xroad, const std::string& service, const std::string& method,
             const std::string& purpose, const std::vector<std::string>& items) {
    egov::access::v1::GrantRightRequest request;
    request.set_request_id(base::NewUuid());
    egov::access::v1::Right& right = *request.mutable_right();
    right.set_subsystem("spiffe://" + xroad);
    right.set_service(service);
    right.set_method(method);
    right.set_purpose(purpose);
    for (const std::string& item : items) right.add_items(item);
    *right.mutable_valid_from() = Date(2020, 1, 1);
    EXPECT_THAT(officers_->Call<egov::access::v1::GrantRightResponse>(
                    "/egov.access.v1.AccessService/GrantRight", For("administration"), request),
                IsOk())
        << method;
  }

  // How many entries the usage of a citizen has.
  int LooksAt(uint64_t citizen) {
    egov::disclosure::v1::FindUsageRequest request;
    *request.mutable_person() = Isikukood(CodeNumber(citizen));
    const auto usage = registrars_->Call<egov::disclosure::v1::FindUsageResponse>(
        "/egov.disclosure.v1.UsageService/FindUsage", For("own-data", {"disclosure.usage"}),
        request);
    EXPECT_THAT(usage, IsOk());
    return usage.ok() ? usage->message.usages_size() : -1;
  }

  absl::Status Load(uint64_t from, uint64_t to) {
    v1::LoadPeopleRequest window;
    window.set_request_id(base::NewUuid());
    for (uint64_t n = from; n < to; ++n) {
      *window.add_people() = Citizen(n);
      if (n % 10 == 0)
        *window.mutable_people(window.people_size() - 1)->mutable_death()->mutable_date() =
            Date(2019, 4);
    }
    const auto answer = registration_->LoadPeople(For("registration"), window, absl::Seconds(60));
    EGOV_RETURN_IF_ERROR(answer.status());
    EXPECT_EQ(answer->loaded(), to - from);
    return absl::OkStatus();
  }

  exchange::testing::World world_;
  exchange::RegisterConfig config_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<exchange::Register> register_;
  std::unique_ptr<exchange::Client> officers_, registrars_, board_;
  std::unique_ptr<PopulationClient> registration_, pensions_;
};

TEST_F(ServiceTest, ABoardLearnsWhoHasDiedAndNothingElse) {
  ASSERT_THAT(Load(0, 20000), IsOk());
  std::vector<std::string> codes;
  for (uint64_t n = 0; n < 20010; ++n) codes.push_back(CodeNumber(n));
  codes.push_back("36805280108");
  const auto answer = pensions_->VerifyVitalStatus(
      For("pension-payment", {std::begin(kPension), std::end(kPension)}), "ee-isikukood", codes,
      absl::Seconds(60));
  ASSERT_THAT(answer, IsOk());
  size_t deceased = 0, unknown = 0, malformed = 0;
  for (const auto& part : answer->parts) {
    deceased += part.deceased_size();
    unknown += part.unknown_size();
    malformed += part.malformed_size();
    for (const auto& dead : part.deceased()) EXPECT_EQ(dead.death_date().month(), 4u);
  }
  EXPECT_EQ(deceased, 2000u);
  EXPECT_EQ(unknown, 10u);
  EXPECT_EQ(malformed, 1u);
  // An item outside the right refuses the whole.
  EXPECT_THAT(pensions_->VerifyVitalStatus(For("pension-payment", {"population.person.name"}),
                                           "ee-isikukood", codes, absl::Seconds(60)),
              Fails(StatusCode::kPermissionDenied, "ITEM_NOT_ALLOWED"));
}

TEST_F(ServiceTest, ALifeIsTakenDownToldAndFollowed) {
  const std::string code = CodeNumber(3), successor = CodeNumber(4);
  v1::RecordBirthRequest birth;
  birth.set_request_id(base::NewUuid());
  *birth.mutable_person() = Citizen(3);
  ASSERT_THAT(registration_->RecordBirth(For("registration"), birth), IsOk());
  ASSERT_THAT(registration_->RecordBirth(For("registration"), birth), IsOk())
      << "the same act again, done once";
  birth.set_request_id(base::NewUuid());
  EXPECT_THAT(registration_->RecordBirth(For("registration"), birth),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "person.identifier"));

  v1::RecordNameChangeRequest name;
  name.set_request_id(base::NewUuid());
  *name.mutable_identifier() = Isikukood(code);
  *name.add_names() = testing::LatinName("Mari", "Kask");
  *name.mutable_valid_from() = Date(2020);
  ASSERT_THAT(registration_->RecordNameChange(For("registration"), name), IsOk());
  v1::RecordResidenceChangeRequest move;
  move.set_request_id(base::NewUuid());
  *move.mutable_identifier() = Isikukood(code);
  move.mutable_residence()->set_country("FI");
  *move.mutable_residence()->mutable_valid_from() = Date(2021);
  ASSERT_THAT(registration_->RecordResidenceChange(For("registration"), move), IsOk());
  v1::ReplaceIdentifierRequest replace;
  replace.set_request_id(base::NewUuid());
  *replace.mutable_identifier() = Isikukood(code);
  *replace.mutable_successor() = Isikukood(successor);
  *replace.mutable_valid_from() = Date(2022);
  ASSERT_THAT(registration_->ReplaceIdentifier(For("registration"), replace), IsOk());
  v1::RecordDeathRequest death;
  death.set_request_id(base::NewUuid());
  *death.mutable_identifier() = Isikukood(code);
  *death.mutable_death()->mutable_date() = Date(2023, 7, 1);
  ASSERT_THAT(registration_->RecordDeath(For("registration"), death), IsOk());
  death.set_request_id(base::NewUuid());
  EXPECT_THAT(registration_->RecordDeath(For("registration"), death),
              Fails(StatusCode::kFailedPrecondition, "ALREADY_DEAD", "identifier"));
  v1::AnnulDeathRequest annul;
  annul.set_request_id(base::NewUuid());
  *annul.mutable_identifier() = Isikukood(successor);
  annul.set_decision("2-26-1234");
  ASSERT_THAT(registration_->AnnulDeath(For("registration"), annul), IsOk());

  v1::GetPersonRequest get;
  *get.mutable_identifier() = Isikukood(code);
  const auto told = pensions_->GetPerson(
      For("pension-payment", {"population.person.name", "population.person.death_date"}), get);
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->person().identifier().value(), successor);
  EXPECT_EQ(told->person().names(0).parts(1).text(), "Kask");
  EXPECT_FALSE(told->person().has_death());
  EXPECT_FALSE(told->person().has_birth());
  EXPECT_FALSE(told->person().has_residence());

  v1::WatchChangesRequest watch;
  watch.set_until_now(true);
  std::vector<v1::ChangeKind> kinds;
  int64_t before = 0;
  const absl::Status watched =
      pensions_->WatchChanges(For("pension-payment", {"population.change"}), watch,
                              absl::Seconds(30), [&](const v1::WatchChangesResponse& part) {
                                for (const v1::Change& change : part.changes()) {
                                  kinds.push_back(change.kind());
                                  EXPECT_GE(change.recorded_micros(), before);
                                  EXPECT_GT(change.recorded_micros(), 0);
                                  before = change.recorded_micros();
                                }
                                return true;
                              });
  EXPECT_THAT(watched, IsOk());
  EXPECT_EQ(kinds, (std::vector<v1::ChangeKind>{
                       v1::CHANGE_KIND_BIRTH, v1::CHANGE_KIND_NAME, v1::CHANGE_KIND_RESIDENCE,
                       v1::CHANGE_KIND_IDENTIFIER_REPLACED, v1::CHANGE_KIND_DEATH,
                       v1::CHANGE_KIND_DEATH_ANNULLED}));
}

TEST_F(ServiceTest, ARefusedWindowOfALoadLeavesNothing) {
  ASSERT_THAT(Load(0, 100), IsOk());
  EXPECT_THAT(Load(50, 150),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "people[0].identifier"));
  v1::GetPersonRequest get;
  *get.mutable_identifier() = Isikukood(CodeNumber(120));
  EXPECT_THAT(pensions_->GetPerson(For("pension-payment", {"population.person.name"}), get),
              Fails(StatusCode::kNotFound, "UNKNOWN_PERSON"));
}

TEST_F(ServiceTest, WhoWasAskedAboutSeesWhoAsked) {
  ASSERT_THAT(Load(0, 300), IsOk());
  std::vector<std::string> codes;
  for (uint64_t n = 0; n < 200; ++n) codes.push_back(CodeNumber(n));
  ASSERT_THAT(pensions_->VerifyVitalStatus(
                  For("pension-payment", {std::begin(kPension), std::end(kPension)}),
                  "ee-isikukood", codes, absl::Seconds(60)),
              IsOk());
  Grant(kRegistrars, "egov.disclosure.v1.UsageService", "FindUsage", "own-data",
        {"disclosure.usage"});
  // The living, of whom nothing was said, were disclosed by silence.
  EXPECT_EQ(LooksAt(7), 1);
  EXPECT_EQ(LooksAt(250), 0);
}

TEST_F(ServiceTest, AParentSeesWhoLearnsFromARefusalWhenTheyWereBorn) {
  ASSERT_THAT(Load(0, 10), IsOk());
  Grant(kRegistrars, "egov.disclosure.v1.UsageService", "FindUsage", "own-data",
        {"disclosure.usage"});
  v1::RecordBirthRequest birth;
  birth.set_request_id(base::NewUuid());
  *birth.mutable_person() = Citizen(20);
  *birth.mutable_person()->mutable_birth()->mutable_date() = Date(1900);
  *birth.mutable_person()->add_parents()->mutable_identifier() = Isikukood(CodeNumber(7));
  EXPECT_THAT(
      registration_->RecordBirth(For("registration"), birth),
      Fails(StatusCode::kFailedPrecondition, "PARENT_BORN_LATER", "person.parents[0].identifier"));
  EXPECT_EQ(LooksAt(7), 1);
  EXPECT_EQ(LooksAt(8), 0);
}

}  // namespace
}  // namespace egov::population
