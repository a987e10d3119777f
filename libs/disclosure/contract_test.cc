#include "libs/disclosure/contract.h"

#include <algorithm>

#include "egov/access/v1/access_service.pb.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/population/v1/population_service.pb.h"
#include "egov/testing/disclosure/v1/cases.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/disclosure/describe.h"

namespace egov::disclosure {
namespace {

namespace cases = egov::testing::disclosure::v1;
namespace pop = egov::population::v1;
using base::Fails;
using base::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

const google::protobuf::MethodDescriptor* Case(const char* service, const char* method) {
  return cases::Plain::descriptor()->file()->FindServiceByName(service)->FindMethodByName(method);
}
absl::StatusOr<std::unique_ptr<const Contract>> Bad(const char* method) {
  return Contract::Compile(Case("BadService", method));
}
std::unique_ptr<const Contract> Good(const char* method) {
  auto contract = Contract::Compile(Case("GoodService", method));
  EXPECT_THAT(contract, IsOk());
  return std::move(*contract);
}
std::unique_ptr<const Contract> Population(const char* method) {
  auto contract = Contract::Compile(pop::GetPersonRequest::descriptor()
                                        ->file()
                                        ->FindServiceByName("PopulationService")
                                        ->FindMethodByName(method));
  EXPECT_THAT(contract, IsOk());
  return std::move(*contract);
}

std::vector<std::string> Values(const std::vector<Subject>& subjects) {
  std::vector<std::string> values;
  for (const Subject& subject : subjects)
    values.push_back(std::string(subject.scheme) + ":" + std::string(subject.value));
  return values;
}
std::vector<std::string> Release(const Contract& contract, std::vector<std::string> items,
                                 google::protobuf::Message* answer, const char* scheme = "") {
  std::vector<Subject> subjects;
  contract.Release(items, scheme, answer, &subjects);
  return Values(subjects);
}

TEST(ContractTest, AnUnmarkedFieldOfTheAnswerIsNamed) {
  EXPECT_THAT(Bad("UnmarkedField"), Fails(kPrecondition, "UNMARKED_FIELD",
                                          "egov.testing.disclosure.v1.OneUnmarked.forgotten"));
}
TEST(ContractTest, AnUnmarkedFieldOfAMessageTypeIsNamed) {
  EXPECT_THAT(Bad("UnmarkedMessage"), Fails(kPrecondition, "UNMARKED_FIELD",
                                            "egov.testing.disclosure.v1.MessageUnmarked.address"));
}
TEST(ContractTest, AnUnmarkedFieldFurtherDownIsNamed) {
  EXPECT_THAT(Bad("UnmarkedDeep"), Fails(kPrecondition, "UNMARKED_FIELD",
                                         "egov.testing.disclosure.v1.OneUnmarked.forgotten"));
}
TEST(ContractTest, AMethodWithoutShapeHasNoContract) {
  EXPECT_THAT(Bad("NoContract"), Fails(kPrecondition, "NO_CONTRACT"));
}
TEST(ContractTest, AnItemWithoutSubjectIsRefused) {
  EXPECT_THAT(Bad("ItemOfNobody"), Fails(kPrecondition, "BAD_CONTRACT",
                                         "egov.testing.disclosure.v1.GetSettingsResponse.value"));
}
TEST(ContractTest, AnItemWithoutSubjectIsFineForOfficersAndIsStillAnItem) {
  const auto contract = Good("GetSettings");
  cases::GetSettingsResponse answer;
  answer.set_value("7");
  EXPECT_THAT(Release(*contract, {"test.settings.value"}, &answer), IsEmpty());
  EXPECT_EQ(answer.value(), "7");
  Release(*contract, {}, &answer);
  EXPECT_EQ(answer.value(), "");
}
TEST(ContractTest, WrongMarkingsAreRefused) {
  for (const char* method :
       {"NumberSubject", "NoScheme", "BadItemName", "SubjectsInMap", "UnaryQuery", "NoWindows",
        "UnnamedAct", "SilentAboutNobody", "BadRefusal"}) {
    EXPECT_THAT(Bad(method), Fails(kPrecondition, "BAD_CONTRACT")) << method;
  }
}

cases::GetFamilyResponse Family() {
  cases::GetFamilyResponse answer;
  answer.set_note("as of today");
  cases::Adult* adult = answer.mutable_adult();
  adult->mutable_person()->set_scheme("s");
  adult->mutable_person()->set_value("parent");
  adult->set_name("Mari");
  adult->set_eyes(cases::COLOUR_BLUE);
  (*adult->mutable_traits())["height"] = "tall";
  adult->mutable_address()->set_street("Pikk");
  adult->mutable_birth()->set_date("1980");
  adult->mutable_birth()->set_place("Tartu");
  for (const char* value : {"first", "second"}) {
    cases::Child* child = adult->add_children();
    child->mutable_person()->set_scheme("s");
    child->mutable_person()->set_value(value);
    child->set_name("Jaan");
    child->set_school("Kool");
  }
  adult->add_jobs()->set_wage(100);
  adult->add_jobs()->set_employer("Pood");
  cases::Adult* spouse = adult->mutable_spouse();
  spouse->mutable_person()->set_scheme("s");
  spouse->mutable_person()->set_value("spouse");
  spouse->set_name("Juhan");
  return answer;
}

TEST(ContractTest, WithEveryItemNothingIsClearedAndEverySubjectIsTold) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  EXPECT_THAT(Release(*contract, contract->items(), &answer),
              ElementsAre("s:parent", "s:first", "s:second", "s:spouse"));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(answer, Family()));
}

