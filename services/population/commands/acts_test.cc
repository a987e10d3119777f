// The rules of the acts that change one person.
#include <atomic>
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
using testing::Date;
using testing::Isikukood;
using testing::SomePerson;

const std::string kMother = testing::CodeNumber(100000);
const std::string kMari = testing::CodeNumber(1);
const std::string kJuri = testing::CodeNumber(2);
const std::string kOther = testing::CodeNumber(3);

class ActsTest : public ::testing::Test {
 protected:
  void Born(const std::string& code, const egov::civil::v1::PartialDate& date) {
    ASSERT_THAT(register_.Birth(SomePerson(code, date)), IsOk());
  }

  // That nothing was written: no position was given, no code leads to anybody.
  void ExpectNothing(const std::string& code) {
    EXPECT_EQ(register_.engine().horizon(), 0u);
    EXPECT_EQ(register_.KeyOf(code), 0u);
  }

  absl::Status Move(const std::string& code, const v1::Residence& residence) {
    v1::RecordResidenceChangeRequest request;
    *request.mutable_identifier() = Isikukood(code);
    *request.mutable_residence() = residence;
    return register_.Run(commands::RecordResidenceChange(register_.store()), request).status();
  }

  absl::Status Rename(const std::string& code, const std::vector<v1::Name>& names) {
    v1::RecordNameChangeRequest request;
    *request.mutable_identifier() = Isikukood(code);
    for (const v1::Name& name : names) *request.add_names() = name;
    *request.mutable_valid_from() = Date(2020, 5);
    return register_.Run(commands::RecordNameChange(register_.store()), request).status();
  }

  testing::TestRegister register_;
};

TEST_F(ActsTest, WhoWasBornIsThere) {
  Born(kMari, Date(1985, 3, 17));
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person person, register_.Get(kMari));
  EXPECT_EQ(person.SerializeAsString(), SomePerson(kMari, Date(1985, 3, 17)).SerializeAsString());
}

TEST_F(ActsTest, AMalformedCodeIsRefusedAndNothingChanged) {
  v1::Person person = SomePerson("36805280108", Date(1968));
  EXPECT_THAT(register_.Birth(person), Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER",
                                             "person.identifier.value"));
  person.mutable_identifier()->set_scheme("xx-code");
  EXPECT_THAT(register_.Birth(person), Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER",
                                             "person.identifier.scheme"));
  person.clear_identifier();
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "person.identifier"));
  ExpectNothing("36805280109");
}

TEST_F(ActsTest, ACodeOfSomebodyNotYetBornIsMalformed) {
  // Its check digit is right; it claims a birth in 2112.
  EXPECT_THAT(
      register_.Birth(SomePerson("81205280108", Date(2012))),
      Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER", "person.identifier.value"));
}

TEST_F(ActsTest, AnImpossibleDateIsRefused) {
  for (const auto& date :
       {Date(1985, 2, 30), Date(1985, 13), Date(999), Date(10000), Date(1985, 0, 3), Date(0, 5),
        Date(4294967295u), Date(1985, 1, 4294967295u)}) {
    EXPECT_THAT(register_.Birth(SomePerson(kMari, date)),
                Fails(StatusCode::kInvalidArgument, "IMPOSSIBLE_DATE", "person.birth.date"));
  }
  ExpectNothing(kMari);
}

TEST_F(ActsTest, TheFutureIsRefusedAndTodayIsNot) {
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(2026, 11, 24))),
              Fails(StatusCode::kInvalidArgument, "DATE_IN_FUTURE", "person.birth.date"));
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(2026, 12))),
              Fails(StatusCode::kInvalidArgument, "DATE_IN_FUTURE", "person.birth.date"));
  ExpectNothing(kMari);
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(2026, 11, 23))), IsOk());
  EXPECT_THAT(register_.Birth(SomePerson(kJuri, Date(2026))), IsOk());
}

TEST_F(ActsTest, TheDayIsThatOfTheRegistersTimeZone) {
  // 22:30 in UTC is already the 24th in Tallinn.
  register_.clock().Set(
      absl::FromCivil(absl::CivilSecond(2026, 11, 23, 22, 30), absl::UTCTimeZone()));
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(2026, 11, 24))), IsOk());
}

