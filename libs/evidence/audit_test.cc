#include "libs/evidence/audit.h"

#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/evidence/service.h"
#include "libs/evidence/testing/fixture.h"

namespace egov::evidence {
namespace {

using base::IsOk;
using testing::House;
using testing::LogOnDisk;
using Problems = std::vector<AuditProblem>;

std::string EntryRow(uint64_t position) {
  std::string key;
  base::AppendU16(0x0010, &key);
  base::AppendU64(position, &key);
  return key;
}

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() : clock_(house_.now), disk_(std::make_unique<LogOnDisk>(house_, &clock_)) {
    trust_ = testing::Trust(house_);
  }

  // The log of `disk` as its service would give it.
  AuditSource Source(LogOnDisk& disk, int page = 4) {
    auto service =
        std::make_shared<EvidenceService>(&disk.log(), nullptr, std::vector<pki::Certificate>{});
    Asker auditor;
    auditor.may_audit = true;
    AuditSource source;
    source.list = [=](uint64_t from) {
      evidence::v1::ListEntriesRequest request;
      request.set_origin(proof::testing::kOrigin);
      request.set_from(from);
      request.set_page_size(page);
      return service->ListEntries(request, auditor);
    };
    source.consistency = [=](uint64_t from, uint64_t to) {
      evidence::v1::GetConsistencyRequest request;
      request.set_origin(proof::testing::kOrigin);
      request.set_from_size(from);
      request.set_to_size(to);
      return service->GetConsistency(request, auditor);
    };
    return source;
  }

  AuditReport Audit(LogOnDisk& disk, AuditState* state = nullptr) {
    Auditor::Options options;
    options.origin = proof::testing::kOrigin;
    options.log_keys = {house_.log.key.public_key()};
    options.trust = trust_.get();
    options.certificates =
        [this](const pki::Digest& digest) -> absl::StatusOr<std::vector<pki::Certificate>> {
      if (digest == house_.seal.certificate.fingerprint()) {
        return std::vector<pki::Certificate>{house_.seal.certificate, house_.seal_ca.certificate};
      }
      return std::vector<pki::Certificate>{};
    };
    Auditor auditor(options, Source(disk), state == nullptr ? AuditState() : *state);
    AuditReport report = testing::Must(auditor.Run());
    if (state != nullptr) *state = auditor.state();
    return report;
  }

  static Problems ProblemsOf(const AuditReport& report) {
    Problems problems;
    for (const AuditFinding& finding : report.findings) problems.push_back(finding.problem);
    return problems;
  }

  void Exchanges(LogOnDisk& disk, int count) {
    for (int i = 0; i < count; ++i) disk.AppendExchange(house_, house_.NewHeader());
  }

  static std::string Get(LogOnDisk& disk, uint64_t position) {
    std::string row;
    EXPECT_TRUE(
        testing::Must(testing::Must(disk.store().Snapshot())->Get(EntryRow(position), &row)));
    return row;
  }
  static void Tamper(LogOnDisk& disk, uint64_t position, absl::optional<std::string> row) {
    EXPECT_THAT(disk.store().Run([&](storage::Transaction& transaction) {
      if (row) {
        transaction.Put(EntryRow(position), *row);
      } else {
        transaction.Delete(EntryRow(position));
      }
      return absl::OkStatus();
    }),
                IsOk());
  }