TEST(ContractTest, WithoutItemsOnlySubjectsAndPlainFieldsStay) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  EXPECT_THAT(Release(*contract, {}, &answer), ElementsAre("s:parent"));
  cases::GetFamilyResponse expected;
  expected.set_note("as of today");
  *expected.mutable_adult()->mutable_person() = Family().adult().person();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(answer, expected))
      << answer.DebugString();
}

TEST(ContractTest, EachItemOpensItsOwnFieldsOnly) {
  const auto contract = Good("GetFamily");
  for (const std::string& item : contract->items()) {
    cases::GetFamilyResponse answer = Family();
    Release(*contract, {item}, &answer);
    const cases::Adult& adult = answer.adult();
    EXPECT_EQ(adult.name() == "Mari", item == "test.person.name") << item;
    EXPECT_EQ(adult.eyes() != 0, item == "test.person.eyes") << item;
    EXPECT_EQ(adult.traits_size() == 1, item == "test.person.traits") << item;
    EXPECT_EQ(adult.has_address(), item == "test.person.address") << item;
    EXPECT_EQ(!adult.birth().date().empty(), item == "test.person.birth_date") << item;
    EXPECT_EQ(!adult.birth().place().empty(), item == "test.person.birth_place") << item;
    EXPECT_EQ(adult.children_size() == 2, item == "test.person.children") << item;
    EXPECT_EQ(adult.has_spouse(), item == "test.person.spouse") << item;
  }
}

TEST(ContractTest, ASubMessageWithNothingLeftGoesAndOneWithSomethingStays) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  Release(*contract, {"test.person.employer"}, &answer);
  EXPECT_FALSE(answer.adult().has_birth());
  ASSERT_EQ(answer.adult().jobs_size(), 1);
  EXPECT_EQ(answer.adult().jobs(0).employer(), "Pood");

  answer = Family();
  answer.mutable_adult()->mutable_birth()->clear_place();
  Release(*contract, {"test.person.birth_place"}, &answer);
  EXPECT_FALSE(answer.adult().has_birth());
}

TEST(ContractTest, AnItemBelongsToTheNearestSubjectAndAListOfSubjectsToTheOuterOne) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  EXPECT_THAT(Release(*contract, {"test.person.children", "test.person.school"}, &answer),
              ElementsAre("s:parent", "s:first", "s:second"));
  ASSERT_EQ(answer.adult().children_size(), 2);
  EXPECT_EQ(answer.adult().children(0).school(), "Kool");
  EXPECT_EQ(answer.adult().children(0).name(), "");
}

TEST(ContractTest, ItemsOfASubjectThatIsNotSetAreCleared) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  answer.mutable_adult()->mutable_children(1)->clear_person();
  EXPECT_THAT(Release(*contract, contract->items(), &answer),
              ElementsAre("s:parent", "s:first", "s:spouse"));
  EXPECT_EQ(answer.adult().children_size(), 1);

  answer = Family();
  answer.mutable_adult()->clear_person();
  EXPECT_THAT(Release(*contract, contract->items(), &answer), IsEmpty());
  EXPECT_FALSE(answer.has_adult());
}

TEST(ContractTest, UnknownFieldsOfAnAnswerDoNotLeave) {
  const auto contract = Good("GetFamily");
  cases::GetFamilyResponse answer = Family();
  answer.mutable_adult()
      ->GetReflection()
      ->MutableUnknownFields(answer.mutable_adult())
      ->AddVarint(99, 7);
  Release(*contract, contract->items(), &answer);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(answer, Family()));
}

