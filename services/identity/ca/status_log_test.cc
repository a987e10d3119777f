#include "services/identity/ca/status_log.h"

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace egov::identity {
namespace {

ca::WatchStatusRequest After(const ca::StatusChanges& changes, uint32_t wait_ms = 0) {
  ca::WatchStatusRequest request;
  request.set_epoch(changes.epoch());
  request.set_cursor(changes.cursor());
  request.set_wait_ms(wait_ms);
  return request;
}

TEST(StatusLogTest, TellsEverythingInOrderAndThenWhatIsNew) {
  StatusLog log;
  log.Append(0, "abc", absl::nullopt);
  log.Append(2, "41", absl::nullopt);
  const auto first = log.Watch({});
  ASSERT_EQ(first.changes_size(), 2);
  EXPECT_EQ(first.changes(0).serial(), "\x0a\xbc");
  EXPECT_EQ(first.changes(0).revoked_us(), 0);
  EXPECT_EQ(first.changes(1).authority(), 2u);
  EXPECT_FALSE(first.more());
  EXPECT_EQ(log.Watch(After(first)).changes_size(), 0);
  log.Append(0, "abc",
             pki::RevokedCertificate{"abc", absl::FromUnixMicros(1234567),
                                     pki::RevocationReason::kKeyCompromise});
  const auto next = log.Watch(After(first));
  ASSERT_EQ(next.changes_size(), 1);
  EXPECT_EQ(next.changes(0).revoked_us(), 1234567);
  EXPECT_EQ(next.changes(0).reason(), 1);
}

TEST(StatusLogTest, WaitsForWhatComesNext) {
  StatusLog log;
  const auto none = log.Watch({});
  std::thread later([&] {
    absl::SleepFor(absl::Milliseconds(50));
    log.Append(0, "1", absl::nullopt);
  });
  const absl::Time start = absl::Now();
  EXPECT_EQ(log.Watch(After(none, 1000)).changes_size(), 1);
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(900));
  later.join();
}

TEST(StatusLogTest, ComesInPiecesThatFitAFrame) {
  StatusLog log;
  const pki::RevokedCertificate revoked{"", absl::FromUnixSeconds(1800000000),
                                        pki::RevocationReason::kSuperseded};
  for (size_t i = 0; i < StatusLog::kMost + 1; ++i) log.Append(2, std::string(40, 'f'), revoked);
  const auto first = log.Watch({});
  EXPECT_EQ(first.changes_size(), static_cast<int>(StatusLog::kMost));
  EXPECT_TRUE(first.more());
  EXPECT_LT(first.ByteSizeLong(), size_t{250} * 1024);
  const auto rest = log.Watch(After(first));
  EXPECT_EQ(rest.changes_size(), 1);
  EXPECT_FALSE(rest.more());
}

// A restored journal may tell another story up to the same place.
TEST(StatusLogTest, AnotherRunsPlaceIsTheBeginning) {
  StatusLog before, after;
  before.Append(0, "1", absl::nullopt);
  after.Append(0, "2", absl::nullopt);
  const auto seen = before.Watch({});
  const auto anew = after.Watch(After(seen));
  EXPECT_NE(anew.epoch(), seen.epoch());
  ASSERT_EQ(anew.changes_size(), 1);
  EXPECT_EQ(anew.changes(0).serial(), "\x02");
}

}  // namespace
}  // namespace egov::identity
