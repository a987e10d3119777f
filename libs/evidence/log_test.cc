#include "libs/evidence/log.h"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/merkle/merkle.h"
#include "libs/pki/testing/authority.h"
#include "libs/proof/wire.h"
#include "libs/storage/rocksdb/rocksdb_store.h"

namespace egov::evidence {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::exchange::v1::Receipt;
using pki::testing::Must;

constexpr char kOrigin[] = "ee/GOV/70000310/population/log/0";

class LogTest : public testing::Test {
 protected:
  LogTest() : clock_(absl::FromUnixSeconds(1800000000)), key_(Must(pki::PrivateKey::Generate())) {
    std::string name = absl::StrCat(std::getenv("TEST_TMPDIR"), "/log.XXXXXX");
    directory_ = mkdtemp(name.data());
  }
  void SetUp() override { ASSERT_THAT(Reopen(), IsOk()); }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  absl::Status Reopen(absl::string_view origin = kOrigin) {
    store_.reset();
    log_.reset();
    storage::RocksDbOptions options;
    options.directory = directory_ + "/store";
    options.sync = false;
    options.reserve_bytes = options.last_reserve_bytes = 0;
    EGOV_ASSIGN_OR_RETURN(store_, storage::OpenRocksDb(options));
    EGOV_ASSIGN_OR_RETURN(log_, Log::Open(store_.get(), {std::string(origin), key_, &clock_}));
    return absl::OkStatus();
  }

  static std::unique_ptr<LogEntry> Entry(absl::string_view id, absl::string_view record) {
    auto entry = std::make_unique<LogEntry>();
    entry->id = std::string(id);
    entry->record = std::string(record);
    entry->sealed_header = absl::StrCat("sealed ", record);
    return entry;
  }

  absl::StatusOr<std::unique_ptr<LogEntry>> Append(absl::string_view id, absl::string_view record) {
    auto transaction = store_->Begin();
    transaction->Append(Entry(id, record));
    EGOV_ASSIGN_OR_RETURN(auto result, store_->CommitAndWait(std::move(transaction)));
    return std::unique_ptr<LogEntry>(static_cast<LogEntry*>(result.entry.release()));
  }

  // Many at once, so that they share groups.
  void AppendMany(int count) {
    auto all = std::make_shared<std::promise<void>>();
    auto left = std::make_shared<std::atomic<int>>(count);
    for (int i = 0; i < count; ++i) {
      auto transaction = store_->Begin();
      transaction->Append(Entry(base::RandomBytes(16), absl::StrCat("many ", i)));
      store_->Commit(std::move(transaction),
                     [all, left](absl::StatusOr<storage::CommitResult> result) {
                       EXPECT_THAT(result, IsOk());
                       if (--*left == 0) all->set_value();
                     });
    }
    all->get_future().wait();
  }

  static void ExpectProven(const LogEntry& entry, const pki::PublicKey& key) {
    Receipt receipt;
    ASSERT_THAT(proof::ParseStrictly(entry.Receipt(), "R", &receipt), IsOk());
    EGOV_ASSERT_OK_AND_ASSIGN(const proof::Note note, proof::ParseNote(receipt.checkpoint()));
    EXPECT_THAT(proof::VerifyNote(note, key), IsOk());
    EGOV_ASSERT_OK_AND_ASSIGN(const pki::Digest root, proof::RootOfReceipt(receipt, note.size));
    EXPECT_EQ(root, note.root);
    EXPECT_EQ(receipt.index(), entry.position);
    EXPECT_EQ(receipt.record(), entry.record);
  }

  // Changes the store behind the log's back.
  void Tamper(absl::FunctionRef<void(storage::Transaction&)> change) {
    auto transaction = store_->Begin();
    change(*transaction);
    ASSERT_THAT(store_->CommitAndWait(std::move(transaction)), IsOk());
  }

