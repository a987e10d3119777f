// Mass questions, loads and the feed.
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/population/testing/builders.h"
#include "services/population/testing/register.h"

namespace egov::population {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using testing::BsnIdentifier;
using testing::Citizen;
using testing::CodeNumber;
using testing::Date;
using testing::Isikukood;

class MassTest : public ::testing::Test {
 protected:
  std::vector<v1::Person> Citizens(uint64_t from, uint64_t to) {
    std::vector<v1::Person> people;
    for (uint64_t n = from; n < to; ++n) people.push_back(Citizen(n));
    return people;
  }

  // One step of the feed on a snapshot.
  exchange::FeedStep Step(v1::WatchChangesRequest request, std::string* cursor,
                          std::vector<v1::Change>* changes) {
    auto snapshot = register_.engine().Snapshot();
    EXPECT_THAT(snapshot, IsOk());
    exchange::Call call;
    const auto command = commands::WatchChanges(
        register_.store(),
        [](uint64_t position) -> absl::StatusOr<int64_t> { return 1000 + position; });
    auto step = command(**snapshot, call, request, cursor, [&](v1::WatchChangesResponse part) {
      EXPECT_LE(part.ByteSizeLong(), 1u << 20);
      EXPECT_FALSE(part.next_cursor().empty());
      changes->insert(changes->end(), part.changes().begin(), part.changes().end());
      last_cursor_ = part.next_cursor();
      return absl::OkStatus();
    });
    EXPECT_THAT(step, IsOk());
    return step.ok() ? *step : exchange::FeedStep::kEnd;
  }

  testing::TestRegister register_;
  std::string last_cursor_;
};

TEST_F(MassTest, ALoadedPersonIsThereWithAllThatWasSaid) {
  v1::Person person = Citizen(7);
  *person.add_other_identifiers() = Isikukood(CodeNumber(8));
  *person.add_other_identifiers() = BsnIdentifier(testing::BsnNumber(3));
  *person.mutable_death()->mutable_date() = Date(2019, 8);
  EGOV_ASSERT_OK_AND_ASSIGN(const uint64_t loaded, register_.Load({person}));
  EXPECT_EQ(loaded, 1u);
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person told, register_.Get(CodeNumber(8)));
  EXPECT_EQ(told.SerializeAsString(), person.SerializeAsString());
  // The earlier identifier was superseded by the one in force.
  EGOV_ASSERT_OK_AND_ASSIGN(const auto vital, register_.Verify({CodeNumber(7), CodeNumber(8)}));
  ASSERT_EQ(vital.superseded_size(), 1);
  EXPECT_EQ(vital.superseded(0).code(), CodeNumber(8));
  EXPECT_EQ(vital.superseded(0).successor(), CodeNumber(7));
  ASSERT_EQ(vital.deceased_size(), 2);
  EXPECT_EQ(vital.deceased(0).death_date().month(), 8u);
}

TEST_F(MassTest, AWindowIsTakenInWholeOrNotAtAll) {
  std::vector<v1::Person> people = Citizens(0, 20);
  people[17].mutable_birth()->mutable_date()->set_day(32);
  EXPECT_THAT(register_.Load(people),
              Fails(StatusCode::kInvalidArgument, "IMPOSSIBLE_DATE", "people[17].birth.date"));
  people = Citizens(0, 20);
  *people[5].mutable_death()->mutable_date() = Date(1800);
  EXPECT_THAT(register_.Load(people),
              Fails(StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH", "people[5].death.date"));
  people = Citizens(0, 20);
  people[6].clear_names();
  EXPECT_THAT(register_.Load(people),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "people[6].names"));
  people = Citizens(0, 20);
  *people[19].mutable_identifier() = people[3].identifier();
  EXPECT_THAT(register_.Load(people),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "people[19].identifier"));
  EXPECT_EQ(register_.engine().horizon(), 0u);
  EXPECT_EQ(register_.KeyOf(CodeNumber(0)), 0u);

  ASSERT_THAT(register_.Load(Citizens(0, 20)), IsOk());
  EXPECT_THAT(register_.Load(Citizens(19, 40)),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "people[0].identifier"));
  EXPECT_EQ(register_.KeyOf(CodeNumber(30)), 0u);
}

