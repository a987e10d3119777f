#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/sha256.h"
#include "services/population/generator/nation.h"
#include "services/population/generator/sample.h"
#include "services/population/stream/stream.h"

namespace egov::population::generator {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Digest(const Options& options) {
  const auto nation = Nation::Make(options);
  EXPECT_THAT(nation, IsOk());
  pki::Sha256 hash;
  v1::Person person;
  for (uint64_t i = 0; i < nation->size(); ++i) {
    nation->Fill(i, &person);
    hash.Update(person.SerializeAsString());
  }
  return base::ToHex(pki::AsBytes(hash.Finish()));
}

civil::PartialDate Known(const civil::v1::PartialDate& date) {
  return civil::PartialDate::OfParts(static_cast<int>(date.year()), static_cast<int>(date.month()),
                                     static_cast<int>(date.day()))
      .value();
}

TEST(NationTest, TheSameSeedGivesTheSameNationOnAnyMachine) {
  const std::string digest = Digest({5000, 7});
  // Changing the generator changes every nation: say so in the README, then put the new digest
  // here.
  EXPECT_EQ(digest, "20e24a9fbb8bdf3308fb5996711fae7c3deeaa62d4a2490811db5ff7b701f6cf");
  EXPECT_EQ(digest, Digest({5000, 7}));
  EXPECT_NE(digest, Digest({5000, 8}));
  EXPECT_NE(digest, Digest({5001, 7}));
}

TEST(NationTest, APersonDoesNotDependOnWhatWasFilledBefore) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({3000, 1}));
  v1::Person used;
  for (uint64_t i = nation.size(); i-- > 0;) {
    v1::Person fresh;
    nation.Fill(i, &fresh);
    nation.Fill(i, &used);
    ASSERT_EQ(used.SerializeAsString(), fresh.SerializeAsString()) << i;
  }
}