TEST_F(ActsTest, AnIdentifierIsGivenOnce) {
  Born(kMari, Date(1985));
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(1990))),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "person.identifier"));
  v1::Person person = SomePerson(kJuri, Date(1990));
  *person.add_other_identifiers() = Isikukood(kMari);
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "person.other_identifiers[0]"));
  *person.mutable_other_identifiers(0) = Isikukood(kJuri);
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "person.other_identifiers[0]"));
  EXPECT_EQ(register_.KeyOf(kJuri), 0u);
}

TEST_F(ActsTest, ABirthNeedsNameSexAndYear) {
  v1::Person person = SomePerson(kMari, Date(1985));
  person.clear_names();
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "person.names"));
  person = SomePerson(kMari, Date(1985));
  person.clear_sex();
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "person.sex"));
  person = SomePerson(kMari, Date(0));
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "person.birth.date"));
  person = SomePerson(kMari, Date(1985));
  person.mutable_death();
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.death"));
  ExpectNothing(kMari);
}

TEST_F(ActsTest, TextsHaveALengthAndNoControlCharacters) {
  const std::string kText = "person.names[0].parts[1].text";
  const auto with = [](const std::string& family) {
    v1::Person person = SomePerson(kMari, Date(1985));
    person.mutable_names(0)->mutable_parts(1)->set_text(family);
    return person;
  };
  EXPECT_THAT(register_.Birth(with("")),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", kText));
  EXPECT_THAT(register_.Birth(with("   ")),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", kText));
  EXPECT_THAT(register_.Birth(with("Ta\nmm")),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", kText));
  EXPECT_THAT(register_.Birth(with("Ta\xC2\x85mm")),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", kText));
  EXPECT_THAT(register_.Birth(with(std::string(201, 'a'))),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", kText));
  ExpectNothing(kMari);
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "\xC3\xB5";  // 200 characters in 400 bytes
  EXPECT_THAT(register_.Birth(with(umlauts)), IsOk());
}

TEST_F(ActsTest, ScriptsAndCountriesAreCodes) {
  v1::Person person = SomePerson(kMari, Date(1985));
  person.mutable_names(0)->set_script("latin");
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.names[0].script"));
  person = SomePerson(kMari, Date(1985));
  person.mutable_names(0)->mutable_parts(0)->clear_kind();
  EXPECT_THAT(register_.Birth(person), Fails(StatusCode::kInvalidArgument, "MISSING_FIELD",
                                             "person.names[0].parts[0].kind"));
  person = SomePerson(kMari, Date(1985));
  person.mutable_birth()->set_country("ee");
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.birth.country"));
  person = SomePerson(kMari, Date(1985));
  person.mutable_residence()->set_country("EST");
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.residence.country"));
  ExpectNothing(kMari);
}

TEST_F(ActsTest, AFieldThatNobodyKnowsIsNotKeptUnseen) {
  v1::Person person = SomePerson(kMari, Date(1985));
  person.mutable_birth()
      ->GetReflection()
      ->MutableUnknownFields(person.mutable_birth())
      ->AddVarint(99, 1);
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.birth.date"));
  ExpectNothing(kMari);
}

TEST_F(ActsTest, ParentsAreKnownPeopleBornEarlier) {
  Born(kMother, Date(1960, 5));
  v1::Person child = SomePerson(kMari, Date(1985, 3, 17));
  *child.add_parents()->mutable_identifier() = Isikukood(kMother);
  *child.add_parents()->mutable_identifier() = Isikukood(kOther);
  EXPECT_THAT(register_.Birth(child), Fails(StatusCode::kFailedPrecondition, "UNKNOWN_PARENT",
                                            "person.parents[1].identifier"));
  *child.mutable_parents(1)->mutable_identifier() = Isikukood(kMother);
  EXPECT_THAT(register_.Birth(child),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.parents[1].identifier"));
  *child.mutable_parents(1) = v1::Parent();
  EXPECT_THAT(register_.Birth(child),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "person.parents[1].identifier"));
  *child.mutable_parents(1)->mutable_name() = testing::LatinName("Jaan", "Tamm");
  *child.mutable_birth()->mutable_date() = Date(1960, 4);
  EXPECT_THAT(register_.Birth(child), Fails(StatusCode::kFailedPrecondition, "PARENT_BORN_LATER",
                                            "person.parents[0].identifier"));
  EXPECT_EQ(register_.KeyOf(kMari), 0u);
  // The same month is not certainly earlier; registers hold what they were told.
  *child.mutable_birth()->mutable_date() = Date(1960, 5, 1);
  EXPECT_THAT(register_.Birth(child), IsOk());
}

TEST_F(ActsTest, AParentIsToldByTheIdentifierInForce) {
  Born(kMother, Date(1960));
  v1::Person child = SomePerson(kMari, Date(1985));
  *child.add_parents()->mutable_identifier() = Isikukood(kMother);
  ASSERT_THAT(register_.Birth(child), IsOk());
  ASSERT_THAT(register_.Replace(kMother, kOther), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person told, register_.Get(kMari));
  ASSERT_EQ(told.parents_size(), 1);
  EXPECT_EQ(told.parents(0).identifier().value(), kOther);
}

TEST_F(ActsTest, OnlyWantedItemsAreTold) {
  Born(kMari, Date(1985, 3, 17));
  ASSERT_THAT(register_.Death(kMari, Date(2020)), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(v1::Person told,
                            register_.Get(kMari, {"population.person.birth_date"}));
  v1::Person expected;
  *expected.mutable_identifier() = Isikukood(kMari);
  *expected.mutable_birth()->mutable_date() = Date(1985, 3, 17);
  EXPECT_EQ(told.DebugString(), expected.DebugString());
  // Not even an empty message may say that somebody is dead.
  EGOV_ASSERT_OK_AND_ASSIGN(told, register_.Get(kMari, {"population.person.death_place"}));
  EXPECT_FALSE(told.has_death());
}

TEST_F(ActsTest, WhoIsNotThereIsUnknown) {
  EXPECT_THAT(register_.Get(kMari), Fails(StatusCode::kNotFound, "UNKNOWN_PERSON", "identifier"));
  EXPECT_THAT(register_.Get("36805280108"),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER", "identifier.value"));
  EXPECT_THAT(register_.Death(kMari, Date(2020)), Fails(StatusCode::kNotFound, "UNKNOWN_PERSON"));
}

TEST_F(ActsTest, ManyAreToldInTheOrderAskedAndOnce) {
  Born(kMari, Date(1985));
  Born(kJuri, Date(1986));
  v1::BatchGetPersonsRequest request;
  std::vector<egov::identifiers::v1::Identifier> asked;
  for (const std::string& code : {kJuri, kOther, kMari, kJuri, std::string("36805280108")}) {
    asked.push_back(Isikukood(code));
    *request.add_identifiers() = asked.back();
  }
  EGOV_ASSERT_OK_AND_ASSIGN(
      const v1::BatchGetPersonsResponse told,
      register_.Run(commands::BatchGetPersons(register_.store()), request, asked));
  ASSERT_EQ(told.persons_size(), 2);
  EXPECT_EQ(told.persons(0).identifier().value(), kJuri);
  EXPECT_EQ(told.persons(1).identifier().value(), kMari);
  ASSERT_EQ(told.unknown_size(), 1);
  EXPECT_EQ(told.unknown(0).value(), kOther);
  ASSERT_EQ(told.malformed_size(), 1);
  EXPECT_EQ(told.malformed(0).reason(), "BAD_CHECK_DIGIT");
  for (int i = 0; i < 1000; ++i) *request.add_identifiers() = Isikukood(kMari);
  EXPECT_THAT(register_.Run(commands::BatchGetPersons(register_.store()), request),
              Fails(StatusCode::kInvalidArgument, "TOO_MANY_IDENTIFIERS", "identifiers"));
}

TEST_F(ActsTest, ADeathIsNotBeforeTheBirth) {
  Born(kMari, Date(1985, 3, 17));
  EXPECT_THAT(register_.Death(kMari, Date(1985, 3, 16)),
              Fails(StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH", "death.date"));
  EXPECT_THAT(register_.Death(kMari, Date(1985, 2)),
              Fails(StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH", "death.date"));
  EXPECT_FALSE(register_.Get(kMari)->has_death());
  EXPECT_THAT(register_.Death(kMari, Date(1985)), IsOk());
}

TEST_F(ActsTest, OneDiesOnceUnlessTheDeathIsAnnulled) {
  Born(kMari, Date(1985));
  EXPECT_THAT(register_.Annul(kMari),
              Fails(StatusCode::kFailedPrecondition, "NOT_DEAD", "identifier"));
  ASSERT_THAT(register_.Death(kMari, Date(2020, 2, 29)), IsOk());
  EXPECT_THAT(register_.Death(kMari, Date(2021)),
              Fails(StatusCode::kFailedPrecondition, "ALREADY_DEAD", "identifier"));
  EXPECT_EQ(register_.Get(kMari)->death().date().year(), 2020u);
  ASSERT_THAT(register_.Annul(kMari), IsOk());
  EXPECT_FALSE(register_.Get(kMari)->has_death());
  ASSERT_THAT(register_.Death(kMari, Date(2021)), IsOk());
  EXPECT_EQ(register_.Get(kMari)->death().date().year(), 2021u);
}

TEST_F(ActsTest, ADeathOfAnUnknownDayIsADeath) {
  Born(kMari, Date(1985));
  v1::RecordDeathRequest request;
  *request.mutable_identifier() = Isikukood(kMari);
  EXPECT_THAT(register_.Run(commands::RecordDeath(register_.store()), request),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "death"));
  request.mutable_death();
  EXPECT_THAT(register_.Run(commands::RecordDeath(register_.store()), request), IsOk());
  EXPECT_TRUE(register_.Get(kMari)->has_death());
  EXPECT_EQ(register_.Verify({kMari})->deceased_size(), 1);
}

TEST_F(ActsTest, OfTwoDeathsAtOnceOneIsTaken) {
  for (int round = 0; round < 20; ++round) {
    const std::string code = testing::CodeNumber(1000 + round);
    Born(code, Date(1985));
    std::atomic<int> taken{0}, refused{0};
    std::vector<std::thread> clerks;
    for (int i = 0; i < 4; ++i) {
      clerks.emplace_back([&] {
        const absl::Status status = register_.Death(code, Date(2020));
        if (status.ok()) ++taken;
        const auto detail = base::DetailOf(status);
        if (detail && detail->reason == "ALREADY_DEAD") ++refused;
      });
    }
    for (std::thread& clerk : clerks) clerk.join();
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(refused, 3);
  }
}

TEST_F(ActsTest, OfTwoBirthsWithOneCodeAtOnceOneIsTaken) {
  for (int round = 0; round < 20; ++round) {
    const std::string code = testing::CodeNumber(1000 + round);
    std::atomic<int> taken{0};
    std::vector<std::thread> clerks;
    for (int i = 0; i < 4; ++i) {
      clerks.emplace_back([&] { taken += register_.Birth(SomePerson(code, Date(1985))).ok(); });
    }
    for (std::thread& clerk : clerks) clerk.join();
    EXPECT_EQ(taken, 1);
  }
}

TEST_F(ActsTest, ANewNameTakesThePlaceOfTheOld) {
  Born(kMari, Date(1985));
  EXPECT_THAT(Rename(kMari, {}), Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "names"));
  v1::Name empty;
  empty.set_script("Latn");
  EXPECT_THAT(Rename(kMari, {empty}),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "names[0].parts"));
  ASSERT_THAT(Rename(kMari, {testing::LatinName("Mari", "Kask")}), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person told, register_.Get(kMari));
  ASSERT_EQ(told.names_size(), 1);
  EXPECT_EQ(told.names(0).parts(1).text(), "Kask");
  EXPECT_EQ(told.names(0).valid_from().year(), 2020u);
}

TEST_F(ActsTest, TheDeadDoNotMove) {
  Born(kMari, Date(1985));
  v1::Residence there;
  there.set_country("FI");
  EXPECT_THAT(Move(kMari, there),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "residence.valid_from"));
  *there.mutable_valid_from() = Date(2021, 6, 2);
  there.clear_country();
  EXPECT_THAT(Move(kMari, there),
              Fails(StatusCode::kInvalidArgument, "MISSING_FIELD", "residence.country"));
  there.set_country("FI");
  ASSERT_THAT(register_.Death(kMari, Date(2021, 6, 1)), IsOk());
  EXPECT_THAT(Move(kMari, there),
              Fails(StatusCode::kFailedPrecondition, "PERSON_DEAD", "residence.valid_from"));
  EXPECT_EQ(register_.Get(kMari)->residence().country(), "EE");
  // A move in their life that is heard of later is taken down.
  *there.mutable_valid_from() = Date(2021, 6, 1);
  EXPECT_THAT(Move(kMari, there), IsOk());
  EXPECT_EQ(register_.Get(kMari)->residence().country(), "FI");
}

TEST_F(ActsTest, AReplacedIdentifierLeadsToTheOneInForceForEver) {
  Born(kMari, Date(1985));
  Born(kOther, Date(1986));
  EXPECT_THAT(register_.Replace(kMari, kOther),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN", "successor"));
  EXPECT_THAT(register_.Replace(kMari, "36805280108"),
              Fails(StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER", "successor.value"));
  ASSERT_THAT(register_.Replace(kMari, kJuri), IsOk());
  EXPECT_THAT(register_.Replace(kMari, testing::CodeNumber(9)),
              Fails(StatusCode::kFailedPrecondition, "SUPERSEDED_IDENTIFIER", "identifier"));
  ASSERT_THAT(register_.Replace(kJuri, testing::CodeNumber(9)), IsOk());
  // Nobody else ever gets it.
  EXPECT_THAT(register_.Birth(SomePerson(kMari, Date(1990))),
              Fails(StatusCode::kAlreadyExists, "IDENTIFIER_TAKEN"));

  for (const std::string& code : {kMari, kJuri, testing::CodeNumber(9)}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const v1::Person told, register_.Get(code));
    EXPECT_EQ(told.identifier().value(), testing::CodeNumber(9));
    EXPECT_EQ(told.other_identifiers_size(), 2);
  }
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::VerifyVitalStatusResponse told,
                            register_.Verify({kMari, kJuri}));
  ASSERT_EQ(told.superseded_size(), 2);
  EXPECT_EQ(told.superseded(0).successor(), testing::CodeNumber(9));
  EXPECT_EQ(told.superseded(1).successor(), testing::CodeNumber(9));
}

TEST_F(ActsTest, AnIdentifierIsReplacedByOneOfItsScheme) {
  Born(kMari, Date(1985));
  v1::ReplaceIdentifierRequest request;
  *request.mutable_identifier() = Isikukood(kMari);
  *request.mutable_successor() = testing::BsnIdentifier(testing::BsnNumber(0));
  *request.mutable_valid_from() = Date(2026);
  EXPECT_THAT(register_.Run(commands::ReplaceIdentifier(register_.store()), request),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "successor.scheme"));
}

TEST_F(ActsTest, AFurtherIdentifierOfAnotherSchemeLeadsToThePerson) {
  v1::Person person = SomePerson(kMari, Date(1985));
  const std::string first = testing::BsnNumber(0), second = testing::BsnNumber(1);
  *person.add_other_identifiers() = testing::BsnIdentifier(first);
  *person.add_other_identifiers() = testing::BsnIdentifier(second);
  EXPECT_THAT(register_.Birth(person),
              Fails(StatusCode::kInvalidArgument, "BAD_FIELD", "person.other_identifiers[1]"));
  person.mutable_other_identifiers()->RemoveLast();
  ASSERT_THAT(register_.Birth(person), IsOk());
  ASSERT_THAT(register_.Death(kMari, Date(2020)), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto told,
                            register_.Verify({first, second}, testing::AllItems(), "nl-bsn"));
  ASSERT_EQ(told.deceased_size(), 1);
  EXPECT_EQ(told.deceased(0).code(), first);
  ASSERT_EQ(told.unknown_size(), 1);
  EXPECT_EQ(told.unknown(0), second);
  EXPECT_EQ(told.superseded_size(), 0);
}

TEST_F(ActsTest, EverythingIsThereAfterARestart) {
  Born(kMari, Date(1985));
  Born(kJuri, Date(1986));
  ASSERT_THAT(register_.Death(kJuri, Date(2020, 2)), IsOk());
  ASSERT_THAT(register_.Replace(kMari, kOther), IsOk());
  const uint64_t before = register_.KeyOf(kJuri);
  register_.Restart();
  EGOV_ASSERT_OK_AND_ASSIGN(const auto told, register_.Verify({kMari, kJuri, kOther}));
  ASSERT_EQ(told.deceased_size(), 1);
  EXPECT_EQ(told.deceased(0).death_date().month(), 2u);
  ASSERT_EQ(told.superseded_size(), 1);
  EXPECT_EQ(told.superseded(0).successor(), kOther);
  EXPECT_EQ(register_.KeyOf(kJuri), before);
  Born(testing::CodeNumber(50), Date(1990));
  EXPECT_GT(register_.KeyOf(testing::CodeNumber(50)), before);
}

}  // namespace
}  // namespace egov::population