TEST_F(MassTest, ParentsAreFoundInTheWindowAndInTheRegister) {
  ASSERT_THAT(register_.Load(Citizens(0, 1)), IsOk());
  std::vector<v1::Person> people = Citizens(1, 3);
  *people[1].add_parents()->mutable_identifier() = Isikukood(CodeNumber(0));
  *people[1].add_parents()->mutable_identifier() = Isikukood(CodeNumber(1));
  *people[1].add_parents()->mutable_identifier() = Isikukood(CodeNumber(99));
  EXPECT_THAT(register_.Load(people), Fails(StatusCode::kFailedPrecondition, "UNKNOWN_PARENT",
                                            "people[1].parents[2].identifier"));
  // With a name beside it, what the other register said is kept as it said it.
  *people[1].mutable_parents(2)->mutable_name() = testing::LatinName("Jaan", "Saar");
  ASSERT_THAT(register_.Load(people), IsOk());
  ASSERT_THAT(register_.Replace(CodeNumber(0), CodeNumber(50)), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person told, register_.Get(CodeNumber(2)));
  ASSERT_EQ(told.parents_size(), 3);
  EXPECT_EQ(told.parents(0).identifier().value(), CodeNumber(50));
  EXPECT_EQ(told.parents(1).identifier().value(), CodeNumber(1));
  EXPECT_EQ(told.parents(2).identifier().value(), CodeNumber(99));
  EXPECT_EQ(told.parents(2).name().parts(0).text(), "Jaan");
}

TEST_F(MassTest, WindowsAndBirthsAtOnceNeverGiveACodeTwice) {
  // Four windows and four clerks want the same codes.
  std::atomic<int> windows{0}, births{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round)
        windows += register_.Load(Citizens(100 * round, 100 * round + 100)).ok();
    });
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round)
        births += register_.Birth(Citizen(10 * round + 9)).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<v1::Change> changes;
  std::string cursor;
  Step({}, &cursor, &changes);
  std::map<std::string, int> told;
  for (const v1::Change& change : changes) ++told[change.person().value()];
  for (const auto& person : told) EXPECT_EQ(person.second, 1);
  EXPECT_EQ(told.size(), windows * 100u + births);
  EXPECT_GT(windows + births, 0);
}

