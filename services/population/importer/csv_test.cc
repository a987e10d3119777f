#include "services/population/importer/csv.h"

#include <string>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::population::importer {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Dialect Semicolons() {
  Dialect dialect;
  dialect.set_separator(";");
  return dialect;
}

Dialect Utf16() {
  Dialect dialect;
  dialect.set_encoding(UTF16LE);
  return dialect;
}

std::string Widen(absl::string_view text) {
  std::string out = "\xff\xfe";
  for (const char c : text) {
    out.push_back(c);
    out.push_back('\0');
  }
  return out;
}

TEST(CsvTest, FieldsAreFoundByColumnAndWithoutSpacesAround) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table, CsvTable::Parse("\xEF\xBB\xBF"
                                                                  "a;b;c\n1; two ;\r\n4;5;6",
                                                                  Semicolons()));
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.Get(0, *table.Column("b")), "two");
  EXPECT_EQ(table.Get(0, *table.Column("c")), "");
  EXPECT_EQ(table.Get(1, *table.Column("c")), "6");
  EXPECT_EQ(table.line(1), 3);
}

TEST(CsvTest, QuotedFieldsHoldSeparatorsQuotesAndLines) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table,
                            CsvTable::Parse("a,b\n\"x,\"\"y\"\"\nz\",2\n3,4\n", Dialect()));
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.Get(0, 0), "x,\"y\"\nz");
  EXPECT_EQ(table.line(1), 4) << "lines inside a field are counted";
}

TEST(CsvTest, AQuoteInsideAPlainFieldIsText) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table, CsvTable::Parse("a\nx\"y\n", Dialect()));
  EXPECT_EQ(table.Get(0, 0), "x\"y");
  Dialect none;
  none.set_quote("none");
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable plain, CsvTable::Parse("a\n\"x\n", none));
  EXPECT_EQ(plain.Get(0, 0), "\"x");
}

TEST(CsvTest, BrokenQuotesAreRefusedWithTheirLine) {
  EXPECT_THAT(CsvTable::Parse("a\n\"x\n", Dialect()), Fails(kInvalid, "UNCLOSED_QUOTE"));
  const auto after = CsvTable::Parse("a\n1\n\"x\"y\n", Dialect());
  EXPECT_THAT(after, Fails(kInvalid, "TEXT_AFTER_QUOTE"));
  EXPECT_EQ(base::DetailOf(after.status())->metadata.at("line"), "3");
}

TEST(CsvTest, Utf16IsReadWithItsMarkAndSurrogates) {
  std::string bytes = Widen("k,v\r\n1,x");
  bytes += std::string("\x3D\xD8\x00\xDE", 4);  // U+1F600
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table, CsvTable::Parse(bytes, Utf16()));
  EXPECT_EQ(table.Get(0, *table.Column("v")), "x\xF0\x9F\x98\x80");
}

TEST(CsvTest, WhatIsNotInTheEncodingIsRefused) {
  EXPECT_THAT(CsvTable::Parse("a\n\xff\n", Dialect()), Fails(kInvalid, "BAD_ENCODING"));
  EXPECT_THAT(CsvTable::Parse("a\n\xC0\xAF\n", Dialect()), Fails(kInvalid, "BAD_ENCODING"))
      << "overlong";
  EXPECT_THAT(CsvTable::Parse("a\n\xED\xA0\x80\n", Dialect()), Fails(kInvalid, "BAD_ENCODING"))
      << "surrogate";
  EXPECT_THAT(CsvTable::Parse("a\n\xC3", Dialect()), Fails(kInvalid, "BAD_ENCODING")) << "cut";
  EXPECT_THAT(CsvTable::Parse("\xff\xfe"
                              "a",
                              Utf16()),
              Fails(kInvalid, "BAD_ENCODING"));
  EXPECT_THAT(CsvTable::Parse(std::string("\x3D\xD8", 2), Utf16()),
              Fails(kInvalid, "BAD_ENCODING"));
}

TEST(CsvTest, RowsOfAnotherLengthAreKeptAndSaid) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table,
                            CsvTable::Parse("a,b\n1\n1,2\n1,2,3\n\n", Dialect()));
  ASSERT_EQ(table.rows(), 3);
  EXPECT_FALSE(table.complete(0));
  EXPECT_TRUE(table.complete(1));
  EXPECT_FALSE(table.complete(2));
}

TEST(CsvTest, ColumnsThatAreNotThereOrThereTwiceAreRefused) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table,
                            CsvTable::Parse(",a,b,b,\n1,2,3,4,\n", Dialect()));
  EXPECT_THAT(table.Column("c"), Fails(kInvalid, "UNKNOWN_COLUMN", "c"));
  EXPECT_THAT(table.Column("b"), Fails(kInvalid, "AMBIGUOUS_COLUMN", "b"));
  EXPECT_EQ(*table.Column(""), 0) << "the first nameless column";
}

TEST(CsvTest, AnEmptyFileHasNoRows) {
  EGOV_ASSERT_OK_AND_ASSIGN(const CsvTable table, CsvTable::Parse("", Dialect()));
  EXPECT_EQ(table.rows(), 0);
}

}  // namespace
}  // namespace egov::population::importer