  House house_;
  base::ManualClock clock_;
  std::shared_ptr<const pki::ChainVerifier> trust_;
  std::unique_ptr<LogOnDisk> disk_;
};

TEST_F(AuditTest, AnHonestLogIsFollowedToItsEndAndFurtherNextTime) {
  ASSERT_THAT(disk_->log().State("opened"), IsOk());
  Exchanges(*disk_, 10);
  AuditState state;
  AuditReport report = Audit(*disk_, &state);
  EXPECT_TRUE(report.finished);
  EXPECT_EQ(ProblemsOf(report), Problems{});
  EXPECT_EQ(report.entries, 11);
  EXPECT_EQ(report.statements, 1);
  EXPECT_EQ(report.exchanges, 10);
  EXPECT_EQ(state.tree.size(), 11);
  EXPECT_EQ(state.checkpoint, disk_->log().Newest().note);
  Exchanges(*disk_, 300);
  report = Audit(*disk_, &state);
  EXPECT_EQ(ProblemsOf(report), Problems{});
  EXPECT_EQ(report.entries, 300);
  EXPECT_EQ(state.tree.size(), 311);
  report = Audit(*disk_, &state);
  EXPECT_TRUE(report.finished);
  EXPECT_EQ(report.entries, 0);
}

TEST_F(AuditTest, EachDistinctSealIsVerifiedOnce) {
  std::vector<exchange::v1::Header> headers;
  for (int i = 0; i < 5; ++i) {
    headers.push_back(house_.NewHeader());
    headers.back().set_request(std::string(32, 'q'));
  }
  for (const std::string& sealed : proof::testing::SealBatch(headers, house_.seal.key)) {
    exchange::v1::Record record;
    record.set_request(std::string(pki::AsBytes(pki::Sha256Of(sealed))));
    record.set_response(std::string(32, 'a'));
    record.set_received_micros(1);
    disk_->Append(base::RandomBytes(16), record.SerializeAsString(), sealed);
  }
  const AuditReport report = Audit(*disk_);
  EXPECT_EQ(report.exchanges, 5);
  EXPECT_EQ(report.seals_verified, 1);
  EXPECT_EQ(ProblemsOf(report), Problems{});
}

TEST_F(AuditTest, ADeletedRecordIsNamed) {
  Exchanges(*disk_, 9);
  Tamper(*disk_, 6, absl::nullopt);
  EXPECT_EQ(ProblemsOf(Audit(*disk_)), Problems{AuditProblem::kDeletion});
}

TEST_F(AuditTest, ADeletedRecordIsNamedThoughTheOthersMovedUp) {
  Exchanges(*disk_, 9);
  for (uint64_t i = 3; i < 8; ++i) Tamper(*disk_, i, Get(*disk_, i + 1));
  Tamper(*disk_, 8, absl::nullopt);
  EXPECT_EQ(ProblemsOf(Audit(*disk_)), Problems{AuditProblem::kDeletion});
}

TEST_F(AuditTest, RecordsInEachOthersPlaceAreNamed) {
  Exchanges(*disk_, 9);
  const std::string third = Get(*disk_, 3);
  Tamper(*disk_, 3, Get(*disk_, 7));
  Tamper(*disk_, 7, third);
  const AuditReport report = Audit(*disk_);
  EXPECT_EQ(ProblemsOf(report), Problems{AuditProblem::kReordering});
  EXPECT_EQ(report.findings[0].position, 3);
}

TEST_F(AuditTest, ARecordOfAnEarlierTimeBehindALaterOneIsNamed) {
  Exchanges(*disk_, 4);
  clock_.Advance(absl::Minutes(1));
  Exchanges(*disk_, 4);
  const std::string third = Get(*disk_, 3);
  Tamper(*disk_, 3, Get(*disk_, 4));
  Tamper(*disk_, 4, third);
  EXPECT_EQ(ProblemsOf(Audit(*disk_)),
            (Problems{AuditProblem::kTimeBack, AuditProblem::kReordering}));
}

TEST_F(AuditTest, AChangedRecordIsNamedWithItsPlaceWhenAStampIsNear) {
  Exchanges(*disk_, 3);
  // Any stamp will do to bring the checkpoint along: the auditor goes by the log's signature.
  ASSERT_THAT(disk_->log().Keep({disk_->log().Newest(), "stamp", 1}), IsOk());
  Exchanges(*disk_, 6);
  std::string row = Get(*disk_, 5);
  row[8] = static_cast<char>(row[8] + 1);  // recorded a microsecond later
  Tamper(*disk_, 5, row);
  const AuditReport report = Audit(*disk_);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings.back().problem, AuditProblem::kChangedRecord);
  EXPECT_EQ(report.findings.back().position, 3);
}

TEST_F(AuditTest, ARecordThatDoesNotFitItsQuestionIsNamedByItsPosition) {
  Exchanges(*disk_, 9);
  std::string row = Get(*disk_, 5);
  row.back() ^= 1;  // in the sealed header
  Tamper(*disk_, 5, row);
  const AuditReport report = Audit(*disk_);
  EXPECT_EQ(ProblemsOf(report), Problems{AuditProblem::kChangedRecord});
  EXPECT_EQ(report.findings[0].position, 5);
}

TEST_F(AuditTest, YesterdaysStorePutBackIsNamed) {
  AuditState state;
  Exchanges(*disk_, 9);
  Audit(*disk_, &state);
  LogOnDisk yesterday(house_, &clock_);
  Exchanges(yesterday, 7);
  EXPECT_EQ(ProblemsOf(Audit(yesterday, &state)), Problems{AuditProblem::kRollback});
  LogOnDisk empty(house_, &clock_);
  EXPECT_EQ(ProblemsOf(Audit(empty, &state)), Problems{AuditProblem::kRollback});
}

