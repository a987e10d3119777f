#include "services/population/importer/importer.h"

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/population/stream/stream.h"

namespace egov::population::importer {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
using ::testing::ElementsAre;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr char kFolder[] = "services/population/importer/";

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

civil::Date Today() { return civil::Date::Parse("2026-11-23").value(); }

absl::StatusOr<std::string> TestTable(const std::string& file) {
  return ReadAll(std::string(kFolder) + "testing/" + file);
}

// The repository's own people in the form of the Dutch base register, read by the committed
// mapping.
class BrpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EGOV_ASSERT_OK_AND_ASSIGN(mapping_,
                              ParseMapping(ReadAll(std::string(kFolder) + "brp.mapping.json")));
    EGOV_ASSERT_OK_AND_ASSIGN(
        imported_,
        Import(mapping_, ReadAll(std::string(kFolder) + "testing/people.csv"), TestTable, Today()));
    for (const v1::Person& person : imported_.people) people_[FamilyOf(person)] = &person;
  }

  static std::string FullName(const v1::Name& name) {
    std::string full;
    for (const v1::NamePart& part : name.parts()) full += (full.empty() ? "" : " ") + part.text();
    return full;
  }
  static std::string FamilyOf(const v1::Person& person) { return FullName(person.names(0)); }

  const v1::Person& Of(const std::string& name) {
    const auto found = people_.find(name);
    EXPECT_NE(found, people_.end()) << name;
    static const v1::Person nobody;
    return found == people_.end() ? nobody : *found->second;
  }
  // The report of the row on this line of the file.
  const RowReport& Line(uint64_t line) {
    for (const RowReport& row : imported_.rows) {
      if (row.line == line) return row;
    }
    ADD_FAILURE() << line;
    return imported_.rows[0];
  }
  std::string Reason(uint64_t line) {
    return Line(line).outcome == Outcome::kRefused ? Line(line).reason : "not refused";
  }

  Mapping mapping_;
  Imported imported_;
  std::map<std::string, const v1::Person*> people_;
};

TEST_F(BrpTest, EveryRowIsAccountedFor) {
  EXPECT_EQ(imported_.rows.size(), 27);
  const Summary& summary = imported_.summary;
  EXPECT_EQ(summary.imported, 15);
  EXPECT_EQ(summary.history, 4);
  EXPECT_EQ(summary.refused, 8);
  EXPECT_EQ(summary.imported, imported_.people.size());
  EXPECT_EQ(summary.refused_by_reason,
            (std::map<std::string, uint64_t>{{"BAD_CHECK_DIGIT", 1},
                                             {"BAD_ROW", 1},
                                             {"DEATH_BEFORE_BIRTH", 1},
                                             {"IMPOSSIBLE_DEATH_DATE", 1},
                                             {"LIST_MADE_IN_ERROR", 1},
                                             {"MARKED_WRONG", 1},
                                             {"NO_IDENTIFIER", 1},
                                             {"SECOND_HOLDER", 1}}));
}

TEST_F(BrpTest, TheCurrentRowIsTakenAndItsHistoryKeptForLater) {
  const v1::Person& person = Of("Pieter Jan van der Proef");
  EXPECT_EQ(person.identifier().scheme(), "nl-bsn");
  EXPECT_EQ(person.sex(), v1::SEX_MALE);
  EXPECT_EQ(person.birth().place(), "Amsterdam");
  EXPECT_EQ(person.birth().country(), "NL");
  EXPECT_EQ(person.residence().country(), "NL");
  EXPECT_EQ(person.residence().municipality(), "Rotterdam");
  EXPECT_EQ(person.residence().street(), "Lange Dorpsstraat");
  EXPECT_EQ(person.residence().house(), "12abis");
  EXPECT_EQ(person.residence().valid_from().year(), 1990);
  EXPECT_FALSE(person.has_death()) << "a death in the history, marked wrong there";
  EXPECT_EQ(Line(3).outcome, Outcome::kHistory);
  EXPECT_EQ(Line(4).outcome, Outcome::kHistory);
}