TEST_F(MassTest, TheColumnSaysWhatThePeoplesRowsSayAfterAnyEvents) {
  std::mt19937 random(7);
  struct Known {
    std::string code;
    bool dead = false;
    uint32_t year = 0;
    std::vector<std::string> earlier;
  };
  std::vector<Known> people;
  uint64_t next = 0;
  for (int step = 0; step < 1500; ++step) {
    const int dice = random() % 20;
    if (dice == 0 || people.empty()) {
      const uint64_t count = 1 + random() % 400;
      std::vector<v1::Person> window = Citizens(next, next + count);
      for (v1::Person& person : window) {
        Known known{person.identifier().value()};
        if (random() % 4 == 0) {
          known.dead = true;
          known.year = 2000 + random() % 20;
          *person.mutable_death()->mutable_date() = Date(known.year);
        }
        people.push_back(known);
      }
      next += count;
      ASSERT_THAT(register_.Load(window), IsOk());
      continue;
    }
    Known& one = people[random() % people.size()];
    if (dice < 6) {
      people.push_back({CodeNumber(next)});
      ASSERT_THAT(register_.Birth(Citizen(next++)), IsOk());
    } else if (dice < 16) {
      if (one.dead) {
        ASSERT_THAT(register_.Annul(one.code), IsOk());
      } else {
        one.year = 2000 + random() % 20;
        ASSERT_THAT(register_.Death(one.code, Date(one.year)), IsOk());
      }
      one.dead = !one.dead;
    } else {
      const std::string successor = CodeNumber(next++);
      ASSERT_THAT(register_.Replace(one.code, successor), IsOk());
      one.earlier.push_back(one.code);
      one.code = successor;
    }
    if (step == 700) register_.Restart();
  }

  std::vector<std::string> asked;
  std::map<std::string, uint32_t> dead;
  std::map<std::string, std::string> superseded;
  std::set<std::string> unknown;
  for (const Known& one : people) {
    asked.push_back(one.code);
    if (one.dead) dead[one.code] = one.year;
    for (const std::string& earlier : one.earlier) {
      asked.push_back(earlier);
      superseded[earlier] = one.code;
      if (one.dead) dead[earlier] = one.year;
    }
  }
  for (uint64_t n = 0; n < 500; ++n) {
    asked.push_back(CodeNumber(next + n));
    unknown.insert(CodeNumber(next + n));
  }
  for (int round = 0; round < 2; ++round) {
    std::shuffle(asked.begin(), asked.end(), random);
    EGOV_ASSERT_OK_AND_ASSIGN(const auto told, register_.Verify(asked));
    std::map<std::string, uint32_t> told_dead;
    for (const auto& entry : told.deceased()) told_dead[entry.code()] = entry.death_date().year();
    std::map<std::string, std::string> told_superseded;
    for (const auto& entry : told.superseded()) told_superseded[entry.code()] = entry.successor();
    EXPECT_EQ(told_dead, dead);
    EXPECT_EQ(told_superseded, superseded);
    EXPECT_EQ(std::set<std::string>(told.unknown().begin(), told.unknown().end()), unknown);
    EXPECT_EQ(told.deceased_size(), dead.size());
    register_.Restart();
  }
}

TEST_F(MassTest, ACodeIsAnsweredForOnceHoweverOftenItIsAsked) {
  std::vector<v1::Person> people = Citizens(0, 4);
  *people[1].mutable_death()->mutable_date() = Date(2019);
  *people[2].add_other_identifiers() = Isikukood(CodeNumber(10));
  ASSERT_THAT(register_.Load(people), IsOk());
  std::vector<std::string> asked;
  for (int i = 0; i < 60; ++i) {
    for (const std::string& code : {CodeNumber(0), CodeNumber(1), CodeNumber(10), CodeNumber(77),
                                    std::string("36805280108"), std::string("x")}) {
      asked.push_back(code);
    }
  }
  for (const bool few : {true, false}) {
    if (few) asked.resize(30);
    EGOV_ASSERT_OK_AND_ASSIGN(const auto told, register_.Verify(asked));
    EXPECT_EQ(told.deceased_size(), 1);
    EXPECT_EQ(told.superseded_size(), 1);
    EXPECT_EQ(told.unknown_size(), 1);
    ASSERT_EQ(told.malformed_size(), 2);
    EXPECT_EQ(told.malformed(0).reason(), "BAD_CHECK_DIGIT");
    EXPECT_EQ(told.malformed(1).reason(), "BAD_LENGTH");
    if (few) {
      const std::vector<std::string> again = asked;
      for (int i = 0; i < 10; ++i) asked.insert(asked.end(), again.begin(), again.end());
    }
  }
}

