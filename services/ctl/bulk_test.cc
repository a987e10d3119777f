#include <filesystem>
#include <fstream>
#include <sstream>

#include "egov/population/v1/population_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "services/ctl/load.h"
#include "services/ctl/vital_status.h"
#include "services/population/stream/stream.h"

namespace egov::ctl {
namespace {

using base::Fails;
using base::IsOk;
using ::egov::population::v1::LoadPeopleRequest;
using ::egov::population::v1::LoadPeopleResponse;
using ::egov::population::v1::VerifyVitalStatusRequest;

std::vector<std::string> CodesOf(const std::vector<CodeWindow>& windows) {
  std::vector<std::string> codes;
  for (const CodeWindow& window : windows) {
    for (const std::string& part : window.parts) {
      VerifyVitalStatusRequest request;
      EXPECT_TRUE(request.ParseFromString(part));
      EXPECT_EQ(request.scheme(), "ee-isikukood");
      EXPECT_LE(part.size(), 1u << 20);
      codes.insert(codes.end(), request.codes().begin(), request.codes().end());
    }
  }
  return codes;
}

TEST(WindowsOfTest, EachLineIsACodeAndBlankLinesAreNone) {
  EGOV_ASSERT_OK_AND_ASSIGN(const auto windows,
                            WindowsOf("\n 49805140247 \r\n\n123\n  \nX-9", "ee-isikukood"));
  EXPECT_THAT(CodesOf(windows), ::testing::ElementsAre("49805140247", "123", "X-9"));
}

TEST(WindowsOfTest, HalfAMillionCodesAreOneWindowInPartsOfAMebibyte) {
  std::string text;
  for (int i = 0; i < 500000; ++i) absl::StrAppend(&text, 40000000000 + i, "\n");
  EGOV_ASSERT_OK_AND_ASSIGN(const auto windows, WindowsOf(text, "ee-isikukood"));
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].codes, 500000u);
  const std::vector<std::string> codes = CodesOf(windows);
  ASSERT_EQ(codes.size(), 500000u);
  EXPECT_EQ(codes[499999], "40000499999");
}

TEST(WindowsOfTest, NoWindowIsLargerThanTheExchangeAllows) {
  std::string text;
  for (int i = 0; i < 1100000; ++i) absl::StrAppend(&text, 40000000000 + i, "\n");
  EGOV_ASSERT_OK_AND_ASSIGN(const auto windows, WindowsOf(text, "ee-isikukood"));
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0].codes, 1u << 19);
  const std::string wide(100, 'a');
  text.clear();
  for (int i = 0; i < 200000; ++i) absl::StrAppend(&text, wide, "\n");
  EGOV_ASSERT_OK_AND_ASSIGN(const auto wide_windows, WindowsOf(text, "ee-isikukood"));
  EXPECT_EQ(wide_windows.size(), 2u);
  for (const CodeWindow& window : wide_windows) {
    size_t bytes = 0;
    for (const std::string& part : window.parts) bytes += part.size();
    EXPECT_LE(bytes, 16u << 20);
  }
}

TEST(WindowsOfTest, ABadLineIsNamedByNumberAndNeverRepeated) {
  const auto windows = WindowsOf("1\n\xc3\xb5\n", "ee-isikukood");
  EXPECT_THAT(windows, Fails(absl::StatusCode::kInvalidArgument, "BAD_LINE"));
  EXPECT_THAT(std::string(windows.status().message()), ::testing::HasSubstr("line 2"));
  EXPECT_THAT(WindowsOf("\n \n", "ee-isikukood"),
              Fails(absl::StatusCode::kInvalidArgument, "NO_CODES"));
}

// A register that takes in windows as LoadPeople promises: the same request_id again is the same
// act.
class LoadingRegister : public exchange::Client {
 public:
  std::map<std::string, uint64_t> acts;  // request_id -> people
  uint64_t people = 0;
  int windows = 0;
  int cut_after = -1;  // windows until the connection breaks
  absl::Status log;    // what a check of its log says

  class Windows : public exchange::Stream {
   public:
    explicit Windows(LoadingRegister* owner) : owner_(owner) {}
    absl::Status Send(std::vector<std::string> parts, bool last) override {
      EXPECT_LT(waiting_.size(), 2u);
      waiting_.push_back(std::move(parts));
      return absl::OkStatus();
    }
    absl::StatusOr<exchange::Exchange> Receive(exchange::Exchange*) override {
      if (owner_->cut_after == owner_->windows) return absl::UnavailableError("gone");
      ++owner_->windows;
      uint64_t count = 0;
      std::string request_id;
      for (const std::string& part : waiting_.front()) {
        LoadPeopleRequest request;
        EXPECT_TRUE(request.ParseFromString(part));
        EXPECT_LE(part.size(), 1u << 20);
        EXPECT_TRUE(request_id.empty() || request_id == request.request_id());
        request_id = request.request_id();
        count += request.people_size();
      }
      waiting_.erase(waiting_.begin());
      EXPECT_TRUE(base::IsUuid(request_id));
      if (owner_->acts.emplace(request_id, count).second) owner_->people += count;
      LoadPeopleResponse response;
      response.set_loaded(owner_->acts[request_id]);
      exchange::Exchange exchange;
      exchange.response_parts.push_back(response.SerializeAsString());
      return exchange;
    }
    void Cancel() override {}

