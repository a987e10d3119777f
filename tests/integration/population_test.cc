// The population register as its callers meet it: the real binary, over the wire.
#include <atomic>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/population/v1/population_service.pb.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/proof/verify.h"
#include "services/population/client/population_client.h"
#include "services/population/testing/builders.h"
#include "tests/house/population_house.h"

namespace egov::tests {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using population::testing::Citizen;
using population::testing::CodeNumber;
using population::testing::Date;
using population::testing::Isikukood;
namespace v1 = ::egov::population::v1;

constexpr char kMalformed[] = "36805280108";
constexpr char kFindUsage[] = "/egov.disclosure.v1.UsageService/FindUsage";
const std::vector<std::string> kTold = {"population.person.death_date", "population.person.name"};

// A person with names that no program would say by itself.
v1::Person Someone(uint64_t n) {
  v1::Person person = Citizen(n);
  *person.mutable_names(0) = population::testing::LatinName("Zebulonia", "Quillfeather");
  person.mutable_birth()->set_place("Vöölavere");
  person.mutable_residence()->set_municipality("Hundilepa vald");
  person.mutable_residence()->set_street("Wunderbaumi");
  return person;
}

// One register for all tests of this file, so that the last of them can look at everything that the
// others have left behind. Each test has people of its own.
class PopulationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    house_ = new PopulationHouse;
    house_->config().set_log_level("debug");
    house_->config().set_stamp_interval_seconds(1);
    ASSERT_THAT(house_->Start(), IsOk());
    ASSERT_THAT(house_->GrantUsual(), IsOk());
    registrars_ = house_->Member(kRegistrars).release();
    board_ = house_->Member(kBoard).release();
    portal_ = house_->Member(kPortal).release();
    registration_ = population::MakePopulationClient(registrars_).release();
    pensions_ = population::MakePopulationClient(board_).release();
  }

  static void TearDownTestSuite() {
    delete registration_;
    delete pensions_;
    delete registrars_;
    delete board_;
    delete portal_;
    delete house_;
  }

  // Keeps what an error says, for the test that looks for people in it.
  static absl::Status Said(absl::Status status) {
    const auto detail = base::DetailOf(status);
    said_ += absl::StrCat(status.ToString(), "\n");
    if (detail) absl::StrAppend(&said_, detail->field, " ", detail->expected, "\n");
    return status;
  }
  static const std::string& Used(const std::string& code) {
    codes_.insert(code);
    return code;
  }

  static absl::Status Birth(const v1::Person& person) {
    Used(person.identifier().value());
    v1::RecordBirthRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_person() = person;
    return Said(registration_->RecordBirth(For("registration"), request).status());
  }
  static absl::Status Death(const std::string& code, const egov::civil::v1::PartialDate& day) {
    v1::RecordDeathRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_identifier() = Isikukood(Used(code));
    *request.mutable_death()->mutable_date() = day;
    return Said(registration_->RecordDeath(For("registration"), request).status());
  }
  static absl::Status Load(uint64_t from, uint64_t to) {
    v1::LoadPeopleRequest window;
    window.set_request_id(base::NewUuid());
    for (uint64_t n = from; n < to; ++n) {
      *window.add_people() = Someone(n);
      Used(CodeNumber(n));
    }
    return Said(registration_->LoadPeople(For("registration"), window, absl::Seconds(30)).status());
  }
  static absl::StatusOr<v1::GetPersonResponse> Get(const std::string& code,
                                                   const std::vector<std::string>& items = kTold) {
    v1::GetPersonRequest request;
    *request.mutable_identifier() = Isikukood(Used(code));
    auto answer = pensions_->GetPerson(For("pension-payment", items), request);
    (void)Said(answer.status());
    return answer;
  }
  static absl::StatusOr<population::VitalAnswer> Ask(const std::vector<std::string>& codes) {
    for (const std::string& code : codes) Used(code);
    auto answer = pensions_->VerifyVitalStatus(For("pension-payment", PensionItems()), kScheme,
                                               codes, absl::Seconds(30));
    (void)Said(answer.status());
    return answer;
  }
  // The changes after `cursor`, which moves.
  static std::vector<v1::Change> Changes(std::string* cursor) {
    v1::WatchChangesRequest request;
    request.set_cursor(*cursor);
    request.set_until_now(true);
    std::vector<v1::Change> changes;
    EXPECT_THAT(Said(pensions_->WatchChanges(
                    For("pension-payment", {"population.change"}), request, absl::Seconds(30),
                    [&](const v1::WatchChangesResponse& part) {
                      changes.insert(changes.end(), part.changes().begin(), part.changes().end());
                      *cursor = part.next_cursor();
                      return true;
                    })),
                IsOk());
    return changes;
  }

  // Evidence of a mass question, as a file.
  static std::string Evidence(uint64_t from, uint64_t to) {
    std::vector<std::string> codes;
    for (uint64_t n = from; n < to; ++n) codes.push_back(CodeNumber(n));
    const auto answer = Ask(codes);
    EXPECT_THAT(answer, IsOk());
    if (!answer.ok()) return "";
    const auto file = board_->Prove(answer->windows, true, absl::Seconds(30));
    EXPECT_THAT(file, IsOk());
    return file.ok() ? proof::WriteFile(*file) : "";
  }
  static std::vector<pki::Certificate> Anchors() {
    std::ifstream in(house_->world().anchors());
    const std::string pem((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    return *pki::Certificate::ChainFromPem(pem);
  }

  static PopulationHouse* house_;
  static exchange::Client *registrars_, *board_, *portal_;
  static population::PopulationClient *registration_, *pensions_;
  static std::string said_;
  static std::set<std::string> codes_;
};

PopulationHouse* PopulationTest::house_;
exchange::Client *PopulationTest::registrars_, *PopulationTest::board_, *PopulationTest::portal_;
population::PopulationClient *PopulationTest::registration_, *PopulationTest::pensions_;
std::string PopulationTest::said_;
std::set<std::string> PopulationTest::codes_;

TEST_F(PopulationTest, WhatCannotBeIsRefusedByNameWithItsFieldAndChangesNothing) {
  const std::string living = CodeNumber(10), dead = CodeNumber(11), nobody = CodeNumber(12);
  ASSERT_THAT(Birth(Someone(10)), IsOk());
  ASSERT_THAT(Birth(Someone(11)), IsOk());
  ASSERT_THAT(Death(dead, Date(2021, 3, 4)), IsOk());
  std::string cursor;
  (void)Changes(&cursor);

  EXPECT_THAT(Get(kMalformed),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER", "identifier.value"));
  EXPECT_THAT(Get(nobody), Fails(StatusCode::kNotFound, "UNKNOWN_PERSON", "identifier"));
  EXPECT_THAT(Death(kMalformed, Date(2021)),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER", "identifier.value"));
  EXPECT_THAT(Death(nobody, Date(2021)),
              Fails(StatusCode::kNotFound, "UNKNOWN_PERSON", "identifier"));
  EXPECT_THAT(Death(living, Date(2021, 2, 30)),
              Fails(StatusCode::kInvalidArgument, "IMPOSSIBLE_DATE", "death.date"));
  EXPECT_THAT(Death(living, Date(2999, 1, 1)),
              Fails(StatusCode::kInvalidArgument, "DATE_IN_FUTURE", "death.date"));
  EXPECT_THAT(Death(living, Date(1850, 1, 1)),
              Fails(StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH", "death.date"));
  EXPECT_THAT(Death(dead, Date(2022, 3, 4)),
              Fails(StatusCode::kFailedPrecondition, "ALREADY_DEAD", "identifier"));
  v1::Person child = Someone(12);
  *child.add_parents()->mutable_identifier() = Isikukood(Used(CodeNumber(13)));
  EXPECT_THAT(Birth(child), Fails(StatusCode::kFailedPrecondition, "UNKNOWN_PARENT",
                                  "person.parents[0].identifier"));
  child = Someone(12);
  *child.mutable_birth()->mutable_date() = Date(1999, 2, 29);
  EXPECT_THAT(Birth(child),
              Fails(StatusCode::kInvalidArgument, "IMPOSSIBLE_DATE", "person.birth.date"));
  child = Someone(12);
  *child.mutable_identifier() = Isikukood(living);
  EXPECT_THAT(Birth(child),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "person.identifier"));

  EXPECT_TRUE(Changes(&cursor).empty());
  EXPECT_THAT(Get(nobody), Fails(StatusCode::kNotFound, "UNKNOWN_PERSON"));
  const auto still = Get(living);
  ASSERT_THAT(still, IsOk());
  EXPECT_FALSE(still->person().has_death());
}

TEST_F(PopulationTest, AnItemOutsideTheRightOrNotAskedForNeverLeaves) {
  ASSERT_THAT(Birth(Someone(20)), IsOk());
  for (const char* item : {"population.person.birth_date", "population.person.residence",
                           "population.person.parents", "no.such.item"}) {
    EXPECT_THAT(Get(CodeNumber(20), {"population.person.name", item}),
                Fails(StatusCode::kPermissionDenied, "ITEM_NOT_ALLOWED"))
        << item;
  }
  v1::GetPersonRequest request;
  *request.mutable_identifier() = Isikukood(CodeNumber(20));
  const auto answer =
      board_->CallRaw(Method("GetPerson"), For("pension-payment", {"population.person.name"}),
                      request.SerializeAsString(), absl::Seconds(10));
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(absl::StrContains(answer->message, "Quillfeather"));
  EXPECT_FALSE(absl::StrContains(answer->message, "Wunderbaumi"));
  EXPECT_FALSE(absl::StrContains(answer->message, "Vöölavere"));
}

TEST_F(PopulationTest, QuotasOfCallsAndCodesAreKeptAndARefusalTellsNothing) {
  constexpr char kSmall[] = "ee/GOV/70000349/benefits";
  auto calls = MakeRight(kSmall, kPopulation, "GetPerson", "benefits", {"population.person.name"});
  calls.set_calls_per_day(2);
  ASSERT_THAT(house_->Grant(calls), IsOk());
  auto codes = MakeRight(kSmall, kPopulation, "VerifyVitalStatus", "benefits", PensionItems());
  codes.set_codes_per_day(150);
  ASSERT_THAT(house_->Grant(codes), IsOk());
  ASSERT_THAT(Load(2000, 2100), IsOk());
  const auto client = house_->Member(kSmall);
  const auto benefits = population::MakePopulationClient(client.get());
  v1::GetPersonRequest get;
  *get.mutable_identifier() = Isikukood(CodeNumber(2000));
  const auto purpose = For("benefits", {"population.person.name"});
  for (int i = 0; i < 2; ++i) EXPECT_THAT(benefits->GetPerson(purpose, get), IsOk());
  EXPECT_THAT(Said(benefits->GetPerson(purpose, get).status()),
              Fails(StatusCode::kResourceExhausted, "CALL_QUOTA"));
  std::vector<std::string> hundred;
  for (uint64_t n = 2000; n < 2100; ++n) hundred.push_back(CodeNumber(n));
  const auto ask = [&] {
    return Said(benefits
                    ->VerifyVitalStatus(For("benefits", PensionItems()), kScheme, hundred,
                                        absl::Seconds(10))
                    .status());
  };
  EXPECT_THAT(ask(), IsOk());
  EXPECT_THAT(ask(), Fails(StatusCode::kResourceExhausted, "CODE_QUOTA"));
}

TEST_F(PopulationTest, ADeniedCallIsAnsweredAlikeForWhoExistsAndWhoDoesNot) {
  ASSERT_THAT(Birth(Someone(30)), IsOk());
  constexpr char kSpent[] = "ee/GOV/70000349/spent";
  auto spent = MakeRight(kSpent, kPopulation, "GetPerson", "benefits", {"population.person.name"});
  spent.set_calls_per_day(1);
  ASSERT_THAT(house_->Grant(spent), IsOk());
  const auto spender = house_->Member(kSpent);
  const auto stranger = house_->Member("ee/COM/10000024/shop");
  struct Case {
    const char* what;
    exchange::Client* client;
    exchange::Purpose purpose;
  };
  const Case cases[] = {
      {"no right", stranger.get(), For("pension-payment", {"population.person.name"})},
      {"another purpose", board_, For("curiosity", {"population.person.name"})},
      {"an item outside", board_, For("pension-payment", {"population.person.residence"})},
      {"the quota spent", spender.get(), For("benefits", {"population.person.name"})},
  };
  const auto denied = [](const Case& one, const std::string& code) {
    v1::GetPersonRequest request;
    *request.mutable_identifier() = Isikukood(Used(code));
    exchange::Exchange refused;
    const auto answer = one.client->CallRaw(
        Method("GetPerson"), one.purpose, request.SerializeAsString(), absl::Seconds(10), &refused);
    EXPECT_FALSE(answer.ok()) << one.what;
    (void)Said(answer.status());
    egov::exchange::v1::Record record;
    EXPECT_TRUE(record.ParseFromString(refused.receipt.record()));
    // All that is not drawn anew for each call: salt, digests of the question, times.
    return absl::StrCat(answer.status().ToString(), "|", refused.details, "|",
                        refused.response_parts.size(), "|", record.code(), record.reason(),
                        base::ToHex(record.details()), record.window(), record.more());
  };
  v1::GetPersonRequest first;
  *first.mutable_identifier() = Isikukood(CodeNumber(30));
  ASSERT_THAT(spender->CallRaw(Method("GetPerson"), cases[3].purpose, first.SerializeAsString(),
                               absl::Seconds(10)),
              IsOk());
  for (const Case& one : cases) {
    // The wait until the next day is counted in seconds: two calls may lie on both sides of one.
    bool alike = false;
    for (int i = 0; i < 3 && !alike; ++i)
      alike = denied(one, CodeNumber(30)) == denied(one, CodeNumber(31));
    EXPECT_TRUE(alike) << one.what << "\n"
                       << denied(one, CodeNumber(30)) << "\n"
                       << denied(one, CodeNumber(31));
  }
}

TEST_F(PopulationTest, AMassQuestionTellsTheDeadTheUnknownTheSupersededAndTheMalformed) {
  ASSERT_THAT(Load(3000, 3200), IsOk());
  ASSERT_THAT(Death(CodeNumber(3007), Date(2020, 4, 5)), IsOk());
  v1::ReplaceIdentifierRequest replace;
  replace.set_request_id(base::NewUuid());
  *replace.mutable_identifier() = Isikukood(CodeNumber(3008));
  *replace.mutable_successor() = Isikukood(Used(CodeNumber(3300)));
  *replace.mutable_valid_from() = Date(2022);
  ASSERT_THAT(Said(registration_->ReplaceIdentifier(For("registration"), replace).status()),
              IsOk());
  std::vector<std::string> codes;
  for (uint64_t n = 3000; n < 3200; ++n) codes.push_back(CodeNumber(n));
  codes.push_back(CodeNumber(3400));
  codes.push_back(kMalformed);
  const auto answer = Ask(codes);
  ASSERT_THAT(answer, IsOk());
  v1::VerifyVitalStatusResponse told;
  for (const auto& part : answer->parts) told.MergeFrom(part);
  ASSERT_EQ(told.deceased_size(), 1);
  EXPECT_EQ(told.deceased(0).code(), CodeNumber(3007));
  EXPECT_EQ(told.deceased(0).death_date().day(), 5u);
  ASSERT_EQ(told.unknown_size(), 1);
  EXPECT_EQ(told.unknown(0), CodeNumber(3400));
  ASSERT_EQ(told.superseded_size(), 1);
  EXPECT_EQ(told.superseded(0).code(), CodeNumber(3008));
  EXPECT_EQ(told.superseded(0).successor(), CodeNumber(3300));
  ASSERT_EQ(told.malformed_size(), 1);
  EXPECT_EQ(told.malformed(0).value(), kMalformed);
  EXPECT_EQ(told.malformed(0).reason(), "BAD_CHECK_DIGIT");
}

TEST_F(PopulationTest, AnAnnulledDeathIsLearnedOfByCursor) {
  ASSERT_THAT(Birth(Someone(40)), IsOk());
  ASSERT_THAT(Death(CodeNumber(40), Date(2023, 1, 2)), IsOk());
  std::string cursor;
  (void)Changes(&cursor);
  v1::AnnulDeathRequest annul;
  annul.set_request_id(base::NewUuid());
  *annul.mutable_identifier() = Isikukood(CodeNumber(40));
  annul.set_decision("2-26-1234");
  ASSERT_THAT(Said(registration_->AnnulDeath(For("registration"), annul).status()), IsOk());
  const std::vector<v1::Change> changes = Changes(&cursor);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind(), v1::CHANGE_KIND_DEATH_ANNULLED);
  EXPECT_EQ(changes[0].person().value(), CodeNumber(40));
  EXPECT_TRUE(Changes(&cursor).empty());
  annul.set_request_id(base::NewUuid());
  EXPECT_THAT(Said(registration_->AnnulDeath(For("registration"), annul).status()),
              Fails(StatusCode::kFailedPrecondition, "NOT_DEAD"));
}

TEST_F(PopulationTest, WhoWasOneOfManyAskedAboutSeesWhoAskedAndWhy) {
  ASSERT_THAT(Load(4000, 4400), IsOk());
  std::vector<std::string> codes;
  for (uint64_t n = 4000; n < 4300; ++n) codes.push_back(CodeNumber(n));
  ASSERT_THAT(Ask(codes), IsOk());
  const auto usage = [](uint64_t n) {
    egov::disclosure::v1::FindUsageRequest request;
    *request.mutable_person() = Isikukood(CodeNumber(n));
    const auto answer = portal_->Call<egov::disclosure::v1::FindUsageResponse>(
        kFindUsage, For("own-data", {"disclosure.usage"}), request);
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? answer->message : egov::disclosure::v1::FindUsageResponse();
  };
  const auto seen = usage(4123);
  ASSERT_EQ(seen.usages_size(), 1);
  EXPECT_EQ(seen.usages(0).caller(), absl::StrCat("spiffe://", kBoard));
  EXPECT_EQ(seen.usages(0).purpose(), "pension-payment");
  EXPECT_EQ(seen.usages(0).legal_basis().provision(), "§ 43 (1)");
  EXPECT_EQ(seen.usages(0).case_reference(), "run 2026-11");
  EXPECT_TRUE(seen.usages(0).mass_query());
  EXPECT_EQ(usage(4350).usages_size(), 0) << "who was not asked about";
}

TEST_F(PopulationTest, EvidenceProvesTheAnswerAndNoFlippedByteOfItDoes) {
  ASSERT_THAT(Load(5000, 5150), IsOk());
  ASSERT_THAT(Death(CodeNumber(5001), Date(2020)), IsOk());
  const std::string file = Evidence(5000, 5150);
  const auto anchors = Anchors();
  const auto report = proof::Verify(file, anchors, absl::Now());
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->caller, absl::StrCat("spiffe://", kBoard));
  EXPECT_TRUE(report->windows[0].question_proven && report->windows[0].answer_proven);
  EXPECT_TRUE(report->before.has_value());
  // Every byte of the ends, and a stride through the middle.
  size_t tried = 0;
  for (size_t i = 0; i < file.size(); i += i < 64 || i + 64 > file.size() ? 1 : 7, ++tried) {
    std::string flipped = file;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    ASSERT_FALSE(proof::Verify(flipped, anchors, absl::Now()).ok()) << "byte " << i;
  }
  std::cout << tried << " flips of " << file.size() << " bytes\n";
}

// Every change of one value anywhere in `message`, each shown to `see` on `whole`.
void ChangeEach(google::protobuf::Message* message, const std::string& path,
                const std::function<void(const std::string&)>& see) {
  using google::protobuf::FieldDescriptor;
  const auto* descriptor = message->GetDescriptor();
  const auto* reflection = message->GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const std::string name = absl::StrCat(path, ".", field->name());
    const int size = field->is_repeated() ? reflection->FieldSize(*message, field) : 0;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->is_repeated()) {
        for (int k = 0; k < size; ++k)
          ChangeEach(reflection->MutableRepeatedMessage(message, field, k),
                     absl::StrCat(name, "[", k, "]"), see);
      } else if (reflection->HasField(*message, field)) {
        ChangeEach(reflection->MutableMessage(message, field), name, see);
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      const auto change = [&](const std::function<void(const std::string&)>& set,
                              const std::string& value, const std::string& where) {
        std::string other = value;
        if (other.empty()) {
          other = "x";
        } else {
          other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
        }
        set(other);
        see(where + " changed");
        if (!value.empty()) {
          set("");
          see(where + " emptied");
          set(value + "x");
          see(where + " made longer");
        }
        set(value);
      };
      if (field->is_repeated()) {
        for (int k = 0; k < size; ++k) {
          change(
              [&](const std::string& to) { reflection->SetRepeatedString(message, field, k, to); },
              reflection->GetRepeatedString(*message, field, k), absl::StrCat(name, "[", k, "]"));
        }
        if (size > 0) {
          const std::string last = reflection->GetRepeatedString(*message, field, size - 1);
          reflection->AddString(message, field, last);
          see(name + " repeated");
          reflection->RemoveLast(message, field);
          reflection->RemoveLast(message, field);
          see(name + " without its last");
          reflection->AddString(message, field, last);
        }
      } else {
        change([&](const std::string& to) { reflection->SetString(message, field, to); },
               reflection->GetString(*message, field), name);
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      const uint64_t value = reflection->GetUInt64(*message, field);
      reflection->SetUInt64(message, field, value + 1);
      see(name + " one more");
      reflection->SetUInt64(message, field, value);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      const int64_t value = reflection->GetInt64(*message, field);
      reflection->SetInt64(message, field, value + 1);
      see(name + " one more");
      reflection->SetInt64(message, field, value);
    } else {
      FAIL() << "a field of another type: " << name;
    }
  }
}

TEST_F(PopulationTest, AnyChangedFieldOfEvidenceFailsThoughItsClosingDigestFits) {
  ASSERT_THAT(Load(6000, 6150), IsOk());
  const std::string file = Evidence(6000, 6150);
  const auto anchors = Anchors();
  EGOV_ASSERT_OK_AND_ASSIGN(auto message, proof::ReadFile(file));
  ASSERT_THAT(proof::Verify(proof::WriteFile(message), anchors, absl::Now()), IsOk());
  int tried = 0;
  ChangeEach(&message, "file", [&](const std::string& what) {
    ++tried;
    EXPECT_FALSE(proof::Verify(proof::WriteFile(message), anchors, absl::Now()).ok()) << what;
  });
  EXPECT_GT(tried, 50);
  ASSERT_THAT(proof::Verify(proof::WriteFile(message), anchors, absl::Now()), IsOk())
      << "each change was taken back";
}

TEST_F(PopulationTest, OpensslAcceptsTheTimeStampOfTheCheckpoint) {
  ASSERT_THAT(Load(7000, 7010), IsOk());
  const std::string file = Evidence(7000, 7010);
  EGOV_ASSERT_OK_AND_ASSIGN(const auto message, proof::ReadFile(file));
  const std::string folder = house_->world().directory();
  const auto verify = [&](const std::string& checkpoint) {
    std::ofstream(folder + "/checkpoint.txt", std::ios::binary) << checkpoint;
    std::ofstream(folder + "/checkpoint.tsr", std::ios::binary) << message.after().time_stamp();
    const std::string command =
        absl::StrCat("openssl ts -verify -data ", folder, "/checkpoint.txt -in ", folder,
                     "/checkpoint.tsr -CAfile ", house_->world().anchors(), " >/dev/null 2>&1");
    return system(command.c_str());
  };
  EXPECT_EQ(verify(message.after().checkpoint()), 0);
  EXPECT_NE(verify(message.after().checkpoint() + "x"), 0);
}

// The last, because it looks at what all others have left.
TEST_F(PopulationTest, NobodyOfThoseWrittenAndAskedAboutIsInLogsMetricsErrorsOrEvidence) {
  ASSERT_THAT(Load(8000, 8200), IsOk());
  (void)Evidence(8000, 8200);
  (void)Get(kMalformed);
  ASSERT_GT(codes_.size(), 200u);
  const std::vector<std::string> words = {"Zebulonia", "Quillfeather", "Wunderbaumi", "Hundilepa",
                                          "Vöölavere"};
  const auto expect_nobody = [&](const std::string& text, const std::string& where) {
    EXPECT_FALSE(text.empty()) << where;
    for (const std::string& word : words)
      EXPECT_FALSE(absl::StrContains(text, word)) << word << " in " << where;
    for (const std::string& code : codes_)
      EXPECT_FALSE(absl::StrContains(text, code)) << "a code in " << where;
  };
  std::string entries;
  const auto auditor = house_->Member(kAuditor);
  EGOV_ASSERT_OK_AND_ASSIGN(const auto report,
                            house_->Audit(*auditor, [&](const egov::evidence::v1::LogEntry& entry) {
                              absl::StrAppend(&entries, entry.record(), entry.sealed_header());
                            }));
  EXPECT_TRUE(report.finished && report.findings.empty());
  EXPECT_GT(report.refusals, 10u);
  expect_nobody(entries, "the evidence log");
  expect_nobody(house_->Log(), "the service's log");
  expect_nobody(house_->Page("/metrics"), "the metrics");
  expect_nobody(said_, "what errors said");
  std::cout << report.entries << " entries, " << house_->Log().size() << " bytes of log, "
            << codes_.size() << " codes\n";
}

}  // namespace
}  // namespace egov::tests