TEST(NationTest, EveryCodeIsValidAndNobodysElse) {
  for (const char* scheme : {"ee-isikukood", "nl-bsn"}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({200'000, 3, scheme}));
    const identifiers::Scheme& rules = *identifiers::Find(scheme);
    std::set<std::string> seen;
    v1::Person person;
    for (uint64_t i = 0; i < nation.size(); ++i) {
      nation.Fill(i, &person);
      ASSERT_EQ(person.identifier().scheme(), scheme);
      ASSERT_THAT(
          rules.CheckIssued(person.identifier().value(), civil::Date::Parse("2026-01-01").value()),
          IsOk());
      ASSERT_TRUE(seen.insert(person.identifier().value()).second);
      for (const auto& other : person.other_identifiers()) {
        ASSERT_THAT(rules.Check(other.value()), IsOk());
        ASSERT_TRUE(seen.insert(other.value()).second);
      }
    }
    EXPECT_GT(seen.size(), nation.size()) << "some had another code before";
    for (uint64_t k = 0; k < 40'000; ++k) {
      ASSERT_THAT(rules.Check(nation.UnusedCode(k)), IsOk());
      ASSERT_TRUE(seen.insert(nation.UnusedCode(k)).second) << k;
    }
  }
}

TEST(NationTest, AMillionCodesAreAllDifferentWhateverTheLastDayIs) {
  for (const char* day : {"2026-01-01", "2025-07-17"}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation,
                              Nation::Make({1'000'000, 1, "ee-isikukood", day}));
    std::vector<uint64_t> codes(nation.size());
    for (uint64_t i = 0; i < nation.size(); ++i) {
      ASSERT_EQ(identifiers::Isikukood().Pack(nation.Code(i), &codes[i]),
                identifiers::Fault::kNone);
    }
    for (const auto& [number, code] : nation.superseded()) {
      codes.push_back(0);
      ASSERT_EQ(identifiers::Isikukood().Pack(code, &codes.back()), identifiers::Fault::kNone)
          << number;
    }
    std::sort(codes.begin(), codes.end());
    EXPECT_EQ(std::adjacent_find(codes.begin(), codes.end()), codes.end());
  }
}

TEST(NationTest, ParentsComeBeforeTheirChildrenAndWereOfAnAgeToHaveThem) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({100'000, 11}));
  struct Seen {
    int32_t birth, death;
    v1::Sex sex;
  };
  std::map<std::string, Seen> seen;
  std::map<std::string, int> siblings;
  int with_two = 0;
  v1::Person person;
  for (uint64_t i = 0; i < nation.size(); ++i) {
    nation.Fill(i, &person);
    int registered = 0;
    for (const v1::Parent& parent : person.parents()) {
      if (!parent.has_identifier()) {
        EXPECT_GT(parent.name().parts_size(), 0);
        continue;
      }
      const auto found = seen.find(parent.identifier().value());
      ASSERT_NE(found, seen.end()) << "a parent comes first";
      const int age = (nation.BirthDay(i) - found->second.birth) / 365;
      EXPECT_GE(age, 15);
      if (found->second.sex == v1::SEX_FEMALE) {
        EXPECT_LE(age, 47);
        EXPECT_GE(found->second.death, nation.BirthDay(i)) << "a mother lives when she gives birth";
        ++siblings[parent.identifier().value()];
      }
      ++registered;
    }
    EXPECT_LE(person.parents_size(), 2);
    with_two += registered == 2;
    seen[person.identifier().value()] = {nation.BirthDay(i), nation.DeathDay(i), person.sex()};
  }
  EXPECT_GT(with_two, 50'000);
  EXPECT_GT(std::count_if(siblings.begin(), siblings.end(),
                          [](const auto& mother) { return mother.second > 1; }),
            10'000);
}

TEST(NationTest, FactsOfAPersonAgree) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({50'000, 5}));
  const civil::Date last = civil::Date::Parse("2026-01-01").value();
  uint64_t alive = 0, abroad = 0, russian = 0;
  v1::Person person;
  for (uint64_t i = 0; i < nation.size(); ++i) {
    nation.Fill(i, &person);
    const auto claims = identifiers::ClaimsOf(person.identifier().value());
    ASSERT_THAT(claims, IsOk());
    const civil::PartialDate birth = Known(person.birth().date());
    EXPECT_EQ(birth, civil::PartialDate(claims->birth_date));
    EXPECT_EQ(person.sex() == v1::SEX_MALE, claims->sex == identifiers::Sex::kMale);
    ASSERT_EQ(person.names_size(), 1);
    EXPECT_GE(person.names(0).parts_size(), 2);
    EXPECT_FALSE(person.residence().country().empty());
    EXPECT_FALSE(person.residence().municipality().empty());
    EXPECT_FALSE(civil::CertainlyBefore(Known(person.residence().valid_from()), birth));
    if (person.has_death()) {
      EXPECT_FALSE(civil::CertainlyBefore(Known(person.death().date()), birth));
      EXPECT_FALSE(civil::CertainlyBefore(civil::PartialDate(last), Known(person.death().date())));
    }
    EXPECT_EQ(person.has_death(), nation.DeathDay(i) != Nation::kAlive);
    alive += !person.has_death();
    abroad += person.residence().country() != "EE";
    russian += person.birth().country() == "RU";
  }
  EXPECT_GT(alive, nation.size() / 2);
  EXPECT_LT(alive, nation.size() * 2 / 3);
  EXPECT_GT(abroad, 100);
  EXPECT_GT(russian, 100);
}

TEST(NationTest, SmallAndEmptyNations) {
  for (uint64_t persons : {1, 2, 10, 100})
    EXPECT_THAT(Nation::Make({persons, 1}), IsOk()) << persons;
  EXPECT_THAT(Nation::Make({0, 1}), Fails(kInvalid, "BAD_PERSONS", "persons"));
  EXPECT_THAT(Nation::Make({kMaxPersons + 1, 1}), Fails(kInvalid, "BAD_PERSONS", "persons"));
  EXPECT_THAT(Nation::Make({10, 1, "xx-none"}), Fails(kInvalid, "UNKNOWN_SCHEME", "scheme"));
  EXPECT_THAT(Nation::Make({10, 1, "nl-bsn", "1949-12-31"}), Fails(kInvalid, "BAD_DATE", "day"));
  EXPECT_THAT(Nation::Make({10, 1, "nl-bsn", "soon"}), Fails(kInvalid, "BAD_DATE", "day"));
}

TEST(SampleTest, ASampleHoldsWhatThePensionBoardAsksFor) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({40'000, 9}));
  const SampleSpec spec = PensionBoard(20'000);
  EGOV_ASSERT_OK_AND_ASSIGN(const Sample sample, SampleCodes(nation, spec, 4));
  EXPECT_EQ(sample.codes.size(), 20'000);
  EXPECT_EQ(std::set<std::string>(sample.codes.begin(), sample.codes.end()).size(),
            sample.codes.size());
  EXPECT_EQ(sample.deceased.size(), 39);
  EXPECT_EQ(sample.unknown.size(), 10);
  EXPECT_EQ(sample.superseded.size(), 20);
  EXPECT_EQ(sample.malformed.size(), 4);

  // What a register that holds this nation would answer.
  std::map<std::string, bool> dead;
  std::map<std::string, std::string> successor;
  v1::Person person;
  for (uint64_t i = 0; i < nation.size(); ++i) {
    nation.Fill(i, &person);
    dead[person.identifier().value()] = person.has_death();
    for (const auto& other : person.other_identifiers())
      successor[other.value()] = person.identifier().value();
  }
  std::multiset<std::string> deceased, unknown, superseded, malformed;
  for (const std::string& code : sample.codes) {
    if (!identifiers::Isikukood().Check(code).ok()) {
      malformed.insert(code);
    } else if (successor.count(code) != 0) {
      superseded.insert(code);
      EXPECT_FALSE(dead.at(successor.at(code)));
    } else if (dead.count(code) == 0) {
      unknown.insert(code);
    } else if (dead.at(code)) {
      deceased.insert(code);
    }
  }
  EXPECT_EQ(deceased, std::multiset<std::string>(sample.deceased.begin(), sample.deceased.end()));
  EXPECT_EQ(unknown, std::multiset<std::string>(sample.unknown.begin(), sample.unknown.end()));
  EXPECT_EQ(superseded,
            std::multiset<std::string>(sample.superseded.begin(), sample.superseded.end()));
  EXPECT_EQ(malformed,
            std::multiset<std::string>(sample.malformed.begin(), sample.malformed.end()));

  EXPECT_EQ(SampleCodes(nation, spec, 4)->codes, sample.codes);
  EXPECT_NE(SampleCodes(nation, spec, 5)->codes, sample.codes);
}

TEST(SampleTest, MoreThanTheNationHasIsRefused) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({1000, 9}));
  EXPECT_THAT(SampleCodes(nation, PensionBoard(1000), 1),
              Fails(absl::StatusCode::kFailedPrecondition, "NATION_TOO_SMALL"));
  SampleSpec spec;
  spec.size = 1;
  spec.unknown = 2;
  EXPECT_THAT(SampleCodes(nation, spec, 1), Fails(kInvalid, "BAD_SAMPLE"));
}

TEST(StreamOfANationTest, TheFileHoldsTheNation) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Nation nation, Nation::Make({60'000, 2}));
  const std::string path = ::testing::TempDir() + "/nation";
  uint64_t last_progress = 0;
  ASSERT_THAT(WriteNation(nation, path, [&](uint64_t done) { last_progress = done; }), IsOk());
  EXPECT_EQ(last_progress, 50'000);
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(path));
  EXPECT_EQ(reader.header().seed, 2);
  EXPECT_EQ(reader.header().count, 60'000);
  EXPECT_EQ(reader.header().id, nation.id());
  ASSERT_THAT(reader.Skip(59'999), IsOk());
  v1::Person read, filled;
  ASSERT_TRUE(reader.Next(&read).value());
  nation.Fill(59'999, &filled);
  EXPECT_EQ(read.SerializeAsString(), filled.SerializeAsString());
}

}  // namespace
}  // namespace egov::population::generator