   private:
    LoadingRegister* owner_;
    std::vector<std::vector<std::string>> waiting_;
  };

  absl::StatusOr<std::unique_ptr<exchange::Stream>> Open(const std::string&,
                                                         const exchange::Purpose&,
                                                         absl::Duration) override {
    return std::make_unique<Windows>(this);
  }
  void CallAsync(const std::string&, const exchange::Purpose&, std::string, absl::Duration,
                 Done) override {}
  absl::StatusOr<exchange::RawAnswer> CallRaw(const std::string&, const exchange::Purpose&,
                                              std::string, absl::Duration,
                                              exchange::Exchange*) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::Status CallPlain(const std::string&, const google::protobuf::Message&,
                         google::protobuf::Message*, absl::Duration) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::Status CheckConsistency() override { return log; }
  absl::StatusOr<egov::evidence::v1::EvidenceFile> Prove(absl::Span<const exchange::Exchange>, bool,
                                                         absl::Duration) override {
    return absl::UnimplementedError("not asked here");
  }
};

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() {
    options_.in = absl::StrCat(::testing::TempDir(), "/people");
    options_.place = absl::StrCat(::testing::TempDir(), "/people.loaded");
    std::remove(options_.place.c_str());
    constexpr uint64_t kPeople = 150000;
    auto writer = population::StreamWriter::Create(options_.in, {std::string(16, 'i'), 1, kPeople});
    EXPECT_THAT(writer, IsOk());
    population::v1::Person person;
    person.mutable_identifier()->set_scheme("ee-isikukood");
    for (uint64_t i = 0; i < kPeople; ++i) {
      person.mutable_identifier()->set_value(absl::StrCat(40000000000 + i));
      EXPECT_THAT(writer->Write(person), IsOk());
    }
    EXPECT_THAT(writer->Finish(), IsOk());
  }

  LoadingRegister register_;
  LoadOptions options_;
};

TEST_F(LoadTest, EveryoneIsTakenInByWindows) {
  EGOV_ASSERT_OK_AND_ASSIGN(const LoadSummary summary, LoadPeople(register_, options_));
  EXPECT_EQ(summary.windows, 3u);
  EXPECT_EQ(register_.people, 150000u);
}

TEST_F(LoadTest, ALoadThatWasCutGoesOnWhereItWas) {
  register_.cut_after = 1;
  EXPECT_EQ(LoadPeople(register_, options_).status().code(), absl::StatusCode::kUnavailable);
  register_.cut_after = -1;
  EGOV_ASSERT_OK_AND_ASSIGN(const LoadSummary summary, LoadPeople(register_, options_));
  EXPECT_EQ(summary.passed, 65536u);
  EXPECT_EQ(summary.windows, 2u);
  EXPECT_EQ(register_.people, 150000u);
}

TEST_F(LoadTest, NobodyIsTakenInTwiceWithoutTheNoteOfWhereItWas) {
  register_.cut_after = 2;
  EXPECT_FALSE(LoadPeople(register_, options_).ok());
  register_.cut_after = -1;
  std::remove(options_.place.c_str());
  EGOV_ASSERT_OK_AND_ASSIGN(const LoadSummary summary, LoadPeople(register_, options_));
  EXPECT_EQ(summary.passed, 0u);
  EXPECT_EQ(register_.people, 150000u);
}

TEST_F(LoadTest, ARewrittenLogEndsTheLoadAndNothingIsNoted) {
  register_.log = base::Error(absl::StatusCode::kDataLoss, "LOG_REWRITTEN", "the log is another");
  EXPECT_THAT(LoadPeople(register_, options_), Fails(absl::StatusCode::kDataLoss, "LOG_REWRITTEN"));
  EXPECT_FALSE(std::ifstream(options_.place).good());
}

TEST_F(LoadTest, ALogThatCannotBeAskedNowIsOnlyWarnedOf) {
  register_.log = absl::UnavailableError("gone");
  std::vector<std::string> warnings;
  options_.warn = [&](absl::string_view text) { warnings.emplace_back(text); };
  EXPECT_THAT(LoadPeople(register_, options_), IsOk());
  EXPECT_EQ(warnings.size(), 3u);
}