TEST(ContractTest, BareStringsAreInTheSchemeOfTheQuestion) {
  const auto contract = Good("CheckCodes");
  cases::CheckCodesRequest request;
  request.set_scheme("ee");
  request.add_codes("1");
  request.add_codes("");
  request.add_codes("2");
  std::vector<Subject> subjects;
  contract->AskedAbout(request, &subjects);
  EXPECT_THAT(Values(subjects), ElementsAre("ee:1", "ee:", "ee:2"));

  cases::CheckCodesResponse answer;
  answer.mutable_office()->set_street("Pikk");
  answer.add_hits()->set_code("2");
  answer.mutable_hits(0)->set_since("1999");
  EXPECT_THAT(Release(*contract, {"test.person.status"}, &answer, "ee"), ElementsAre("ee:2"));
  EXPECT_EQ(answer.hits(0).since(), "");
  EXPECT_EQ(answer.office().street(), "Pikk");
}

TEST(ContractTest, AListOfSubjectsIsReadWithoutBeingParsed) {
  const auto contract = Good("CheckCodes");
  cases::CheckCodesRequest part;
  part.set_scheme("ee");
  for (const std::string& code : {std::string("1"), std::string(), std::string(300, '2')})
    part.add_codes(code);
  // In any order of the fields, with some that nobody knows.
  std::string bytes;
  for (const std::string& code : part.codes()) {
    cases::CheckCodesRequest one;
    one.add_codes(code);
    bytes += one.SerializeAsString() + std::string("\xa0\x06\x01", 3);
  }
  bytes +=
      "\x0a\x02"
      "ee";
  cases::CheckCodesRequest request;
  std::vector<Subject> subjects;
  ASSERT_TRUE(contract->Parse(bytes, &request, &subjects));
  EXPECT_THAT(Values(subjects), ElementsAre("ee:1", "ee:", "ee:" + std::string(300, '2')));
  EXPECT_EQ(request.scheme(), "ee");
  EXPECT_EQ(request.codes_size(), 0);
  EXPECT_GE(subjects[2].value.data(), bytes.data());
  EXPECT_LE(subjects[2].value.data(), bytes.data() + bytes.size());
}

TEST(ContractTest, WhatDoesNotParseIsRefusedInAListToo) {
  const auto contract = Good("CheckCodes");
  cases::CheckCodesRequest part;
  part.set_scheme("ee");
  for (const char* code : {"38001085718", "\xc3\xb5", ""}) part.add_codes(code);
  const std::string good = part.SerializeAsString();
  // Of each byte every value, and of each end: accepted as ever, and with the same subjects.
  const auto check = [&](const std::string& bytes) {
    cases::CheckCodesRequest ordinary, request;
    std::vector<Subject> expected, subjects;
    const bool parses = ordinary.ParseFromString(bytes);
    ASSERT_EQ(contract->Parse(bytes, &request, &subjects), parses);
    if (!parses) return;
    contract->AskedAbout(ordinary, &expected);
    ASSERT_EQ(Values(subjects), Values(expected));
  };
  for (size_t i = 0; i <= good.size(); ++i) {
    SCOPED_TRACE(i);
    check(good.substr(0, i));
    for (int value = 0; i < good.size() && value < 256; ++value) {
      std::string changed = good;
      changed[i] = static_cast<char>(value);
      check(changed);
    }
  }
}

TEST(ContractTest, AnEmptySubjectKeepsItsPlaceInTheQuestionAndIsNobodyInTheAnswer) {
  const auto contract = Population("BatchGetPersons");
  pop::BatchGetPersonsRequest request;
  for (const char* value : {"", "1", "", "2"}) request.add_identifiers()->set_value(value);
  std::vector<Subject> subjects;
  contract->AskedAbout(request, &subjects);
  EXPECT_THAT(Values(subjects), ElementsAre(":", ":1", ":", ":2"));

  pop::BatchGetPersonsResponse answer;
  answer.add_persons()->mutable_identifier();
  answer.add_persons()->mutable_identifier()->set_value("2");
  EXPECT_THAT(Release(*contract, contract->items(), &answer), ElementsAre(":2"));
}

TEST(ContractTest, WithoutTheItemOfItsSilenceAnAnswerSaysNothing) {
  const auto contract = Good("CheckCodes");
  EXPECT_THAT(contract->items(), ElementsAre("test.person.since", "test.person.status"));
  cases::CheckCodesResponse answer;
  answer.add_hits()->set_code("2");
  EXPECT_THAT(Release(*contract, {"test.person.since"}, &answer, "ee"), IsEmpty());
  EXPECT_EQ(answer.ByteSizeLong(), 0);
}

