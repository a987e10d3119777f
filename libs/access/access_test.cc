#include "libs/access/access.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::access {
namespace {

namespace v1 = egov::access::v1;
using base::Fails;
using base::IsOk;
using ::testing::ElementsAre;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

constexpr char kOfficer[] = "spiffe://ee/GOV/70000310/officers";
constexpr char kOther[] = "spiffe://ee/GOV/70000311/officers";
constexpr char kBoard[] = "spiffe://ee/GOV/70000310/pensions";
constexpr char kService[] = "egov.population.v1.PopulationService";
constexpr char kEvidence[] = "egov.evidence.v1.EvidenceService";

absl::TimeZone Tallinn() {
  absl::TimeZone zone = absl::FixedTimeZone(2 * 60 * 60);
  return zone;
}
absl::Time At(int month, int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute), Tallinn());
}

AccessOptions Options() {
  AccessOptions options;
  options.instance = "ee";
  options.first_officer = kOfficer;
  options.time_zone = Tallinn();
  options.methods = {{kService, "GetPerson", {"p.name", "p.birth", "p.residence"}},
                     {kService, "VerifyVitalStatus", {"p.status"}},
                     {kEvidence, "audit", {}}};
  return options;
}

v1::Right BoardRight() {
  v1::Right right;
  right.set_subsystem(kBoard);
  right.set_service(kService);
  right.set_method("GetPerson");
  right.set_purpose("pension");
  right.add_items("p.name");
  right.add_items("p.birth");
  right.mutable_valid_from()->set_year(2026);
  right.mutable_valid_from()->set_month(11);
  right.mutable_valid_from()->set_day(10);
  return right;
}

// A store with its access, opened again at will.
class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open();
    ASSERT_THAT(opened_, IsOk());
  }
  void TearDown() override { Close(); }

  void Open(AccessOptions options = Options()) {
    storage::RocksDbOptions store_options;
    store_options.directory = directory_.path();
    store_options.sync = false;
    store_options.reserve_bytes = store_options.last_reserve_bytes = 0;
    EGOV_ASSERT_OK_AND_ASSIGN(store_, storage::OpenRocksDb(store_options));
    auto opened = Access::Open(store_.get(), std::move(options));
    opened_ = opened.status();
    if (opened.ok()) access_ = *std::move(opened);
  }
  void Close() {
    store_.reset();
    access_.reset();
  }

  absl::Status Do(absl::FunctionRef<absl::Status(storage::Transaction&)> body) {
    return store_->Run(body).status();
  }
  absl::Status Grants(const v1::Right& right, const char* id) {
    return Do([&](storage::Transaction& t) { return access_->GrantRight(t, right, id).status(); });
  }
  absl::Status Revokes(const char* id) {
    return Do([&](storage::Transaction& t) { return access_->RevokeRight(t, id); });
  }

  static Asked Question(const std::vector<std::string>& items, const char* purpose = "pension",
                        absl::Time now = At(11, 23, 12)) {
    return {kBoard, kService, "GetPerson", purpose, items, now};
  }
  absl::StatusOr<Grant> Authorize(const Asked& asked) {
    auto transaction = store_->Begin();
    return access_->Authorize(*transaction, asked);
  }
  // A commit that has an entry, as every call does.
  absl::Status CommitRecord(std::unique_ptr<storage::Transaction> transaction) {
    transaction->Append(std::make_unique<storage::Entry>());
    return store_->CommitAndWait(std::move(transaction)).status();
  }

  storage::TemporaryDirectory directory_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Access> access_;
  absl::Status opened_;
  const std::vector<std::string> name_{"p.name"};
};

TEST_F(AccessTest, NobodyMayAnythingWithoutARight) {
  EXPECT_THAT(access_->MayKnock(kBoard, kService, "GetPerson"), Fails(kDenied, "NO_RIGHT"));
  EXPECT_THAT(Authorize(Question(name_)), Fails(kDenied, "NO_RIGHT"));
}

