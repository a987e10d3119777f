#include "services/identity/tsa/time_guard.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

class FakeMachine final : public MachineClock {
 public:
  Reading Read() override { return {wall, boot}; }
  absl::StatusOr<absl::Duration> KernelError() override { return kernel; }
  void Pass(absl::Duration time) { wall += time, boot += time; }

  absl::Time wall = absl::FromUnixSeconds(1800000000);
  absl::Duration boot = absl::Hours(1);
  absl::StatusOr<absl::Duration> kernel = absl::Milliseconds(1);
};

class TimeGuardTest : public ::testing::Test {
 protected:
  std::unique_ptr<TimeGuard> Open(bool kernel = false) {
    TimeGuard::Options options;
    options.kernel = kernel;
    options.state = folder_ + "/state";
    return *TimeGuard::Open(options, machine_);
  }
  const std::string folder_ = TemporaryFolder();
  FakeMachine machine_;
};

TEST_F(TimeGuardTest, EachMomentIsLaterThanTheOneBefore) {
  auto guard = Open();
  absl::Time last = *guard->NextTime();
  EXPECT_EQ(last, machine_.wall);
  for (int i = 0; i < 100; ++i) {
    const absl::Time next = *guard->NextTime();
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST_F(TimeGuardTest, ASteeredClockIsNoStep) {
  auto guard = Open();
  for (int i = 0; i < 100; ++i) {
    machine_.Pass(absl::Seconds(10));
    machine_.wall += absl::Milliseconds(5);  // 500 ppm
    EXPECT_THAT(guard->NextTime(), IsOk());
  }
}

TEST_F(TimeGuardTest, AClockThatWasSetGrantsNothingUntilARestart) {
  for (const absl::Duration step : {absl::Hours(1), -absl::Hours(1), absl::Milliseconds(300)}) {
    machine_ = FakeMachine();
    (void)!remove((folder_ + "/state").c_str());
    auto guard = Open();
    ASSERT_THAT(guard->NextTime(), IsOk());
    machine_.Pass(absl::Seconds(1));
    machine_.wall += step;
    EXPECT_THAT(guard->NextTime(), Fails(kUnavailable, "CLOCK_STEPPED"));
    machine_.wall -= step;  // put back: still nobody knows which stamps were right
    EXPECT_THAT(guard->NextTime(), Fails(kUnavailable, "CLOCK_STEPPED"));
    EXPECT_THAT(guard->Check(), Fails(kUnavailable, "CLOCK_STEPPED"));
    machine_.Pass(absl::Hours(2));
    EXPECT_THAT(Open()->NextTime(), IsOk());
  }
}

TEST_F(TimeGuardTest, AfterARestartNoStampLiesBeforeOneGivenEarlier) {
  absl::Time last;
  {
    auto guard = Open();
    machine_.Pass(absl::Seconds(30));
    last = *guard->NextTime();
  }
  machine_.wall -= absl::Seconds(10);
  auto guard = Open();
  EXPECT_THAT(guard->NextTime(), Fails(kUnavailable, "CLOCK_BEHIND_LAST_STAMP"));
  machine_.Pass(absl::Seconds(13));
  const auto next = guard->NextTime();
  ASSERT_THAT(next, IsOk());
  EXPECT_GT(*next, last);
}

TEST_F(TimeGuardTest, SerialsAreNeverGivenTwice) {
  std::set<uint64_t> serials;
  for (int start = 0; start < 3; ++start) {
    auto guard = Open();
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(serials.insert(*guard->NextSerial()).second);
  }
}

TEST_F(TimeGuardTest, TheKernelMustVouchWhenItIsAskedTo) {
  auto guard = Open(/*kernel=*/true);
  EXPECT_THAT(guard->NextTime(), IsOk());
  machine_.kernel = absl::Seconds(2);  // worse than the stated second
  machine_.Pass(absl::Seconds(2));
  EXPECT_THAT(guard->NextTime(), Fails(kUnavailable, "CLOCK_NOT_SYNCHRONISED"));
  machine_.kernel = absl::Milliseconds(2);
  machine_.Pass(absl::Seconds(2));
  EXPECT_THAT(guard->NextTime(), IsOk());
  machine_.kernel = base::Error(kUnavailable, "CLOCK_NOT_SYNCHRONISED", "no").status();
  machine_.Pass(absl::Seconds(2));
  EXPECT_THAT(guard->NextTime(), Fails(kUnavailable, "CLOCK_NOT_SYNCHRONISED"));
}

TEST_F(TimeGuardTest, AStateThatCannotBeUnderstoodStopsTheStart) {
  ASSERT_THAT(Open()->NextTime(), IsOk());
  std::string line = *ReadFile(folder_ + "/state");
  line[12] ^= 1;
  ASSERT_THAT(WriteFile(folder_ + "/state", line), IsOk());
  TimeGuard::Options options;
  options.state = folder_ + "/state";
  EXPECT_THAT(TimeGuard::Open(options, machine_), Fails(absl::StatusCode::kDataLoss, "BAD_STATE"));
}

TEST_F(TimeGuardTest, WithoutItsDiskNothingIsGranted) {
  TimeGuard::Options options;
  options.state = folder_ + "/absent/state";
  auto guard = *TimeGuard::Open(options, machine_);
  EXPECT_FALSE(guard->NextTime().ok());
  EXPECT_FALSE(guard->NextSerial().ok());
}

}  // namespace
}  // namespace egov::identity