  base::ManualClock clock_;
  pki::PrivateKey key_;
  std::string directory_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<storage::Store> store_;
};

std::string Row(uint16_t table, absl::string_view rest) {
  std::string key;
  base::AppendU16(table, &key);
  return absl::StrCat(key, rest);
}

std::string U64(uint64_t value) {
  std::string out;
  base::AppendU64(value, &out);
  return out;
}

TEST_F(LogTest, EveryRecordOfAGroupGetsAReceiptThatLeadsToASignedCheckpoint) {
  for (int i = 0; i < 5; ++i) {
    EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, Append(base::RandomBytes(16), "record"));
    EXPECT_EQ(entry->position, i);
    ExpectProven(*entry, key_.public_key());
  }
  AppendMany(300);
  for (const uint64_t position : {0, 4, 5, 255, 256, 304}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, log_->At(position));
    ExpectProven(*entry, key_.public_key());
  }
  EXPECT_EQ(log_->Newest().size, 305);
  EXPECT_THAT(log_->At(305), Fails(StatusCode::kNotFound, "NO_SUCH_RECORD"));
}

TEST_F(LogTest, ALostReceiptIsFoundByItsMessageId) {
  const std::string id = base::RandomBytes(16);
  ASSERT_THAT(Append(id, "mine"), IsOk());
  ASSERT_THAT(Append(base::RandomBytes(16), "other"), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, log_->Find(id));
  EXPECT_EQ(entry->record, "mine");
  EXPECT_EQ(entry->sealed_header, "sealed mine");
  EXPECT_EQ(entry->id, id);
  ExpectProven(*entry, key_.public_key());
  EXPECT_THAT(log_->Find(std::string(16, 'x')), Fails(StatusCode::kNotFound, "NO_SUCH_RECORD"));
}

TEST_F(LogTest, AMessageIdIsRecordedOnceWhenTwoTransactionsSawItAbsent) {
  const std::string id = base::RandomBytes(16);
  auto one = store_->Begin(), two = store_->Begin();
  for (auto* transaction : {one.get(), two.get()}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const bool knows, log_->Knows(*transaction, id));
    EXPECT_FALSE(knows);
    transaction->Append(Entry(id, "r"));
  }
  ASSERT_THAT(store_->CommitAndWait(std::move(one)), IsOk());
  const auto second = store_->CommitAndWait(std::move(two));
  EXPECT_TRUE(storage::IsConflict(second.status())) << second.status();
  auto again = store_->Begin();
  EGOV_ASSERT_OK_AND_ASSIGN(const bool knows, log_->Knows(*again, id));
  EXPECT_TRUE(knows);
}

TEST_F(LogTest, AMessageIdIsRecordedOnceInAGroup) {
  // Whether two land in one group is the committer's affair; the hook is asked as it would be.
  const auto entry = Entry(std::string(16, 'i'), "r");
  EXPECT_THAT(log_->Admit(*entry), IsOk());
  EXPECT_THAT(log_->Admit(*entry), Fails(StatusCode::kAlreadyExists, "REPLAYED"));
  log_->AfterGroup(absl::OkStatus());
  EXPECT_THAT(log_->Admit(*entry), IsOk());
}

TEST_F(LogTest, NoEffectWithAPositionGoesWithoutItsRecord) {
  auto transaction = store_->Begin();
  transaction->Append(std::make_unique<storage::Entry>());
  EXPECT_THAT(store_->CommitAndWait(std::move(transaction)),
              Fails(StatusCode::kInternal, "NO_EVIDENCE"));
  EXPECT_THAT(Append("", ""), Fails(StatusCode::kInternal, "NO_EVIDENCE"));
}