TEST_F(AccessTest, ARightHoldsForItsCallerMethodPurposeAndItemsExactly) {
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  EXPECT_THAT(access_->MayKnock(kBoard, kService, "GetPerson"), IsOk());
  EXPECT_THAT(access_->MayKnock(kBoard, kService, "VerifyVitalStatus"), Fails(kDenied, "NO_RIGHT"));
  EXPECT_THAT(access_->MayKnock("spiffe://ee/GOV/70000310/other", kService, "GetPerson"),
              Fails(kDenied, "NO_RIGHT"));
  EGOV_ASSERT_OK_AND_ASSIGN(const Grant grant, Authorize(Question(name_)));
  EXPECT_EQ(grant.right_id, "r1");
  EXPECT_THAT(Authorize(Question({})), IsOk());
  EXPECT_THAT(Authorize(Question({"p.birth", "p.name"})), IsOk());
  EXPECT_THAT(Authorize(Question({"p.name", "p.birth"})), IsOk());
  EXPECT_THAT(Authorize(Question({"p.name", "p.residence"})),
              Fails(kDenied, "ITEM_NOT_ALLOWED", "items"));
  EXPECT_THAT(Authorize(Question({"p.nam"})), Fails(kDenied, "ITEM_NOT_ALLOWED", "items"));
  EXPECT_THAT(Authorize(Question(name_, "Pension")), Fails(kDenied, "PURPOSE_NOT_ALLOWED"));
}

TEST_F(AccessTest, RightsAreNeverPutTogether) {
  v1::Right other = BoardRight();
  other.clear_items();
  other.add_items("p.residence");
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  ASSERT_THAT(Grants(other, "r2"), IsOk());
  EXPECT_THAT(Authorize(Question({"p.residence"})), IsOk());
  EXPECT_THAT(Authorize(Question({"p.name", "p.residence"})), Fails(kDenied, "ITEM_NOT_ALLOWED"));
}

TEST_F(AccessTest, DaysAreCivilDaysOfTheInstance) {
  v1::Right right = BoardRight();
  right.mutable_valid_to()->set_year(2026);
  right.mutable_valid_to()->set_month(11);
  right.mutable_valid_to()->set_day(20);
  ASSERT_THAT(Grants(right, "r1"), IsOk());
  const auto at = [&](absl::Time now) { return Authorize(Question(name_, "pension", now)); };
  EXPECT_THAT(at(At(11, 9, 23, 59)), Fails(kDenied, "RIGHT_NOT_IN_FORCE"));
  EXPECT_THAT(at(At(11, 10, 0)), IsOk());  // still the day before in UTC
  EXPECT_THAT(at(At(11, 20, 23, 59)), IsOk());
  EXPECT_THAT(at(At(11, 21, 0)), Fails(kDenied, "RIGHT_NOT_IN_FORCE"));
}

TEST_F(AccessTest, AWithdrawnRightStopsTheNextCallAndOthersStay) {
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  v1::Right other = BoardRight();
  other.set_purpose("audit");
  ASSERT_THAT(Grants(other, "r2"), IsOk());
  ASSERT_THAT(Revokes("r1"), IsOk());
  EXPECT_THAT(Authorize(Question(name_)), Fails(kDenied, "PURPOSE_NOT_ALLOWED"));
  EXPECT_THAT(Authorize(Question(name_, "audit")), IsOk());
  EXPECT_THAT(Revokes("r1"), Fails(absl::StatusCode::kNotFound, "UNKNOWN_RIGHT", "id"));
  ASSERT_THAT(Revokes("r2"), IsOk());
  EXPECT_THAT(access_->MayKnock(kBoard, kService, "GetPerson"), Fails(kDenied, "NO_RIGHT"));
}

TEST_F(AccessTest, ACallInFlightWhenItsRightIsWithdrawnDoesNotCommit) {
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  auto transaction = store_->Begin();
  ASSERT_THAT(access_->Authorize(*transaction, Question(name_)), IsOk());
  ASSERT_THAT(Revokes("r1"), IsOk());
  EXPECT_TRUE(storage::IsConflict(CommitRecord(std::move(transaction))));
}

TEST_F(AccessTest, AfterARevocationWasAcknowledgedNothingCommitsUnderIt) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
    std::atomic<bool> revoked{false}, stop{false};
    std::atomic<int> late{0}, done{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 2; ++i) {
      callers.emplace_back([&] {
        while (!stop) {
          auto transaction = store_->Begin();
          const bool may = access_->Authorize(*transaction, Question(name_)).ok();
          // Begun to commit after the acknowledgement: must fail.
          const bool after = revoked;
          if (may && CommitRecord(std::move(transaction)).ok()) {
            ++done;
            if (after) ++late;
          }
        }
      });
    }
    while (done < 3) std::this_thread::yield();
    ASSERT_THAT(Revokes("r1"), IsOk());
    revoked = true;
    while (Authorize(Question(name_)).ok()) {
      stop = true;
      ADD_FAILURE() << "authorised after the revocation";
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop = true;
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(late, 0);
  }
}