TEST_F(BrpTest, ASecondHolderAListWithoutNumberAndAnImpossibleDeathDateAreRefused) {
  EXPECT_EQ(Reason(6), "SECOND_HOLDER");
  EXPECT_EQ(Line(7).outcome, Outcome::kHistory);
  EXPECT_THAT(Line(7).notes, ElementsAre("PERSON_REFUSED"));
  EXPECT_EQ(Reason(9), "NO_IDENTIFIER");
  EXPECT_EQ(Reason(10), "IMPOSSIBLE_DEATH_DATE");
  EXPECT_EQ(Line(10).column, "06.08.10");
  EXPECT_EQ(Reason(16), "BAD_CHECK_DIGIT");
  EXPECT_EQ(Reason(20), "DEATH_BEFORE_BIRTH");
  EXPECT_EQ(Reason(28), "BAD_ROW");
}

TEST_F(BrpTest, WhatIsMarkedWrongIsNeverShownAsCurrent) {
  EXPECT_FALSE(Of("Fout Adres").has_residence());
  EXPECT_FALSE(Of("Toch Levend").has_death());
  EXPECT_EQ(Reason(15), "MARKED_WRONG");
  EXPECT_EQ(people_.count("Foute Lijst"), 0);
  EXPECT_EQ(Reason(21), "LIST_MADE_IN_ERROR");
}

TEST_F(BrpTest, PartialDatesStayPartial) {
  EXPECT_EQ(Of("Over Leden").death().date().year(), 2008);
  EXPECT_EQ(Of("Over Leden").death().date().month(), 7);
  EXPECT_EQ(Of("Over Leden").death().date().day(), 0);
  EXPECT_EQ(Of("Over Leden").death().country(), "PL");
  EXPECT_EQ(Of("Over Leden").death().place(), "Łódź") << "a place abroad is a name, not a code";
  EXPECT_EQ(Of("Tan").birth().date().year(), 1985);
  EXPECT_EQ(Of("Tan").birth().date().month(), 0);
  EXPECT_FALSE(Of("Alleen Voornaam").birth().has_date());
}

TEST_F(BrpTest, WhoHasOneNameHasAMononym) {
  ASSERT_EQ(Of("Tan").names(0).parts_size(), 1);
  EXPECT_EQ(Of("Tan").names(0).parts(0).kind(), v1::NAME_PART_KIND_MONONYM);
  EXPECT_EQ(Of("Alleen Voornaam").names(0).parts(1).kind(), v1::NAME_PART_KIND_GIVEN);
  EXPECT_EQ(Of(".").names(0).parts(0).kind(), v1::NAME_PART_KIND_MONONYM);
  EXPECT_EQ(Of("Alleen Voornaam").sex(), v1::SEX_OTHER);
}

TEST_F(BrpTest, EmigrantsLiveWhereTheyWent) {
  const v1::Residence& residence = Of("Ver Trokken").residence();
  EXPECT_EQ(residence.country(), "BE");
  EXPECT_EQ(residence.street(), "Rue du Test 25");
  EXPECT_EQ(residence.locality(), "Bruxelles, 1000");
  EXPECT_EQ(residence.municipality(), "");
  EXPECT_EQ(residence.valid_from().year(), 2014);
}

TEST_F(BrpTest, ParentsComeFirstByNumberWhereHeldAndByNameWhereNot) {
  const v1::Person& child = Of("Kind Proef");
  ASSERT_EQ(child.parents_size(), 2);
  EXPECT_EQ(child.parents(0).identifier().value(), Of("Moe Der").identifier().value());
  EXPECT_FALSE(child.parents(0).has_name());
  EXPECT_TRUE(child.parents(1).has_identifier());
  EXPECT_EQ(FullName(child.parents(1).name()), "Va Der");
  EXPECT_EQ(child.parents(1).birth_date().year(), 1958);
  std::set<std::string> seen, all;
  for (const v1::Person& person : imported_.people) all.insert(person.identifier().value());
  for (const v1::Person& person : imported_.people) {
    for (const v1::Parent& parent : person.parents()) {
      if (all.count(parent.identifier().value()) == 0) continue;
      EXPECT_EQ(seen.count(parent.identifier().value()), 1);
    }
    seen.insert(person.identifier().value());
  }
}