TEST(PopulationContractTest, EveryMethodOfEveryOwnServiceHasASoundContract) {
  for (const google::protobuf::FileDescriptor* file :
       {pop::GetPersonRequest::descriptor()->file(),
        egov::disclosure::v1::FindUsageRequest::descriptor()->file(),
        egov::access::v1::Right::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m)
        EXPECT_THAT(Contract::Compile(file->service(s)->method(m)), IsOk());
    }
  }
}

TEST(PopulationContractTest, AParentsNameIsAnItemOfTheChildAndNotAName) {
  const auto contract = Population("GetPerson");
  pop::GetPersonResponse answer;
  answer.mutable_person()->mutable_identifier()->set_value("1");
  answer.mutable_person()->add_names()->set_script("Latn");
  answer.mutable_person()->add_parents()->mutable_name()->set_script("Latn");
  pop::GetPersonResponse other = answer;
  Release(*contract, {"population.person.name"}, &answer);
  EXPECT_EQ(answer.person().names_size(), 1);
  EXPECT_EQ(answer.person().parents_size(), 0);
  Release(*contract, {"population.person.parents"}, &other);
  EXPECT_EQ(other.person().names_size(), 0);
  EXPECT_EQ(other.person().parents(0).name().script(), "Latn");
}

TEST(PopulationContractTest, PeopleInAPlainListKeepTheirOwnMarks) {
  const auto contract = Population("BatchGetPersons");
  pop::BatchGetPersonsResponse answer;
  answer.add_persons()->mutable_identifier()->set_value("1");
  answer.mutable_persons(0)->mutable_residence()->set_country("EE");
  answer.add_unknown()->set_value("2");
  EXPECT_THAT(Release(*contract, {"population.person.name"}, &answer), ElementsAre(":1"));
  EXPECT_FALSE(answer.persons(0).has_residence());
  EXPECT_EQ(answer.unknown(0).value(), "2");
}

TEST(PopulationContractTest, TheSubjectsOfAWriteAreFoundInsideItsMessages) {
  const auto contract = Population("RecordBirth");
  pop::RecordBirthRequest request;
  request.mutable_person()->mutable_identifier()->set_value("1");
  request.mutable_person()->add_parents()->mutable_identifier()->set_value("parent");
  std::vector<Subject> subjects;
  contract->AskedAbout(request, &subjects);
  EXPECT_THAT(Values(subjects), ElementsAre(":1", ":parent"));
  EXPECT_THAT(Describe(*contract).asked_subjects,
              ElementsAre("person.identifier", "person.parents.identifier"));
}

TEST(PopulationContractTest, AParentIsAskedAboutButToldAsAnItemOfTheChild) {
  const auto contract = Population("GetPerson");
  pop::GetPersonResponse answer;
  answer.mutable_person()->mutable_identifier()->set_value("1");
  answer.mutable_person()->add_parents()->mutable_identifier()->set_value("parent");
  answer.mutable_person()->add_parents()->mutable_name()->set_script("Latn");
  const pop::GetPersonResponse whole = answer;
  EXPECT_THAT(Release(*contract, {"population.person.parents"}, &answer), ElementsAre(":1"));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(answer, whole));
}

TEST(DescribeTest, TellsWhatPeopleNeedToKnowOfAMethod) {
  const DescribedMethod query = Describe(*Population("VerifyVitalStatus"));
  EXPECT_EQ(query.path, "/egov.population.v1.PopulationService/VerifyVitalStatus");
  EXPECT_EQ(query.shape, "query");
  EXPECT_EQ(query.authority, "right");
  EXPECT_EQ(query.silence, "population.person.vital_status");
  EXPECT_THAT(query.asked_subjects, ElementsAre("codes"));
  EXPECT_THAT(query.told_subjects, ElementsAre("deceased.code", "superseded.code"));
  ASSERT_EQ(query.items.size(), 3);
  EXPECT_EQ(query.items[0].name, "population.person.death_date");
  EXPECT_THAT(query.items[0].fields, ElementsAre("deceased.death_date"));
  EXPECT_THAT(query.items[2].fields, IsEmpty());
  EXPECT_EQ(query.refusals.front().reason, "UNKNOWN_SCHEME");
  EXPECT_FALSE(query.refusals.front().common);
  EXPECT_EQ(query.refusals.back().reason, "CODE_QUOTA");
  EXPECT_TRUE(query.refusals.back().common);
  EXPECT_THAT(Describe(*Population("GetPerson")).told_subjects, ElementsAre("person.identifier"));
}

}  // namespace
}  // namespace egov::disclosure