TEST_F(AccessTest, RightsAndOfficersAreThereAfterARestart) {
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  ASSERT_THAT(Do([&](auto& t) { return access_->AppointOfficer(t, kOther); }), IsOk());
  Close();
  Open();
  ASSERT_THAT(opened_, IsOk());
  EXPECT_THAT(Authorize(Question(name_)), IsOk());
  auto transaction = store_->Begin();
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOfficer), IsOk());
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOther), IsOk());
}

TEST_F(AccessTest, AnotherConfigurationNamesNoOtherFirstOfficer) {
  Close();
  AccessOptions other = Options();
  other.first_officer = kOther;
  Open(other);
  EXPECT_THAT(opened_, Fails(absl::StatusCode::kFailedPrecondition, "FIRST_OFFICER_CHANGED",
                             "register.first_officer"));
  Close();
  Open();
  ASSERT_THAT(opened_, IsOk());
  auto transaction = store_->Begin();
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOfficer), IsOk());
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOther), Fails(kDenied, "NOT_AN_OFFICER"));
}

TEST_F(AccessTest, AFirstOfficerWhoWasDismissedStaysDismissedAndIsStillTheFirst) {
  ASSERT_THAT(Do([&](auto& t) { return access_->AppointOfficer(t, kOther); }), IsOk());
  ASSERT_THAT(Do([&](auto& t) { return access_->DismissOfficer(t, kOfficer); }), IsOk());
  Close();
  AccessOptions other = Options();
  other.first_officer = kOther;
  Open(other);
  EXPECT_THAT(opened_, Fails(absl::StatusCode::kFailedPrecondition, "FIRST_OFFICER_CHANGED",
                             "register.first_officer"));
  Close();
  Open();
  ASSERT_THAT(opened_, IsOk());
  auto transaction = store_->Begin();
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOfficer), Fails(kDenied, "NOT_AN_OFFICER"));
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOther), IsOk());
}

TEST_F(AccessTest, TheFirstOfficerIsWrittenOnceAndLeavesNoEntryInTheLog) {
  EXPECT_EQ(store_->horizon(), 0u);  // so that the log's first record is still to be stated
  Close();
  Open();
  ASSERT_THAT(opened_, IsOk());
  EXPECT_EQ(store_->Statistics().commits, 0u);
}

TEST_F(AccessTest, OfficersKnockAnywhereAndHaveNoRights) {
  EXPECT_THAT(access_->MayKnock(kOfficer, "egov.access.v1.AccessService", "GrantRight"), IsOk());
  Asked asked = Question(name_);
  asked.caller = kOfficer;
  EXPECT_THAT(Authorize(asked), Fails(kDenied, "NO_RIGHT"));
  auto transaction = store_->Begin();
  EXPECT_THAT(access_->RequireOfficer(*transaction, kBoard), Fails(kDenied, "NOT_AN_OFFICER"));
}

TEST_F(AccessTest, ADismissedOfficerIsNoneAndTheLastStays) {
  const auto dismiss = [&](const char* uri) {
    return Do([&](auto& t) { return access_->DismissOfficer(t, uri); });
  };
  EXPECT_THAT(dismiss(kOfficer), Fails(absl::StatusCode::kFailedPrecondition, "LAST_OFFICER"));
  EXPECT_THAT(dismiss(kOther), Fails(absl::StatusCode::kNotFound, "UNKNOWN_OFFICER"));
  ASSERT_THAT(Do([&](auto& t) { return access_->AppointOfficer(t, kOther); }), IsOk());
  ASSERT_THAT(dismiss(kOfficer), IsOk());
  auto transaction = store_->Begin();
  EXPECT_THAT(access_->RequireOfficer(*transaction, kOfficer), Fails(kDenied, "NOT_AN_OFFICER"));
  EXPECT_THAT(dismiss(kOther), Fails(absl::StatusCode::kFailedPrecondition, "LAST_OFFICER"));
}

TEST_F(AccessTest, TwoOfficersCannotDismissEachOtherAtOnce) {
  ASSERT_THAT(Do([&](auto& t) { return access_->AppointOfficer(t, kOther); }), IsOk());
  auto one = store_->Begin(), two = store_->Begin();
  ASSERT_THAT(access_->DismissOfficer(*one, kOther), IsOk());
  ASSERT_THAT(access_->DismissOfficer(*two, kOfficer), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(one)), IsOk());
  EXPECT_TRUE(storage::IsConflict(store_->CommitAndWait(std::move(two)).status()));
}

TEST_F(AccessTest, AnOfficerIsASubsystemOfficersOfThisInstance) {
  for (const char* uri : {kBoard, "spiffe://fi/GOV/1/officers", "officers", ""}) {
    EXPECT_THAT(Do([&](auto& t) { return access_->AppointOfficer(t, uri); }),
                Fails(kInvalid, "BAD_OFFICER", "officer"));
  }
}

