#include "services/population/store.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/population/testing/builders.h"
#include "services/population/testing/register.h"

namespace egov::population {
namespace {

using base::Fails;
using base::IsOk;
using testing::Citizen;
using testing::CodeNumber;

TEST(StoreTest, AnUnknownSchemeOrTimeZoneStopsTheStart) {
  testing::TestRegister any;
  EXPECT_THAT(Store::Open(&any.engine(), {{"xx-code"}, "Europe/Tallinn"}),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_CONFIG", "schemes"));
  EXPECT_THAT(Store::Open(&any.engine(), {{"ee-isikukood"}, "Europe/Nowhere"}),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_CONFIG", "register.time_zone"));
}

TEST(StoreTest, APersonsFirstRowIsThatOfTheSerializer) {
  testing::TestRegister any;
  v1::Person person = Citizen(3);
  for (int parents = 0; parents < 3; ++parents) {
    std::vector<uint64_t> keys;
    for (int i = 0; i < parents; ++i) {
      *person.add_parents()->mutable_identifier() = testing::Isikukood(CodeNumber(70 + i));
      keys.push_back(i == 0 ? 5 : 1ull << 31);
    }
    auto transaction = any.engine().Begin();
    std::string encoded;
    ASSERT_THAT(any.store().EncodePerson(person, &encoded), IsOk());
    any.store().InsertPerson(*transaction, 9, encoded, keys);
    rows::PersonRow row;
    EGOV_ASSERT_OK_AND_ASSIGN(const bool found, any.store().persons().Get(*transaction, 9, &row));
    ASSERT_TRUE(found);
    EXPECT_EQ(row.person().SerializeAsString(), person.SerializeAsString());
    EXPECT_EQ(std::vector<uint64_t>(row.parent_keys().begin(), row.parent_keys().end()), keys);
    person.clear_parents();
  }
}

TEST(StoreTest, SubjectsAreFoundAlikeByRowAndByColumn) {
  testing::TestRegister nation;
  std::vector<v1::Person> people;
  for (uint64_t n = 0; n < 300; ++n) people.push_back(Citizen(n));
  *people[0].add_other_identifiers() = testing::BsnIdentifier(testing::BsnNumber(0));
  ASSERT_THAT(nation.Load(people), IsOk());
  std::vector<egov::identifiers::v1::Identifier> asked;
  for (uint64_t n = 0; n < 400; ++n) {
    asked.push_back(testing::Isikukood(CodeNumber(n)));
    if (n % 50 == 0) asked.push_back(testing::BsnIdentifier(testing::BsnNumber(n / 50)));
    if (n % 70 == 0) asked.push_back(testing::Isikukood("x"));
  }
  std::vector<disclosure::Subject> subjects;
  for (const auto& identifier : asked)
    subjects.push_back({identifier.scheme(), identifier.value()});
  auto transaction = nation.engine().Begin();
  std::vector<disclosure::SubjectKey> many, one;
  ASSERT_THAT(nation.store().Resolve(*transaction, subjects, &many), IsOk());
  size_t found = 0;
  for (size_t i = 0; i < subjects.size(); ++i) {
    ASSERT_THAT(nation.store().Resolve(*transaction, {&subjects[i], 1}, &one), IsOk());
    EXPECT_EQ(one[0], many[i]) << i;
    found += many[i] != 0;
  }
  EXPECT_EQ(found, 301u);
}

TEST(StoreTest, ATransactionFindsItsOwnWrites) {
  testing::TestRegister any;
  auto transaction = any.engine().Begin();
  const Code code = CodeOf(testing::Isikukood(CodeNumber(1)));
  ASSERT_THAT(any.store().PutCode(*transaction, code, {42, 0}), IsOk());
  const std::string value = CodeNumber(1);
  const disclosure::Subject asked{"ee-isikukood", value};
  std::vector<disclosure::SubjectKey> keys;
  ASSERT_THAT(any.store().Resolve(*transaction, {&asked, 1}, &keys), IsOk());
  EXPECT_EQ(keys[0], 42u);
}

TEST(StoreTest, WhoeverHeardOfADeathFindsItInTheColumn) {
  // Readers ask while deaths and annulments go on: after an acknowledged act the column has it, and
  // a view never tears.
  testing::TestRegister nation;
  std::vector<v1::Person> people;
  for (uint64_t n = 0; n < 200; ++n) people.push_back(Citizen(n));
  ASSERT_THAT(nation.Load(people), IsOk());
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const auto view = nation.store().column().view();
      for (uint64_t n = 0; n < 200; ++n) {
        const uint64_t key = view->Find(CodeOf(testing::Isikukood(CodeNumber(n))));
        ASSERT_TRUE(key != 0 && view->Get(key).known());
      }
    }
  });
  for (uint64_t n = 0; n < 200; ++n) {
    const uint64_t key = nation.KeyOf(CodeNumber(n));
    ASSERT_THAT(nation.Death(CodeNumber(n), testing::Date(2020)), IsOk());
    EXPECT_TRUE(nation.store().column().view()->Get(key).dead());
    if (n % 2 == 0) {
      ASSERT_THAT(nation.Annul(CodeNumber(n)), IsOk());
      EXPECT_FALSE(nation.store().column().view()->Get(key).dead());
    }
    ASSERT_THAT(nation.Birth(Citizen(1000 + n)), IsOk());
  }
  stop = true;
  reader.join();
}

TEST(StoreTest, AViewStaysAsItWas) {
  testing::TestRegister nation;
  ASSERT_THAT(nation.Load({Citizen(0)}), IsOk());
  const uint64_t key = nation.KeyOf(CodeNumber(0));
  const auto view = nation.store().column().view();
  ASSERT_THAT(nation.Death(CodeNumber(0), testing::Date(2020)), IsOk());
  EXPECT_FALSE(view->Get(key).dead());
  EXPECT_TRUE(nation.store().column().view()->Get(key).dead());
}

}  // namespace
}  // namespace egov::population