TEST_F(LogTest, RecordTimeDoesNotGoBackWithTheClock) {
  EGOV_ASSERT_OK_AND_ASSIGN(const auto before, Append(base::RandomBytes(16), "a"));
  clock_.Advance(-absl::Hours(1));
  EGOV_ASSERT_OK_AND_ASSIGN(auto after, Append(base::RandomBytes(16), "b"));
  EXPECT_EQ(after->recorded_micros, before->recorded_micros);
  ASSERT_THAT(Reopen(), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(after, Append(base::RandomBytes(16), "c"));
  EXPECT_EQ(after->recorded_micros, before->recorded_micros);
  clock_.Advance(absl::Hours(2));
  EGOV_ASSERT_OK_AND_ASSIGN(after, Append(base::RandomBytes(16), "d"));
  EXPECT_EQ(after->recorded_micros, absl::ToUnixMicros(clock_.Now()));
}

TEST_F(LogTest, GoesOnAfterARestartWithTheSameTree) {
  std::vector<Checkpoint> seen;
  for (const int more : {1, 254, 1, 1, 300, 213}) {
    AppendMany(more);
    const Checkpoint before = log_->Newest();
    ASSERT_THAT(Reopen(), IsOk());
    const Checkpoint after = log_->Newest();
    EXPECT_EQ(after.note, before.note);
    EXPECT_EQ(after.root, before.root);
    seen.push_back(after);
  }
  for (size_t i = 1; i < seen.size(); ++i) {
    EGOV_ASSERT_OK_AND_ASSIGN(const auto path, log_->Consistency(seen[i - 1].size, seen[i].size));
    EXPECT_THAT(merkle::VerifyConsistency(seen[i - 1].size, seen[i - 1].root, seen[i].size,
                                          seen[i].root, path),
                IsOk());
  }
}

TEST_F(LogTest, DoesNotOpenOnRowsThatLeadToAnotherRoot) {
  AppendMany(10);
  std::string row;
  {
    EGOV_ASSERT_OK_AND_ASSIGN(const auto snapshot, store_->Snapshot());
    EGOV_ASSERT_OK_AND_ASSIGN(const bool found, snapshot->Get(Row(0x0010, U64(3)), &row));
    ASSERT_TRUE(found);
  }
  std::string changed = row;
  changed[14] ^= 1;  // in the record: the sealed header is bound by the record alone
  Tamper([&](storage::Transaction& t) { t.Put(Row(0x0010, U64(3)), changed); });
  EXPECT_THAT(Reopen(), Fails(StatusCode::kDataLoss, "LOG_DAMAGED"));
}

TEST_F(LogTest, DoesNotOpenWithoutAnEntryOfItsEdge) {
  AppendMany(10);
  Tamper([&](storage::Transaction& t) { t.Delete(Row(0x0010, U64(9))); });
  EXPECT_THAT(Reopen(), Fails(StatusCode::kDataLoss, "LOG_DAMAGED"));
}

TEST_F(LogTest, DoesNotOpenWithoutItsHead) {
  AppendMany(3);
  Tamper([&](storage::Transaction& t) { t.Delete(Row(0x0014, "")); });
  EXPECT_THAT(Reopen(), Fails(StatusCode::kDataLoss, "LOG_DAMAGED"));
}

TEST_F(LogTest, DoesNotOpenUnderAnotherOrigin) {
  AppendMany(1);
  EXPECT_THAT(Reopen("ee/GOV/1/other/log/0"), Fails(StatusCode::kFailedPrecondition, "WRONG_LOG"));
}

TEST_F(LogTest, AClosedLogTakesNoRecordsAndStillAnswers) {
  AppendMany(2);
  log_->Close();
  EXPECT_THAT(Append(base::RandomBytes(16), "late"), Fails(StatusCode::kUnavailable, "LOG_CLOSED"));
  EXPECT_THAT(log_->At(1), IsOk());
  EXPECT_EQ(log_->Newest().size, 2);
}

TEST_F(LogTest, AStatementStandsInTheLogWithoutAnExchange) {
  ASSERT_THAT(log_->State("log 0 opened"), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, log_->At(0));
  EXPECT_TRUE(entry->sealed_header.empty());
  EGOV_ASSERT_OK_AND_ASSIGN(const auto record, proof::OpenRecord(entry->record));
  EXPECT_EQ(record.statement(), "log 0 opened");
  ExpectProven(*entry, key_.public_key());
}

TEST_F(LogTest, ListsInOrderUpToItsEnd) {
  AppendMany(7);
  EGOV_ASSERT_OK_AND_ASSIGN(auto entries, log_->List(2, 3));
  ASSERT_EQ(entries.size(), 3);
  EXPECT_EQ(entries[0]->position, 2);
  EXPECT_EQ(entries[2]->position, 4);
  EGOV_ASSERT_OK_AND_ASSIGN(entries, log_->List(5, 100));
  EXPECT_EQ(entries.size(), 2);
  EGOV_ASSERT_OK_AND_ASSIGN(entries, log_->List(7, 100));
  EXPECT_TRUE(entries.empty());
}

TEST_F(LogTest, TellsHowMuchItKnewAtAMoment) {
  std::vector<int64_t> moments;
  for (int i = 0; i < 9; ++i) {
    EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, Append(base::RandomBytes(16), "r"));
    moments.push_back(entry->recorded_micros);
    if (i % 3 == 2) clock_.Advance(absl::Seconds(1));
  }
  for (size_t i = 0; i < moments.size(); ++i) {
    EGOV_ASSERT_OK_AND_ASSIGN(const uint64_t known, log_->PositionAt(moments[i]));
    EXPECT_EQ(known, i / 3 * 3 + 3);
    EGOV_ASSERT_OK_AND_ASSIGN(const uint64_t before, log_->PositionAt(moments[i] - 1));
    EXPECT_EQ(before, i / 3 * 3);
    EGOV_ASSERT_OK_AND_ASSIGN(const int64_t micros, log_->RecordedMicros(i));
    EXPECT_EQ(micros, moments[i]);
  }
}