TEST_F(AccessTest, BadRightsAreRefusedWithTheirField) {
  const auto with = [&](void (*change)(v1::Right*)) {
    v1::Right right = BoardRight();
    change(&right);
    return Grants(right, "r1");
  };
  EXPECT_THAT(with([](v1::Right* r) { r->set_subsystem("spiffe://fi/GOV/1/x"); }),
              Fails(kInvalid, "BAD_SUBSYSTEM", "subsystem"));
  EXPECT_THAT(with([](v1::Right* r) { r->set_subsystem("spiffe://ee/GOV/1"); }),
              Fails(kInvalid, "BAD_SUBSYSTEM", "subsystem"));
  EXPECT_THAT(with([](v1::Right* r) { r->set_service("x.Y"); }),
              Fails(kInvalid, "UNKNOWN_METHOD", "service"));
  EXPECT_THAT(with([](v1::Right* r) { r->set_method("audit"); }),
              Fails(kInvalid, "UNKNOWN_METHOD", "method"));
  EXPECT_THAT(with([](v1::Right* r) { r->add_items("p.status"); }),
              Fails(kInvalid, "UNKNOWN_ITEM", "items[2]"));
  EXPECT_THAT(with([](v1::Right* r) { r->clear_purpose(); }),
              Fails(kInvalid, "MISSING_FIELD", "purpose"));
  EXPECT_THAT(with([](v1::Right* r) { r->clear_valid_from(); }),
              Fails(kInvalid, "BAD_PERIOD", "valid_from"));
  EXPECT_THAT(with([](v1::Right* r) { r->mutable_valid_from()->set_day(31); }),
              Fails(kInvalid, "BAD_PERIOD", "valid_from"));
  EXPECT_THAT(with([](v1::Right* r) { r->mutable_valid_from()->set_year(4294967295u); }),
              Fails(kInvalid, "BAD_PERIOD", "valid_from"));
  EXPECT_THAT(with([](v1::Right* r) {
                *r->mutable_valid_to() = r->valid_from();
                r->mutable_valid_to()->set_day(9);
              }),
              Fails(kInvalid, "BAD_PERIOD", "valid_to"));
  EXPECT_THAT(Authorize(Question(name_)), Fails(kDenied, "NO_RIGHT"));
}

TEST_F(AccessTest, AuditIsARightWithoutItems) {
  v1::Right right = BoardRight();
  right.set_service(kEvidence);
  right.set_method("audit");
  right.clear_items();
  ASSERT_THAT(Grants(right, "r1"), IsOk());
  EXPECT_THAT(access_->MayKnock(kBoard, kEvidence, "audit"), IsOk());
  EXPECT_THAT(Authorize({kBoard, kEvidence, "audit", "pension", {}, At(11, 23, 12)}), IsOk());
  right.add_items("p.name");
  EXPECT_THAT(Grants(right, "r2"), Fails(kInvalid, "UNKNOWN_ITEM", "items[0]"));
}

TEST_F(AccessTest, ListsRightsOfOneOrAll) {
  ASSERT_THAT(Grants(BoardRight(), "r1"), IsOk());
  v1::Right other = BoardRight();
  other.set_subsystem("spiffe://ee/GOV/1/x");
  ASSERT_THAT(Grants(other, "r2"), IsOk());
  auto transaction = store_->Begin();
  EGOV_ASSERT_OK_AND_ASSIGN(const auto all, access_->ListRights(*transaction, ""));
  EXPECT_EQ(all.rights_size(), 2);
  EXPECT_THAT(all.officers(), ElementsAre(kOfficer));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto board, access_->ListRights(*transaction, kBoard));
  ASSERT_EQ(board.rights_size(), 1);
  EXPECT_EQ(board.rights(0).id(), "r1");
  EXPECT_THAT(board.rights(0).items(), ElementsAre("p.birth", "p.name"));
}

// Quotas.
class QuotaTest : public AccessTest {
 protected:
  Grant GrantWith(uint64_t calls, uint64_t codes) {
    v1::Right right = BoardRight();
    right.set_calls_per_day(calls);
    right.set_codes_per_day(codes);
    EXPECT_THAT(Grants(right, "r1"), IsOk());
    return *Authorize(Question(name_));
  }
  absl::Status Record() { return CommitRecord(store_->Begin()); }
  base::ManualClock clock_{At(11, 23, 22)};
};