TEST_F(MassTest, AnEmptyCodeIsMalformedAndMovesNobodysAnswer) {
  std::vector<v1::Person> people = Citizens(0, 2);
  *people[0].mutable_death()->mutable_date() = Date(2019);
  ASSERT_THAT(register_.Load(people), IsOk());
  for (const size_t others : {2, 40}) {  // few are looked up in the rows, many in the column
    std::vector<std::string> asked = {"", CodeNumber(0), CodeNumber(1)};
    for (size_t n = asked.size(); n <= others; ++n) asked.push_back(CodeNumber(100 + n));
    EGOV_ASSERT_OK_AND_ASSIGN(const auto told, register_.Verify(asked));
    ASSERT_EQ(told.malformed_size(), 1);
    EXPECT_EQ(told.malformed(0).value(), "");
    EXPECT_EQ(told.malformed(0).reason(), "BAD_LENGTH");
    ASSERT_EQ(told.deceased_size(), 1);
    EXPECT_EQ(told.deceased(0).code(), CodeNumber(0));
    EXPECT_EQ(told.unknown_size(), static_cast<int>(asked.size()) - 3);
  }

  v1::BatchGetPersonsRequest batch;
  for (const std::string& code : {std::string(), CodeNumber(0), CodeNumber(1)})
    *batch.add_identifiers() = Isikukood(code);
  EGOV_ASSERT_OK_AND_ASSIGN(const auto told,
                            register_.Run(commands::BatchGetPersons(register_.store()), batch,
                                          testing::AskedIn(batch, "BatchGetPersons")));
  ASSERT_EQ(told.malformed_size(), 1);
  EXPECT_EQ(told.malformed(0).reason(), "BAD_LENGTH");
  EXPECT_EQ(told.unknown_size(), 0);
  ASSERT_EQ(told.persons_size(), 2);
  EXPECT_EQ(told.persons(0).identifier().value(), CodeNumber(0));
  EXPECT_EQ(told.persons(1).identifier().value(), CodeNumber(1));
}

TEST_F(MassTest, AnUnknownSchemeIsRefused) {
  EXPECT_THAT(register_.Verify({"1"}, testing::AllItems(), "xx-code"),
              Fails(StatusCode::kInvalidArgument, "UNKNOWN_SCHEME", "scheme"));
}

TEST_F(MassTest, DatesAndSuccessorsAreToldOnlyToThoseWhoMayKnowThem) {
  std::vector<v1::Person> people = Citizens(0, 1);
  *people[0].mutable_death()->mutable_date() = Date(2019);
  *people[0].add_other_identifiers() = Isikukood(CodeNumber(10));
  ASSERT_THAT(register_.Load(people), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto told,
                            register_.Verify({CodeNumber(10)}, {"population.person.vital_status"}));
  ASSERT_EQ(told.deceased_size(), 1);
  EXPECT_FALSE(told.deceased(0).has_death_date());
  ASSERT_EQ(told.superseded_size(), 1);
  EXPECT_EQ(told.superseded(0).successor(), "");
}

TEST_F(MassTest, AHundredThousandAreLoadedAndAskedForInParts) {
  std::vector<v1::Person> window;
  for (uint64_t n = 0; n < 100000; ++n) {
    window.push_back(Citizen(n));
    *window.back().mutable_death()->mutable_date() = Date(2020, 1, 2);
    if (window.size() == 50000) {
      ASSERT_THAT(register_.Load(window), IsOk());
      window.clear();
    }
  }
  v1::VerifyVitalStatusRequest request;
  request.set_scheme("ee-isikukood");
  std::vector<egov::identifiers::v1::Identifier> asked;
  for (uint64_t n = 0; n < 100000; ++n) {
    request.add_codes(CodeNumber(n));
    asked.push_back(Isikukood(CodeNumber(n)));
  }
  const v1::VerifyVitalStatusRequest* parts[] = {&request};
  size_t told = 0, emitted = 0;
  const auto command = commands::VerifyVitalStatus(register_.store());
  ASSERT_THAT(register_.Commit(asked, testing::AllItems(),
                               [&](storage::Transaction& transaction, const exchange::Call& call) {
                                 return command(transaction, call, parts,
                                                [&](v1::VerifyVitalStatusResponse part) {
                                                  EXPECT_LE(part.ByteSizeLong(), 1u << 20);
                                                  told += part.deceased_size();
                                                  ++emitted;
                                                  return absl::OkStatus();
                                                });
                               }),
              IsOk());
  EXPECT_EQ(told, 100000u);
  EXPECT_GT(emitted, 1u);

  // The feed tells all of them, in windows.
  std::set<std::string> seen;
  std::string cursor;
  v1::WatchChangesRequest watch;
  watch.set_until_now(true);
  int steps = 0;
  for (auto step = exchange::FeedStep::kMore; step != exchange::FeedStep::kEnd; ++steps) {
    std::vector<v1::Change> changes;
    step = Step(watch, &cursor, &changes);
    for (const v1::Change& change : changes)
      EXPECT_TRUE(seen.insert(change.person().value()).second);
  }
  EXPECT_EQ(seen.size(), 100000u);
  EXPECT_GT(steps, 1);
}

