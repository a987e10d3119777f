#include "libs/evidence/stamper.h"

#include <future>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/evidence/testing/fixture.h"
#include "libs/proof/stamp.h"

namespace egov::evidence {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using testing::House;
using testing::LogOnDisk;
using testing::TsaServer;

class StamperTest : public ::testing::Test {
 protected:
  StamperTest() : clock_(house_.now), log_(house_, &clock_) {}

  // Grants at the moment that the clock shows, moved by `off`.
  TsaServer::Answer Granting(absl::Duration off = absl::ZeroDuration()) {
    return [this, off](const std::string& request) {
      return house_.TimeStamper(clock_.Now() + off).Respond(request).der;
    };
  }

  std::unique_ptr<Stamper> Start(const std::vector<std::string>& urls,
                                 absl::Duration interval = absl::Hours(1)) {
    StamperOptions options;
    for (const std::string& url : urls) {
      options.authorities.push_back({url, testing::Trust(house_)});
    }
    options.interval = interval;
    options.retry = absl::Milliseconds(20);
    options.timeout = timeout_;
    options.clock = &clock_;
    options.on_passed_over = [this](const std::string&, const absl::Status& why) {
      std::lock_guard<std::mutex> lock(mutex_);
      passed_over_.push_back(base::DetailOf(why) ? base::DetailOf(why)->reason : "");
    };
    return testing::Must(Stamper::Start(&log_.log(), options));
  }

  void Append(int count = 1) {
    for (int i = 0; i < count; ++i) log_.Append(base::RandomBytes(16), "record", "");
  }
  // Long enough for a busy machine; nobody waits so long where all is well.
  static absl::Time Soon() { return absl::Now() + absl::Seconds(60); }

  // A stamp of the newest checkpoint, though the first authority answers with `bad`.
  void ExpectPassedOver(TsaServer::Answer bad, const std::string& reason) {
    Append();
    TsaServer first(std::move(bad)), second(Granting());
    const auto stamper = Start({first.url(), second.url()});
    const auto stamped = stamper->StampNow(log_.log().Newest().size, Soon());
    ASSERT_THAT(stamped, IsOk());
    EXPECT_GE(first.requests(), 1);
    std::lock_guard<std::mutex> lock(mutex_);
    ASSERT_FALSE(passed_over_.empty());
    EXPECT_EQ(passed_over_[0], reason);
    passed_over_.clear();
  }

  House house_;
  base::ManualClock clock_;
  LogOnDisk log_;
  absl::Duration timeout_ = absl::Seconds(30);
  std::mutex mutex_;
  std::vector<std::string> passed_over_;
};

TEST_F(StamperTest, StampsTheOpeningAndThenWhatIsNew) {
  ASSERT_THAT(log_.log().State("opened"), IsOk());
  TsaServer authority(Granting());
  const auto stamper = Start({authority.url()}, absl::Milliseconds(10));
  EGOV_ASSERT_OK_AND_ASSIGN(const Stamped opening, stamper->StampNow(1, Soon()));
  EXPECT_EQ(opening.checkpoint.size, 1);
  EXPECT_THAT(proof::VerifyStamp(opening.time_stamp, opening.checkpoint.note, absl::nullopt,
                                 *testing::Trust(house_)),
              IsOk());
  Append(3);
  const absl::Time end = Soon();
  while (stamper->NewestStamp() == absl::InfinitePast() || authority.requests() < 2) {
    ASSERT_LT(absl::Now(), end);
    absl::SleepFor(absl::Milliseconds(5));
  }
  EGOV_ASSERT_OK_AND_ASSIGN(const Stamped next, stamper->StampNow(4, Soon()));
  EXPECT_EQ(next.checkpoint.size, 4);
  const int requests = authority.requests();
  absl::SleepFor(absl::Milliseconds(60));
  EXPECT_EQ(authority.requests(), requests) << "what did not change is not stamped again";
  EGOV_ASSERT_OK_AND_ASSIGN(const auto kept, log_.log().StampedAtLeast(4));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->time_stamp, next.time_stamp);
}

TEST_F(StamperTest, ManyWhoAskShareAStamp) {
  Append();
  TsaServer authority([this](const std::string& request) {
    absl::SleepFor(absl::Milliseconds(50));
    return Granting()(request);
  });
  const auto stamper = Start({authority.url()});
  ASSERT_THAT(stamper->StampNow(1, Soon()), IsOk());
  Append(40);
  std::vector<std::future<absl::StatusOr<Stamped>>> all;
  for (uint64_t size = 2; size <= 41; ++size) {
    all.push_back(
        std::async(std::launch::async, [&, size] { return stamper->StampNow(size, Soon()); }));
  }
  for (auto& one : all) EXPECT_THAT(one.get(), IsOk());
  EXPECT_LE(authority.requests(), 3);
}

TEST_F(StamperTest, AnAuthorityThatIsAbsentIsPassedOver) {
  std::string gone;
  { gone = TsaServer(Granting()).url(); }
  Append();
  TsaServer second(Granting());
  const auto stamper = Start({gone, second.url()});
  EXPECT_THAT(stamper->StampNow(1, Soon()), IsOk());
}

TEST_F(StamperTest, AnAuthorityThatIsSlowIsPassedOver) {
  timeout_ = absl::Seconds(1);
  ExpectPassedOver(
      [this](const std::string& request) {
        absl::SleepFor(absl::Milliseconds(1500));
        return Granting()(request);
      },
      "TIMED_OUT");
}