TEST_F(QuotaTest, CallsAreCountedExactlyAndComeBackAtTheCivilMidnight) {
  const Grant grant = GrantWith(2, 0);
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  const absl::Status refused = access_->Spend(grant, 1, clock_.Now());
  EXPECT_THAT(refused, Fails(kExhausted, "CALL_QUOTA"));
  EXPECT_EQ(base::DetailOf(refused)->retry_after, absl::Hours(2));
  clock_.Advance(absl::Hours(2) - absl::Microseconds(1));
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), Fails(kExhausted, "CALL_QUOTA"));
  clock_.Advance(absl::Microseconds(1));
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
}

TEST_F(QuotaTest, ARefusedCallSpendsNothing) {
  const Grant grant = GrantWith(0, 10);
  EXPECT_THAT(access_->Spend(grant, 9, clock_.Now()), IsOk());
  EXPECT_THAT(access_->Spend(grant, 2, clock_.Now()), Fails(kExhausted, "CODE_QUOTA"));
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  EXPECT_THAT(access_->Spend(grant, 0, clock_.Now()), IsOk());
}

TEST_F(QuotaTest, MoreThanADaysCodesAtOnceIsNoMatterOfWaiting) {
  const Grant grant = GrantWith(0, 10);
  const absl::Status refused = access_->Spend(grant, 11, clock_.Now());
  EXPECT_THAT(refused, Fails(kExhausted, "CODE_QUOTA"));
  EXPECT_EQ(base::DetailOf(refused)->retry_after, absl::ZeroDuration());
  EXPECT_THAT(access_->Spend(grant, ~uint64_t{0}, clock_.Now()), Fails(kExhausted, "CODE_QUOTA"));
}

TEST_F(QuotaTest, AClockThatStepsBackGivesNoSecondDay) {
  const Grant grant = GrantWith(1, 0);
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  clock_.Advance(-absl::Hours(24));
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), Fails(kExhausted, "CALL_QUOTA"));
}

TEST_F(QuotaTest, ManyAtOnceGetExactlyTheQuota) {
  const Grant grant = GrantWith(5000, 0);
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        if (access_->Spend(grant, 1, clock_.Now()).ok()) ++allowed;
        if (n % 200 == 0) {
          EXPECT_THAT(Record(), IsOk());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(allowed, 5000);
}

TEST_F(QuotaTest, WhatWasSpentBeforeACommitIsSpentAfterARestart) {
  {
    const Grant grant = GrantWith(3, 0);
    ASSERT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
    ASSERT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
    ASSERT_THAT(Record(), IsOk());
  }
  Close();
  Open();
  const Grant grant = *Authorize(Question(name_));
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  EXPECT_THAT(access_->Spend(grant, 1, clock_.Now()), Fails(kExhausted, "CALL_QUOTA"));
}

TEST_F(QuotaTest, AfterAKillNoAcknowledgedCallIsForgotten) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer knows no threads after a fork";
#endif
  GrantWith(1000, 0);
  Close();
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    Open();
    const Grant grant = *Authorize(Question(name_));
    for (int i = 0; i < 100; ++i) {
      if (!access_->Spend(grant, 1, clock_.Now()).ok() || !Record().ok()) _exit(2);
      if (write(pipe_ends[1], "x", 1) != 1) _exit(3);
    }
    kill(getpid(), SIGKILL);
  }
  close(pipe_ends[1]);
  int acknowledged = 0;
  char byte;
  while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(acknowledged, 100);
  Open();
  const Grant grant = *Authorize(Question(name_));
  int left = 0;
  while (access_->Spend(grant, 1, clock_.Now()).ok()) ++left;
  EXPECT_EQ(left, 900);
}

TEST_F(QuotaTest, TheCounterOfAWithdrawnRightGoesWithIt) {
  const Grant grant = GrantWith(3, 0);
  ASSERT_THAT(access_->Spend(grant, 1, clock_.Now()), IsOk());
  ASSERT_THAT(Record(), IsOk());
  const auto counters = [&] {
    int rows = 0;
    EXPECT_THAT((*store_->Snapshot())
                    ->Scan(absl::string_view("\x00\x23", 2), absl::string_view("\x00\x24", 2),
                           [&](absl::string_view, absl::string_view) { return ++rows; }),
                IsOk());
    return rows;
  };
  EXPECT_EQ(counters(), 1);
  ASSERT_THAT(Revokes("r1"), IsOk());
  ASSERT_THAT(Record(), IsOk());
  EXPECT_EQ(counters(), 0);
}

}  // namespace
}  // namespace egov::access