TEST_F(BrpTest, WhatCouldNotBeTakenIsNoted) {
  EXPECT_THAT(Line(25).notes,
              ElementsAre("BAD_DATE 01.03.10", "UNLISTED_CODE 01.03.30", "UNLISTED_CODE 08.09.10",
                          "PARENT_BAD_CHECK_DIGIT 02.01.20"));
  EXPECT_EQ(Of("On Bekend").birth().country(), "");
  ASSERT_EQ(Of("On Bekend").parents_size(), 1);
  EXPECT_FALSE(Of("On Bekend").parents(0).has_identifier());
  EXPECT_THAT(Line(26).notes, ElementsAre("PARENT_BORN_LATER", "PARENT_IS_CHILD"));
  ASSERT_EQ(Of("Ouder Jonger").parents_size(), 1);
  EXPECT_FALSE(Of("Ouder Jonger").parents(0).has_identifier());
  EXPECT_EQ(Of("Groot Vader").parents_size() + Of("Klein Kind").parents_size(), 1)
      << "nobody is his own ancestor";
}

TEST_F(BrpTest, QuotedTextKeepsItsSeparatorsAndQuotes) {
  EXPECT_EQ(Of("Aan Haling").residence().street(), "Hof \"De Linde\"; achter");
}

TEST_F(BrpTest, TheReportHoldsNothingOfThePeople) {
  const std::string report = ReportTsv(imported_.rows);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 28);
  EXPECT_NE(report.find("6\trefused\tSECOND_HOLDER\t01.01.20\t\n"), std::string::npos);
  for (const v1::Person& person : imported_.people) {
    EXPECT_EQ(report.find(person.identifier().value()), std::string::npos);
    EXPECT_EQ(report.find(person.names(0).parts(0).text() + " "), std::string::npos);
  }
  EXPECT_EQ(report.find("Dorpsstraat"), std::string::npos);
}

TEST_F(BrpTest, FilesInFilesOutAndTheSameInputIsTheSameLoad) {
  const std::string out = ::testing::TempDir() + "/people",
                    report = ::testing::TempDir() + "/report";
  const Files files{std::string(kFolder) + "brp.mapping.json",
                    std::string(kFolder) + "testing/people.csv", out, report, Today()};
  EGOV_ASSERT_OK_AND_ASSIGN(const Summary summary, ImportFiles(files));
  EXPECT_EQ(summary.imported, 15);
  EXPECT_EQ(ReadAll(report), ReportTsv(imported_.rows));
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(out));
  EXPECT_EQ(reader.header().count, 15);
  const std::string before = ReadAll(out);
  ASSERT_THAT(ImportFiles(files), IsOk());
  EXPECT_EQ(ReadAll(out), before);
  Files missing = files;
  missing.in = "no/such/file";
  EXPECT_THAT(ImportFiles(missing), Fails(absl::StatusCode::kNotFound, "NO_FILE"));
}

TEST_F(BrpTest, AColumnThatTheFileDoesNotHaveStopsTheImport) {
  EXPECT_THAT(Import(mapping_, "a;b\n1;2\n", TestTable, Today()),
              Fails(kInvalid, "UNKNOWN_COLUMN"));
}

