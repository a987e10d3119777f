#include "services/population/stream/stream.h"

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::population {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kLoss = absl::StatusCode::kDataLoss;

std::string PathOf(const char* name) { return ::testing::TempDir() + "/" + name; }

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

v1::Person Numbered(int i) {
  v1::Person person;
  person.mutable_identifier()->set_value(std::to_string(i));
  person.mutable_residence()->set_street(std::string(i % 700, 'x'));
  return person;
}

std::string WriteStream(const char* name, int count) {
  const std::string path = PathOf(name);
  auto writer = StreamWriter::Create(path, {std::string(16, 'i'), 7, static_cast<uint64_t>(count)});
  EXPECT_THAT(writer, IsOk());
  for (int i = 0; i < count; ++i) EXPECT_THAT(writer->Write(Numbered(i)), IsOk());
  EXPECT_THAT(writer->Finish(), IsOk());
  return path;
}

TEST(StreamTest, WhatIsWrittenIsReadInOrder) {
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(WriteStream("order", 10000)));
  EXPECT_EQ(reader.header().id, std::string(16, 'i'));
  EXPECT_EQ(reader.header().seed, 7);
  EXPECT_EQ(reader.header().count, 10000);
  v1::Person person;
  for (int i = 0; i < 10000; ++i) {
    EGOV_ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(&person));
    ASSERT_TRUE(more);
    ASSERT_EQ(person.identifier().value(), std::to_string(i));
  }
  EGOV_ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(&person));
  EXPECT_FALSE(more);
}

TEST(StreamTest, ACutLoadGoesOnWhereItWas) {
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(WriteStream("skip", 5000)));
  ASSERT_THAT(reader.Skip(4321), IsOk());
  v1::Person person;
  EGOV_ASSERT_OK_AND_ASSIGN(const bool more, reader.Next(&person));
  EXPECT_TRUE(more);
  EXPECT_EQ(person.identifier().value(), "4321");
  EXPECT_EQ(reader.position(), 4322);
  EXPECT_THAT(reader.Skip(5000), Fails(kLoss, "TRUNCATED_STREAM"));
}

TEST(StreamTest, ATruncatedFileIsNotedAtItsEnd) {
  const std::string bytes = ReadAll(WriteStream("whole", 100));
  WriteAll(PathOf("cut"), bytes.substr(0, bytes.size() - 1));
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(PathOf("cut")));
  ASSERT_THAT(reader.Skip(99), IsOk());
  v1::Person person;
  EXPECT_THAT(reader.Next(&person), Fails(kLoss, "TRUNCATED_STREAM"));
}

TEST(StreamTest, WhatIsNoSuchFileIsRefused) {
  WriteAll(PathOf("other"), std::string(100, 'x'));
  EXPECT_THAT(StreamReader::Open(PathOf("other")), Fails(kLoss, "BAD_STREAM"));
  WriteAll(PathOf("empty"), "");
  EXPECT_THAT(StreamReader::Open(PathOf("empty")), Fails(kLoss, "BAD_STREAM"));
  EXPECT_THAT(StreamReader::Open(PathOf("no/such/file")),
              Fails(absl::StatusCode::kFailedPrecondition, "FILE_FAILED"));
  const std::string bytes = ReadAll(WriteStream("behind", 3));
  WriteAll(PathOf("more"), bytes + "x");
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(PathOf("more")));
  ASSERT_THAT(reader.Skip(3), IsOk());
  v1::Person person;
  EXPECT_THAT(reader.Next(&person), Fails(kLoss, "BAD_STREAM"));
}

TEST(StreamTest, AnAbsurdLengthIsRefusedBeforeMemoryIsTaken) {
  const std::string bytes = ReadAll(WriteStream("length", 1));
  WriteAll(PathOf("long"), bytes.substr(0, 40) + "\xff\xff\xff\xff\x0f");
  EGOV_ASSERT_OK_AND_ASSIGN(StreamReader reader, StreamReader::Open(PathOf("long")));
  v1::Person person;
  EXPECT_THAT(reader.Next(&person), Fails(kLoss, "BAD_STREAM"));
}

TEST(StreamTest, TheAnnouncedCountIsKept) {
  EGOV_ASSERT_OK_AND_ASSIGN(StreamWriter writer,
                            StreamWriter::Create(PathOf("count"), {std::string(16, 'i'), 0, 1}));
  EXPECT_THAT(StreamWriter(std::move(writer)).Finish(),
              Fails(absl::StatusCode::kInternal, "BAD_COUNT"));
}

}  // namespace
}  // namespace egov::population
