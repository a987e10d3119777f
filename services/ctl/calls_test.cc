// What every call of a register has in common.
#include "services/ctl/calls.h"

#include <memory>

#include "egov/population/v1/population_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/ctl/kept.h"

namespace egov::ctl {
namespace {

using base::Fails;
using base::IsOk;
using ::egov::population::v1::GetPersonRequest;
using ::egov::population::v1::GetPersonResponse;

// A register that answers or refuses, and whose log is in the state that `log` says.
class Register : public exchange::Client {
 public:
  Register(absl::Status answer, absl::Status log)
      : answer_(std::move(answer)), log_(std::move(log)) {}

  absl::StatusOr<exchange::RawAnswer> CallRaw(const std::string&, const exchange::Purpose&,
                                              std::string, absl::Duration,
                                              exchange::Exchange* refused) override {
    exchange::RawAnswer answer;
    answer.exchange.sealed_header = "sealed";
    if (answer_.ok()) return answer;
    *refused = answer.exchange;
    return answer_;
  }
  absl::Status CheckConsistency() override { return log_; }

  void CallAsync(const std::string&, const exchange::Purpose&, std::string, absl::Duration,
                 Done) override {}
  absl::StatusOr<std::unique_ptr<exchange::Stream>> Open(const std::string&,
                                                         const exchange::Purpose&,
                                                         absl::Duration) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::Status CallPlain(const std::string&, const google::protobuf::Message&,
                         google::protobuf::Message*, absl::Duration) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<egov::evidence::v1::EvidenceFile> Prove(absl::Span<const exchange::Exchange>, bool,
                                                         absl::Duration) override {
    return absl::UnimplementedError("not asked here");
  }

 private:
  const absl::Status answer_, log_;
};

class CallAndKeepTest : public ::testing::Test {
 protected:
  absl::Status Ask(const absl::Status& answer, const absl::Status& log) {
    caller_.client = std::make_unique<Register>(answer, log);
    caller_.timeout = absl::Seconds(1);
    caller_.warn = [this](absl::string_view text) { warnings_.emplace_back(text); };
    return CallAndKeep<GetPersonResponse>(caller_, "/s/m", GetPersonRequest()).status();
  }

  const absl::Status rewritten_ =
      base::Error(absl::StatusCode::kDataLoss, "LOG_REWRITTEN", "the log is shorter than it was");
  Caller caller_;
  std::vector<std::string> warnings_;
};

TEST_F(CallAndKeepTest, AnAnswerOfARewrittenLogIsNotHandedOn) {
  const absl::Status status = Ask(absl::OkStatus(), rewritten_);
  EXPECT_THAT(status, Fails(absl::StatusCode::kDataLoss, "LOG_REWRITTEN"));
  EXPECT_EQ(ExitCodeOf(status), kExitNotProven);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("not to be relied on"));
}

TEST_F(CallAndKeepTest, ARefusalOnRecordIsCheckedToo) {
  EXPECT_THAT(Ask(absl::PermissionDeniedError("no right"), rewritten_),
              Fails(absl::StatusCode::kDataLoss, "LOG_REWRITTEN"));
  EXPECT_EQ(Ask(absl::PermissionDeniedError("no right"), absl::OkStatus()).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(CallAndKeepTest, WhatARewrittenLogAnsweredIsKeptAsEvidence) {
  caller_.keep = absl::StrCat(::testing::TempDir(), "/kept");
  EXPECT_FALSE(Ask(absl::OkStatus(), rewritten_).ok());
  EGOV_ASSERT_OK_AND_ASSIGN(const Kept kept, ReadKept(caller_.keep));
  EXPECT_EQ(kept.windows.size(), 1u);
}

TEST_F(CallAndKeepTest, ALogThatCannotBeAskedNowIsAWarning) {
  EXPECT_THAT(Ask(absl::OkStatus(), absl::UnavailableError("gone")), IsOk());
  EXPECT_THAT(warnings_, ::testing::ElementsAre(::testing::HasSubstr("could not be checked")));
  warnings_.clear();
  EXPECT_THAT(Ask(absl::OkStatus(), absl::OkStatus()), IsOk());
  EXPECT_TRUE(warnings_.empty());
}

}  // namespace
}  // namespace egov::ctl