TEST_F(MassTest, TheFeedTellsEachChangeInOrderAndGoesOnFromItsCursor) {
  ASSERT_THAT(register_.Birth(Citizen(1)), IsOk());
  ASSERT_THAT(register_.Death(CodeNumber(1), Date(2020, 5, 6)), IsOk());
  ASSERT_THAT(register_.Load(Citizens(2, 5)), IsOk());
  std::vector<v1::Change> changes;
  std::string cursor;
  EXPECT_EQ(Step({}, &cursor, &changes), exchange::FeedStep::kIdle);
  ASSERT_EQ(changes.size(), 5u);
  EXPECT_EQ(changes[0].kind(), v1::CHANGE_KIND_BIRTH);
  EXPECT_EQ(changes[1].kind(), v1::CHANGE_KIND_DEATH);
  EXPECT_EQ(changes[1].valid_from().day(), 6u);
  EXPECT_EQ(changes[1].position(), 1u);
  EXPECT_EQ(changes[1].recorded_micros(), 1001);
  EXPECT_EQ(changes[4].kind(), v1::CHANGE_KIND_LOADED);
  EXPECT_EQ(changes[4].position(), 2u);

  changes.clear();
  EXPECT_EQ(Step({}, &cursor, &changes), exchange::FeedStep::kIdle);
  EXPECT_TRUE(changes.empty());
  ASSERT_THAT(register_.Annul(CodeNumber(1)), IsOk());
  ASSERT_THAT(register_.Replace(CodeNumber(1), CodeNumber(9)), IsOk());
  EXPECT_EQ(Step({}, &cursor, &changes), exchange::FeedStep::kIdle);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].kind(), v1::CHANGE_KIND_DEATH_ANNULLED);
  EXPECT_EQ(changes[0].person().value(), CodeNumber(1));
  EXPECT_EQ(changes[1].person().value(), CodeNumber(9));

  // Only deaths, from the beginning; then from the cursor that came with them, all.
  v1::WatchChangesRequest deaths;
  deaths.add_kinds(v1::CHANGE_KIND_DEATH);
  deaths.set_until_now(true);
  cursor.clear();
  changes.clear();
  EXPECT_EQ(Step(deaths, &cursor, &changes), exchange::FeedStep::kEnd);
  EXPECT_EQ(changes.size(), 1u);
  v1::WatchChangesRequest resumed;
  resumed.set_cursor(last_cursor_);
  cursor.clear();
  changes.clear();
  Step(resumed, &cursor, &changes);
  EXPECT_TRUE(changes.empty());
}

TEST_F(MassTest, ACursorOfAnotherRegisterIsRefused) {
  auto snapshot = register_.engine().Snapshot();
  ASSERT_THAT(snapshot, IsOk());
  const auto command = commands::WatchChanges(
      register_.store(), [](uint64_t) -> absl::StatusOr<int64_t> { return 0; });
  for (const char* bad : {"x", "c1-", "c1-00000000000000000000000", "c1-000000000000000000000zz0",
                          "c1-000000000000000100000000", "c1-000000000000000000000001"}) {
    v1::WatchChangesRequest request;
    request.set_cursor(bad);
    std::string cursor;
    EXPECT_THAT(command(**snapshot, exchange::Call(), request, &cursor,
                        [](v1::WatchChangesResponse) { return absl::OkStatus(); }),
                Fails(StatusCode::kInvalidArgument, "BAD_CURSOR", "cursor"))
        << bad;
  }
}