TEST_F(StamperTest, AnAuthorityThatAnswersGarbageIsPassedOver) {
  ExpectPassedOver([](const std::string&) { return "garbage"; }, "BAD_TIME_STAMP");
  ExpectPassedOver([](const std::string&) { return std::string(100000, 'x'); }, "BAD_HTTP");
}

TEST_F(StamperTest, AnAuthorityThatRefusesIsPassedOver) {
  ExpectPassedOver([this](const std::string&) { return Granting()("garbage"); },
                   "TIME_STAMP_REFUSED");
}

TEST_F(StamperTest, AnAnswerToAnotherQuestionIsPassedOver) {
  ExpectPassedOver(
      [this](const std::string&) {
        return Granting()(pki::TimeStampRequest::New(pki::Sha256Of("other")).ToDer());
      },
      "WRONG_IMPRINT");
  ExpectPassedOver(
      [this](const std::string&) {
        const auto imprint = pki::Sha256Of(log_.log().Newest().note);
        return Granting()(pki::TimeStampRequest::New(imprint).ToDer());
      },
      "WRONG_NONCE");
}

TEST_F(StamperTest, AnAuthorityThatIsNotTrustedIsPassedOver) {
  const House other;
  ExpectPassedOver(
      [&](const std::string& request) {
        return other.TimeStamper(clock_.Now()).Respond(request).der;
      },
      "UNKNOWN_ISSUER");
}

TEST_F(StamperTest, AnAuthorityOfAnotherTimeIsPassedOver) {
  ExpectPassedOver(Granting(absl::Minutes(5)), "STAMP_OUT_OF_TIME");
  ExpectPassedOver(Granting(-absl::Minutes(5)), "STAMP_OUT_OF_TIME");
}

TEST_F(StamperTest, RecoversByItselfWhenAnAuthorityIsBack) {
  Append();
  std::atomic<bool> back{false};
  TsaServer authority([&](const std::string& request) {
    return back ? Granting()(request) : std::string("out of order");
  });
  const auto stamper = Start({authority.url()});
  EXPECT_THAT(stamper->StampNow(1, Soon()), Fails(StatusCode::kUnavailable, "NO_TIME_STAMP"));
  clock_.Advance(absl::Seconds(90));
  EGOV_ASSERT_OK_AND_ASSIGN(absl::Duration waiting, stamper->WaitingFor());
  EXPECT_EQ(waiting, absl::Seconds(90));
  EXPECT_EQ(stamper->NewestStamp(), absl::InfinitePast());
  back = true;
  const absl::Time end = Soon();
  do {
    ASSERT_LT(absl::Now(), end);
    absl::SleepFor(absl::Milliseconds(5));
    EGOV_ASSERT_OK_AND_ASSIGN(waiting, stamper->WaitingFor());
  } while (waiting != absl::ZeroDuration());
  EXPECT_EQ(stamper->NewestStamp(), clock_.Now());
}

TEST_F(StamperTest, AnIdleLogDoesNotWaitForAStamp) {
  Append();
  TsaServer authority(Granting());
  const auto stamper = Start({authority.url()});
  ASSERT_THAT(stamper->StampNow(1, Soon()), IsOk());
  clock_.Advance(absl::Hours(5));
  EGOV_ASSERT_OK_AND_ASSIGN(absl::Duration waiting, stamper->WaitingFor());
  EXPECT_EQ(waiting, absl::ZeroDuration());
  Append();
  clock_.Advance(absl::Seconds(2));
  EGOV_ASSERT_OK_AND_ASSIGN(waiting, stamper->WaitingFor());
  EXPECT_EQ(waiting, absl::Seconds(2));
}

TEST_F(StamperTest, AskersWaitNoLongerThanTheirDeadline) {
  Append();
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  TsaServer authority([ended](const std::string&) {
    ended.wait_for(std::chrono::seconds(30));
    return "late";
  });
  const auto stamper = Start({authority.url()});
  const absl::Time begin = absl::Now();
  EXPECT_THAT(stamper->StampNow(1, begin + absl::Milliseconds(50)),
              Fails(StatusCode::kDeadlineExceeded, "NO_TIME_STAMP"));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10)) << "it waited for the authority";
  end.set_value();
  EXPECT_THAT(stamper->StampNow(2, Soon()), Fails(StatusCode::kOutOfRange, "NO_SUCH_RECORD"));
}

TEST_F(StamperTest, KnowsItsStampsAfterARestart) {
  Append();
  TsaServer authority(Granting());
  ASSERT_THAT(Start({authority.url()})->StampNow(1, Soon()), IsOk());
  const auto again = Start({authority.url()});
  EXPECT_EQ(again->NewestStamp(), clock_.Now());
  EXPECT_THAT(again->StampNow(1, Soon()), IsOk());
  EXPECT_EQ(authority.requests(), 1);
}

TEST_F(StamperTest, AStampOnDemandTakesAboutOneRoundTrip) {
  TsaServer authority(Granting());
  Append();
  const auto stamper = Start({authority.url()});
  ASSERT_THAT(stamper->StampNow(1, Soon()), IsOk());
  absl::Duration best = absl::InfiniteDuration();
  for (uint64_t size = 2; size < 12; ++size) {
    Append();
    const absl::Time begin = absl::Now();
    ASSERT_THAT(stamper->StampNow(size, Soon()), IsOk());
    best = std::min(best, absl::Now() - begin);
  }
  RecordProperty("best_micros", static_cast<int>(absl::ToInt64Microseconds(best)));
  EXPECT_LT(best, absl::Seconds(1)) << "not the interval, nor anything like it";
}

}  // namespace
}  // namespace egov::evidence