// Answers a question about codes with nobody.
class AnsweringRegister : public LoadingRegister {
 public:
  class Windows : public exchange::Stream {
   public:
    absl::Status Send(std::vector<std::string>, bool) override { return absl::OkStatus(); }
    absl::StatusOr<exchange::Exchange> Receive(exchange::Exchange*) override {
      if (answered_)
        return base::Error(absl::StatusCode::kOutOfRange, "END_OF_STREAM", "the end").status();
      answered_ = true;
      return exchange::Exchange();
    }
    void Cancel() override {}

   private:
    bool answered_ = false;
  };
  absl::StatusOr<std::unique_ptr<exchange::Stream>> Open(const std::string&,
                                                         const exchange::Purpose&,
                                                         absl::Duration) override {
    return std::make_unique<Windows>();
  }
};

TEST(VitalStatusTest, ARewrittenLogIsToldAndNothingIsWritten) {
  AnsweringRegister rewritten;
  rewritten.log = base::Error(absl::StatusCode::kDataLoss, "LOG_SPLIT", "two trees of one size");
  VitalStatusOptions options;
  options.in = absl::StrCat(::testing::TempDir(), "/codes.txt");
  options.out = absl::StrCat(::testing::TempDir(), "/answer");
  std::ofstream(options.in) << "49805140247\n";
  EXPECT_THAT(AskVitalStatus(rewritten, {}, options),
              Fails(absl::StatusCode::kDataLoss, "LOG_SPLIT"));
  for (const char* file : {"/deceased.tsv", "/unknown.txt", "/evidence.egov"}) {
    EXPECT_FALSE(std::ifstream(options.out + file).good()) << file;
  }
}

TEST(VitalStatusTest, AFolderThatHoldsAProofIsNotWrittenTo) {
  AnsweringRegister never;
  VitalStatusOptions options;
  options.in = absl::StrCat(::testing::TempDir(), "/codes.txt");
  options.out = absl::StrCat(::testing::TempDir(), "/proof");
  std::ofstream(options.in) << "49805140247\n";
  std::filesystem::create_directories(options.out);
  std::ofstream(options.out + "/evidence.egov") << "of last month";
  EXPECT_THAT(AskVitalStatus(never, {}, options),
              Fails(absl::StatusCode::kFailedPrecondition, "ANSWER_EXISTS", "out"));
  std::string kept;
  std::getline(std::ifstream(options.out + "/evidence.egov"), kept);
  EXPECT_EQ(kept, "of last month");
}

TEST(VitalStatusTest, ARepeatedCodeOfTheDeadIsNobodyAlive) {
  EXPECT_EQ(CountAlive("\xEF\xBB\xBF"
                       "1\n 2\r\n\n1\n3\n4\t\n5",
                       {"1\t2020-01-01\n", "3\n", "4\tBAD\n"}),
            2u)
      << "2 and 5";
  EXPECT_EQ(CountAlive("", {"", "", ""}), 0u);
}

TEST(VitalStatusTest, AnEditorsMarkBeforeTheCodesIsNoCode) {
  EGOV_ASSERT_OK_AND_ASSIGN(const auto windows, WindowsOf("\xEF\xBB\xBF"
                                                          "49805140247\n",
                                                          "ee-isikukood"));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto plain, WindowsOf("49805140247\n", "ee-isikukood"));
  EXPECT_EQ(windows[0].parts, plain[0].parts);
}

// Gives evidence that proves nothing.
class UnprovenRegister : public AnsweringRegister {
 public:
  absl::StatusOr<egov::evidence::v1::EvidenceFile> Prove(absl::Span<const exchange::Exchange>, bool,
                                                         absl::Duration) override {
    return egov::evidence::v1::EvidenceFile();
  }
};

TEST(VitalStatusTest, OfAnAnswerThatIsNotProvenNothingIsLeft) {
  UnprovenRegister unproven;
  VitalStatusOptions options;
  options.in = absl::StrCat(::testing::TempDir(), "/codes.txt");
  options.out = absl::StrCat(::testing::TempDir(), "/unproven");
  std::ofstream(options.in) << "49805140247\n";
  EXPECT_FALSE(AskVitalStatus(unproven, {}, options).ok());
  EXPECT_TRUE(std::filesystem::is_empty(options.out));
}

TEST_F(LoadTest, TheNoteOfAnotherFileDoesNotCount) {
  std::ofstream(options_.place) << std::string(32, '0') << " 150000\n";
  EGOV_ASSERT_OK_AND_ASSIGN(const LoadSummary summary, LoadPeople(register_, options_));
  EXPECT_EQ(summary.windows, 3u);
}

}  // namespace
}  // namespace egov::ctl