TEST_F(MassTest, WhatWasKnownOnAnEarlierDayIsToldForEver) {
  std::vector<std::string> states;  // as told when the register had 1, 2, ... records
  const auto remember = [&](absl::Status status, const std::string& code) {
    ASSERT_THAT(status, IsOk());
    states.push_back(register_.Get(code)->SerializeAsString());
    ASSERT_EQ(states.size() * 2, register_.engine().horizon());  // reading leaves a record, too
  };
  v1::RecordNameChangeRequest rename;
  *rename.mutable_identifier() = Isikukood(CodeNumber(1));
  *rename.add_names() = testing::LatinName("Mari", "Kask");
  *rename.mutable_valid_from() = Date(2020);
  v1::RecordResidenceChangeRequest move;
  *move.mutable_identifier() = Isikukood(CodeNumber(1));
  move.mutable_residence()->set_country("FI");
  *move.mutable_residence()->mutable_valid_from() = Date(2021);
  remember(register_.Birth(Citizen(1)), CodeNumber(1));
  remember(register_.Run(commands::RecordNameChange(register_.store()), rename).status(),
           CodeNumber(1));
  remember(register_.Death(CodeNumber(1), Date(2022)), CodeNumber(1));
  remember(register_.Annul(CodeNumber(1)), CodeNumber(1));
  remember(register_.Run(commands::RecordResidenceChange(register_.store()), move).status(),
           CodeNumber(1));
  remember(register_.Replace(CodeNumber(1), CodeNumber(2)), CodeNumber(2));
  remember(register_.Death(CodeNumber(2), Date(2023)), CodeNumber(2));
  auto reader = register_.engine().Begin();
  const uint64_t key = register_.KeyOf(CodeNumber(2));
  EXPECT_FALSE(register_.store().KnownAt(*reader, key, 0)->has_value());
  for (size_t i = 0; i < states.size(); ++i) {
    // Acts are at the positions 0, 2, 4 ...: 2i + 1 records are enough to know it.
    EGOV_ASSERT_OK_AND_ASSIGN(const auto known, register_.store().KnownAt(*reader, key, 2 * i + 1));
    ASSERT_TRUE(known.has_value());
    EXPECT_EQ(known->person().SerializeAsString(), states[i]) << i;
  }
  EGOV_ASSERT_OK_AND_ASSIGN(
      const auto corrected,
      register_.store().LastEvent(*reader, key, v1::CHANGE_KIND_DEATH_ANNULLED));
  ASSERT_TRUE(corrected.has_value());
  rows::EventRow annulment;
  EGOV_ASSERT_OK_AND_ASSIGN(
      const bool found,
      register_.store().events().Get(*reader, {key, storage::Position{corrected->position()}, 0},
                                     &annulment));
  ASSERT_TRUE(found);
  EXPECT_EQ(annulment.corrects().position(), 4u);
}

TEST_F(MassTest, WhoWasLoadedIsKnownFromTheirWindowOn) {
  ASSERT_THAT(register_.Load(Citizens(0, 10)), IsOk());
  ASSERT_THAT(register_.Load(Citizens(10, 20)), IsOk());
  ASSERT_THAT(register_.Death(CodeNumber(15), Date(2024)), IsOk());
  auto reader = register_.engine().Begin();
  const uint64_t key = register_.KeyOf(CodeNumber(15));
  EXPECT_FALSE(register_.store().KnownAt(*reader, key, 1)->has_value());
  EXPECT_TRUE(register_.store().KnownAt(*reader, register_.KeyOf(CodeNumber(5)), 1)->has_value());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto loaded, register_.store().KnownAt(*reader, key, 2));
  ASSERT_TRUE(loaded.has_value());
  EXPECT_FALSE(loaded->person().has_death());
  EXPECT_TRUE(register_.store().KnownAt(*reader, key, 3)->value().person().has_death());
}

}  // namespace
}  // namespace egov::population