TEST_F(LogTest, KeepsCertificatesAndListsUnderTheirDigest) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_THAT(store_->Run([&](storage::Transaction& t) {
      EGOV_RETURN_IF_ERROR(log_->KeepCertificate(t, "certificate"));
      return log_->KeepRevocationList(t, "list");
    }),
                IsOk());
  }
  EGOV_ASSERT_OK_AND_ASSIGN(auto kept, log_->FindKept(pki::Sha256Of("list")));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->kind, Kept::kRevocationList);
  EXPECT_EQ(kept->der, "list");
  EGOV_ASSERT_OK_AND_ASSIGN(kept, log_->FindKept(pki::Sha256Of("certificate")));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->kind, Kept::kCertificate);
  EGOV_ASSERT_OK_AND_ASSIGN(kept, log_->FindKept(pki::Sha256Of("unknown")));
  EXPECT_FALSE(kept);
}

TEST_F(LogTest, FindsTheStampsAroundASize) {
  for (const uint64_t size : {1, 5, 9}) {
    while (log_->Newest().size < size) AppendMany(1);
    ASSERT_THAT(log_->Keep({log_->Newest(), absl::StrCat("stamp ", size), 7}), IsOk());
  }
  const auto size_of = [](const absl::StatusOr<absl::optional<Stamped>>& stamped) -> uint64_t {
    return stamped.ok() && *stamped ? (*stamped)->checkpoint.size : 0;
  };
  EXPECT_EQ(size_of(log_->StampedAtMost(0)), 0);
  EXPECT_EQ(size_of(log_->StampedAtMost(4)), 1);
  EXPECT_EQ(size_of(log_->StampedAtMost(5)), 5);
  EXPECT_EQ(size_of(log_->StampedAtLeast(5)), 5);
  EXPECT_EQ(size_of(log_->StampedAtLeast(6)), 9);
  EXPECT_EQ(size_of(log_->StampedAtLeast(10)), 0);
  EGOV_ASSERT_OK_AND_ASSIGN(const auto between, log_->StampsBetween(1, 9, 10));
  ASSERT_EQ(between.size(), 2);
  EXPECT_EQ(between[1].time_stamp, "stamp 9");
  EXPECT_EQ(between[1].time_micros, 7);
}

}  // namespace
}  // namespace egov::evidence