// The smallest mapping: one row, one person.
constexpr char kSmall[] = R"json({
  "person": {
    "scheme": "ee-isikukood",
    "identifier": {"columns": ["code"]},
    "names": [{"script": "Latn", "parts": [{"kind": "FAMILY", "value": {"columns": ["name"]}}]}],
    "death": {"guard": {"when": [{"column": "died", "present": true}]}, "date": {"columns": ["died"]}}
  }})json";

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(MappingTest, WithoutGroupingEachRowIsAPerson) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Mapping mapping, ParseMapping(kSmall));
  EGOV_ASSERT_OK_AND_ASSIGN(
      const Imported imported,
      Import(mapping,
             "code,name,died\n60001019906,A,\n60001017869,B,2020-05\n39901012239,C,2020-"
             "13\n81205280108,D,\n,E,\n39901012239,F,2099\n"
             "51307149560,,\n51307149560,\x01,\n",
             TestTable, Today()));
  ASSERT_EQ(imported.people.size(), 2);
  EXPECT_EQ(imported.people[1].death().date().month(), 5);
  std::vector<std::string> reasons;
  for (const RowReport& row : imported.rows) reasons.push_back(row.reason);
  EXPECT_THAT(reasons, ElementsAre("", "", "IMPOSSIBLE_DEATH_DATE", "BAD_DATE", "NO_IDENTIFIER",
                                   "IMPOSSIBLE_DEATH_DATE", "NO_NAME", "BAD_TEXT"));
}

TEST(MappingTest, HistoryBeforeTheFirstPersonIsRefused) {
  EGOV_ASSERT_OK_AND_ASSIGN(
      const Mapping mapping,
      ParseMapping(
          Replace(kSmall, "\"person\"", "\"grouping\": {\"labelColumn\": \"name\"}, \"person\"")));
  EGOV_ASSERT_OK_AND_ASSIGN(
      const Imported imported,
      Import(mapping, "code,name,died\n60001019906,,\n60001019906,A,\n,,\n", TestTable, Today()));
  EXPECT_EQ(imported.rows[0].reason, "NO_PERSON");
  EXPECT_EQ(imported.rows[1].outcome, Outcome::kImported);
  EXPECT_EQ(imported.rows[2].outcome, Outcome::kHistory);
}

TEST(MappingTest, AFieldThatTheMappingLanguageDoesNotHaveIsAnError) {
  EXPECT_THAT(ParseMapping(Replace(kSmall, "\"scheme\"", "\"colour\": 1, \"scheme\"")),
              Fails(kInvalid, "BAD_MAPPING"));
  EXPECT_THAT(ParseMapping("not json"), Fails(kInvalid, "BAD_MAPPING"));
  EXPECT_THAT(ParseMapping(""), Fails(kInvalid, "BAD_MAPPING"));
}

TEST(MappingTest, MistakesAreToldWithTheirPlace) {
  EXPECT_THAT(ParseMapping(Replace(kSmall, "ee-isikukood", "xx")),
              Fails(kInvalid, "BAD_MAPPING", "person.scheme"));
  EXPECT_THAT(ParseMapping(Replace(kSmall, "\"FAMILY\"", "\"CLAN\"")),
              Fails(kInvalid, "BAD_MAPPING", "person.names[0].parts[0].kind"));
  EXPECT_THAT(ParseMapping(Replace(kSmall, "{\"columns\": [\"name\"]}",
                                   "{\"columns\": [\"name\"], \"table\": \"t\"}")),
              Fails(kInvalid, "BAD_MAPPING", "person.names[0].parts[0].value.table"));
  EXPECT_THAT(
      ParseMapping(Replace(kSmall, "\"present\": true", "\"present\": true, \"absent\": true")),
      Fails(kInvalid, "BAD_MAPPING", "person.death.guard.when[0]"));
  EXPECT_THAT(ParseMapping(Replace(kSmall, "\"person\"",
                                   "\"dialect\": {\"separator\": \";;\"}, \"person\"")),
              Fails(kInvalid, "BAD_MAPPING", "dialect.separator"));
  EXPECT_THAT(ParseMapping(Replace(
                  kSmall, "\"person\"",
                  "\"tables\": [{\"name\": \"t\", \"file\": \"../../etc/passwd\"}], \"person\"")),
              Fails(kInvalid, "BAD_MAPPING", "tables[0].file"));
  EXPECT_THAT(ParseMapping(Replace(kSmall, "\"person\"",
                                   "\"refusals\": [{\"reason\": \"no good\"}], \"person\"")),
              Fails(kInvalid, "BAD_MAPPING", "refusals[0].reason"));
}

}  // namespace
}  // namespace egov::population::importer