TEST_F(AuditTest, ACopiedStoreRunTwiceIsNamed) {
  AuditState state;
  LogOnDisk copy(house_, &clock_);
  for (int i = 0; i < 5; ++i) {  // the same past
    const auto entry = disk_->AppendExchange(house_, house_.NewHeader());
    copy.Append(entry->id, entry->record, entry->sealed_header);
  }
  Audit(*disk_, &state);
  AuditState copied = state;
  EXPECT_EQ(ProblemsOf(Audit(copy, &copied)), Problems{});
  Exchanges(*disk_, 2);
  Exchanges(copy, 2);
  Audit(*disk_, &state);
  EXPECT_EQ(ProblemsOf(Audit(copy, &state)), Problems{AuditProblem::kSplitView});  // same size
  Exchanges(copy, 3);
  EXPECT_EQ(ProblemsOf(Audit(copy, &state)), Problems{AuditProblem::kSplitView});  // grown past
}

TEST_F(AuditTest, ASealThatIsNotTheCallersIsNamed) {
  const House other;
  exchange::v1::Header header = house_.NewHeader();
  disk_->AppendExchange(other, header);  // names our certificate, sealed by another key
  header = house_.NewHeader();
  header.set_caller("spiffe://ee/GOV/1/other");
  disk_->AppendExchange(house_, header);
  header = other.NewHeader();  // a certificate that nobody has
  disk_->AppendExchange(other, header);
  const AuditReport report = Audit(*disk_);
  EXPECT_EQ(ProblemsOf(report),
            (Problems{AuditProblem::kBadSeal, AuditProblem::kBadSeal, AuditProblem::kBadSeal}));
  EXPECT_TRUE(report.finished) << "the log itself holds";
}

TEST_F(AuditTest, ARecordedRefusalOfAForeignNameOrWindowIsNoFault) {
  exchange::v1::Header header = house_.NewHeader();
  header.set_caller("spiffe://ee/GOV/1/other");
  exchange::v1::Record refusal;
  refusal.set_code(16);
  refusal.set_reason("WRONG_CALLER");
  disk_->AppendExchange(house_, header, refusal);
  header = house_.NewHeader(3, true);
  header.set_previous(std::string(32, 'p'));
  refusal.set_code(3);
  refusal.set_reason("BAD_WINDOW");
  disk_->AppendExchange(house_, header, refusal);
  const AuditReport report = Audit(*disk_);
  EXPECT_EQ(ProblemsOf(report), Problems{});
  EXPECT_EQ(report.refusals, 2);
}

TEST_F(AuditTest, WindowsAreFollowedAndABrokenChainIsNamed) {
  const auto header = [&](uint64_t window, bool last, const std::string& previous) {
    exchange::v1::Header out = house_.NewHeader(window, last);
    if (window > 0) out.set_previous(std::string(pki::AsBytes(pki::Sha256Of(previous))));
    return out;
  };
  const auto record = [&](uint64_t window, const std::string& previous) {
    exchange::v1::Record out;
    out.set_window(window);
    if (window > 0) out.set_previous(std::string(pki::AsBytes(pki::Sha256Of(previous))));
    return out;
  };
  const auto first = disk_->AppendExchange(house_, header(0, false, ""), record(0, ""));
  Exchanges(*disk_, 1);
  const auto second = disk_->AppendExchange(house_, header(1, false, first->sealed_header),
                                            record(1, first->record));
  disk_->AppendExchange(house_, header(2, true, second->sealed_header), record(2, second->record));
  EXPECT_EQ(ProblemsOf(Audit(*disk_)), Problems{});
  // After one that is not in the log.
  disk_->AppendExchange(house_, header(1, true, "unknown"), record(1, "unknown"));
  EXPECT_EQ(ProblemsOf(Audit(*disk_)), Problems{AuditProblem::kBrokenWindows});
}

TEST_F(AuditTest, ACheckpointOfAnotherKeyIsNamed) {
  House other;
  LogOnDisk forged(other, &clock_);
  Exchanges(forged, 3);
  EXPECT_EQ(ProblemsOf(Audit(forged)), Problems{AuditProblem::kBadCheckpoint});
}

TEST_F(AuditTest, AnEmptyLogIsFine) {
  const AuditReport report = Audit(*disk_);
  EXPECT_TRUE(report.finished);
  EXPECT_EQ(report.entries, 0);
}

}  // namespace
}  // namespace egov::evidence
