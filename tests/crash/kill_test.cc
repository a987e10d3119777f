// kill -9 of the population register at any moment, ten times: it starts again, what was
// acknowledged is there once, what was not is whole or not at all, and the log holds.
//
//   EGOV_CRASH_ROUNDS=N    other than ten kills
//   EGOV_CRASH_SECONDS=S   kill until so much time has passed, instead of counting
//   EGOV_CRASH_SEED=N      the moments of an earlier run
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/population/v1/population_service.pb.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/merkle/frontier.h"
#include "libs/proof/wire.h"
#include "services/population/client/population_client.h"
#include "services/population/testing/builders.h"
#include "tests/house/population_house.h"

namespace egov::tests {
namespace {

using base::IsOk;
using population::testing::Citizen;
using population::testing::CodeNumber;
using population::testing::Date;
using population::testing::Isikukood;
namespace v1 = ::egov::population::v1;

// Births and deaths are of people from 0 on, loads of people from here on.
constexpr uint64_t kFirstLoaded = 1000000;
constexpr uint64_t kWindow = 400;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  uint64_t value = otherwise;
  const char* const text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

enum class Kind { kBirth, kDeath, kLoad };

// One act, as it was sent and may have to be sent again.
struct Act {
  Kind kind = Kind::kBirth;
  uint64_t n = 0;  // the person, or the first of the window
  std::string request_id;
  std::string Line() const { return absl::StrCat(static_cast<int>(kind), " ", n, " ", request_id); }
};

// What the service acknowledged, on disk before anything is built on it: a kill of the service
// cannot take part of it away.
class Journal {
 public:
  explicit Journal(std::string path)
      : path_(std::move(path)), file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~Journal() { close(file_); }

  void Acknowledge(const Act& act) {
    const std::string line = act.Line() + "\n";
    const std::lock_guard<std::mutex> lock(mutex_);
    if (write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        fdatasync(file_) != 0) {
      std::abort();
    }
  }

  std::vector<Act> Read() const {
    std::vector<Act> acts;
    std::ifstream in(path_);
    int kind = 0;
    for (Act act; in >> kind >> act.n >> act.request_id; acts.push_back(act))
      act.kind = static_cast<Kind>(kind);
    return acts;
  }

 private:
  const std::string path_;
  const int file_;
  std::mutex mutex_;
};

// A receipt that a client has accepted.
struct Receipt {
  std::string record;
  int64_t recorded = 0;
};

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    house_.config().set_stamp_interval_seconds(1);
    house_.config().set_cache_mib(32);
    ASSERT_THAT(house_.Start(), IsOk());
    ASSERT_THAT(house_.GrantUsual(), IsOk());
    journal_ = std::make_unique<Journal>(house_.world().directory() + "/acknowledged");
    OpenClients();
  }

  void OpenClients() {
    registrars_ = house_.Member(kRegistrars, "registrars.memory");
    board_ = house_.Member(kBoard, "board.memory");
    auditor_ = house_.Member(kAuditor, "auditor.memory");
    pensions_ = population::MakePopulationClient(board_.get());
  }

  void Keep(const exchange::Exchange& exchange) {
    Receipt kept{exchange.receipt.record(), exchange.receipt.recorded_micros()};
    const absl::StatusOr<proof::Note> note = proof::ParseNote(exchange.receipt.checkpoint());
    ASSERT_THAT(note, IsOk());
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [root, new_root] = roots_.emplace(note->size, note->root);
    EXPECT_TRUE(new_root || root->second == note->root) << "two trees of size " << note->size;
    const auto [at, fresh] = receipts_.emplace(exchange.receipt.index(), std::move(kept));
    EXPECT_TRUE(fresh || at->second.record == exchange.receipt.record())
        << "two records at position " << exchange.receipt.index();
  }

  // Sends an act; the bytes of its answer.
  absl::StatusOr<std::string> Send(const Act& act, absl::Duration timeout) {
    const exchange::Purpose purpose = For("registration");
    if (act.kind == Kind::kLoad) {
      v1::LoadPeopleRequest window;
      window.set_request_id(act.request_id);
      for (uint64_t n = act.n; n < act.n + kWindow; ++n) *window.add_people() = Citizen(n);
      EGOV_ASSIGN_OR_RETURN(const auto stream,
                            registrars_->Open(Method("LoadPeople"), purpose, timeout));
      EGOV_RETURN_IF_ERROR(stream->Send({window.SerializeAsString()}, true));
      EGOV_ASSIGN_OR_RETURN(const exchange::Exchange answer, stream->Receive());
      Keep(answer);
      return answer.response_parts.at(0);
    }
    std::string bytes;
    if (act.kind == Kind::kBirth) {
      v1::RecordBirthRequest birth;
      birth.set_request_id(act.request_id);
      *birth.mutable_person() = Citizen(act.n);
      bytes = birth.SerializeAsString();
    } else {
      v1::RecordDeathRequest death;
      death.set_request_id(act.request_id);
      *death.mutable_identifier() = Isikukood(CodeNumber(act.n));
      *death.mutable_death()->mutable_date() = Date(2020, 5);
      bytes = death.SerializeAsString();
    }
    EGOV_ASSIGN_OR_RETURN(
        const exchange::RawAnswer answer,
        registrars_->CallRaw(Method(act.kind == Kind::kBirth ? "RecordBirth" : "RecordDeath"),
                             purpose, std::move(bytes), timeout));
    Keep(answer.exchange);
    return answer.message;
  }

  // Sends it for the first time. False: the service is gone, and nobody knows what became of it.
  bool Do(const Act& act) {
    const auto answer = Send(act, absl::Seconds(2));
    if (answer.ok()) {
      journal_->Acknowledge(act);
      const std::lock_guard<std::mutex> lock(mutex_);
      answers_[act.request_id] = *answer;
      return true;
    }
    ExpectGone(answer.status());
    const std::lock_guard<std::mutex> lock(mutex_);
    unknown_.push_back(act);
    return false;
  }

  static void ExpectGone(const absl::Status& status) {
    const auto code = status.code();
    EXPECT_TRUE(code == absl::StatusCode::kUnavailable ||
                code == absl::StatusCode::kDeadlineExceeded ||
                code == absl::StatusCode::kCancelled || code == absl::StatusCode::kInternal)
        << status;
  }

  void Register(std::atomic<bool>& stop) {
    while (!stop) {
      const uint64_t n = next_person_++;
      if (!Do({Kind::kBirth, n, base::NewUuid()})) return;
      if (n % 3 == 0 && !Do({Kind::kDeath, n, base::NewUuid()})) return;
    }
  }

  void Load(std::atomic<bool>& stop) {
    while (!stop) {
      if (!Do({Kind::kLoad, next_loaded_.fetch_add(kWindow), base::NewUuid()})) return;
    }
  }

  void Ask(std::atomic<bool>& stop) {
    while (!stop) {
      std::vector<std::string> codes;
      for (uint64_t n = 0; n < 3000; ++n) codes.push_back(CodeNumber(kFirstLoaded + n));
      ++asked_;
      const auto answer = pensions_->VerifyVitalStatus(For("pension-payment", PensionItems()),
                                                       kScheme, codes, absl::Seconds(2));
      if (!answer.ok()) return ExpectGone(answer.status());
      ++answered_;
      bool known = true;
      for (const auto& part : answer->parts) {
        for (const std::string& code : part.unknown()) known = known && code != codes[0];
      }
      told_of_first_ += known;
      for (const exchange::Exchange& window : answer->windows) Keep(window);
    }
  }

  // Works until it is killed, `after` from now.
  void WorkAndKill(absl::Duration after) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { Register(stop); });
    threads.emplace_back([&] { Load(stop); });
    threads.emplace_back([&] { Ask(stop); });
    absl::SleepFor(after);
    house_.Kill();
    stop = true;
    for (std::thread& thread : threads) thread.join();
  }

  // The codes that nobody has, of those given.
  std::set<std::string> Unknown(const std::vector<std::string>& codes) {
    std::set<std::string> unknown;
    ++asked_;
    const auto answer = pensions_->VerifyVitalStatus(For("pension-payment", PensionItems()),
                                                     kScheme, codes, absl::Seconds(30));
    EXPECT_THAT(answer, IsOk());
    if (!answer.ok()) return unknown;
    ++answered_;
    for (const auto& part : answer->parts)
      unknown.insert(part.unknown().begin(), part.unknown().end());
    return unknown;
  }

  // What was not acknowledged happened whole or not at all; sent again it is done, once, and
  // answered again as at first.
  void SettleUnknown() {
    for (const Act& act : std::exchange(unknown_, {})) {
      if (act.kind == Kind::kLoad) {
        std::vector<std::string> codes;
        for (uint64_t n = act.n; n < act.n + kWindow; ++n) codes.push_back(CodeNumber(n));
        const size_t missing = Unknown(codes).size();
        EXPECT_TRUE(missing == 0 || missing == kWindow) << "part of a window: " << missing;
        missing == 0 ? ++happened_ : ++lost_;
      }
      const auto answer = Send(act, absl::Seconds(30));
      ASSERT_THAT(answer, IsOk()) << act.Line();
      journal_->Acknowledge(act);
      answers_[act.request_id] = *answer;
    }
  }

  // Some of what was acknowledged, sent again, is answered as at first.
  void SendSomeAgain(std::mt19937_64& random) {
    const std::vector<Act> acts = journal_->Read();
    for (int i = 0; i < 5 && !acts.empty(); ++i) {
      const Act& act = acts[random() % acts.size()];
      const auto answer = Send(act, absl::Seconds(30));
      ASSERT_THAT(answer, IsOk()) << act.Line();
      EXPECT_EQ(*answer, answers_[act.request_id]);
    }
  }

  // Follows the feed from `cursor` to its end and counts each change.
  void Watch(std::string* cursor, std::map<std::string, int>* changes) {
    v1::WatchChangesRequest request;
    request.set_cursor(*cursor);
    request.set_until_now(true);
    const absl::Status watched =
        pensions_->WatchChanges(For("pension-payment", {"population.change"}), request,
                                absl::Seconds(60), [&](const v1::WatchChangesResponse& part) {
                                  for (const v1::Change& change : part.changes()) {
                                    ++(*changes)[absl::StrCat(static_cast<int>(change.kind()), " ",
                                                              change.person().value())];
                                  }
                                  *cursor = part.next_cursor();
                                  return true;
                                });
    EXPECT_THAT(watched, IsOk());
  }

  static std::string ChangeOf(v1::ChangeKind kind, uint64_t n) {
    return absl::StrCat(static_cast<int>(kind), " ", CodeNumber(n));
  }

  // Everything in the journal is in the register once, and nothing else is.
  void ExpectExactly(const std::map<std::string, int>& changes) {
    std::map<std::string, int> expected;
    for (const Act& act : journal_->Read()) {
      if (act.kind == Kind::kBirth) expected[ChangeOf(v1::CHANGE_KIND_BIRTH, act.n)] = 1;
      if (act.kind == Kind::kDeath) expected[ChangeOf(v1::CHANGE_KIND_DEATH, act.n)] = 1;
      if (act.kind != Kind::kLoad) continue;
      for (uint64_t n = act.n; n < act.n + kWindow; ++n)
        expected[ChangeOf(v1::CHANGE_KIND_LOADED, n)] = 1;
    }
    size_t missing = 0, twice = 0, strange = 0;
    for (const auto& [change, count] : expected) missing += changes.count(change) == 0;
    for (const auto& [change, count] : changes) {
      twice += count != 1;
      strange += expected.count(change) == 0;
    }
    EXPECT_EQ(missing, 0u) << "acknowledged, and not there";
    EXPECT_EQ(twice, 0u);
    EXPECT_EQ(strange, 0u) << "nobody sent that";
  }

  // The log from its beginning holds, and has every receipt that was handed out.
  void ExpectTheLogHolds() {
    merkle::Frontier tree;
    uint64_t proven = 0, checkpoints = 0;
    const auto report = house_.Audit(*auditor_, [&](const egov::evidence::v1::LogEntry& entry) {
      if (entry.index() < tree.size()) return;
      tree.Append(proof::RecordLeaf(entry.recorded_micros(), entry.record()));
      const auto receipt = receipts_.find(entry.index());
      if (receipt != receipts_.end()) {
        EXPECT_EQ(receipt->second.record, entry.record()) << entry.index();
        EXPECT_EQ(receipt->second.recorded, entry.recorded_micros()) << entry.index();
        ++proven;
      }
      const auto root = roots_.find(tree.size());
      if (root != roots_.end()) {
        EXPECT_EQ(root->second, tree.root()) << "the checkpoint of size " << tree.size();
        ++checkpoints;
      }
    });
    ASSERT_THAT(report, IsOk());
    EXPECT_TRUE(report->finished);
    for (const evidence::AuditFinding& finding : report->findings)
      ADD_FAILURE() << evidence::AuditProblemName(finding.problem) << " at " << finding.position
                    << ": " << finding.text;
    EXPECT_EQ(proven, receipts_.size()) << "a receipt's record is not in the log";
    EXPECT_EQ(checkpoints, roots_.size());
    std::cout << "audited " << report->entries << " entries, " << receipts_.size() << " receipts, "
              << roots_.size() << " checkpoints\n";
  }

  // Every answer stands in the usage of those asked about, once; one that was lost on its way may.
  void ExpectUsageOfEveryAnswer() {
    const auto portal = house_.Member(kPortal);
    egov::disclosure::v1::FindUsageRequest request;
    *request.mutable_person() = Isikukood(CodeNumber(kFirstLoaded));
    std::set<std::string> ids;
    uint64_t entries = 0;
    do {
      const auto page = portal->Call<egov::disclosure::v1::FindUsageResponse>(
          "/egov.disclosure.v1.UsageService/FindUsage", For("own-data", {"disclosure.usage"}),
          request);
      ASSERT_THAT(page, IsOk());
      for (const auto& usage : page->message.usages()) {
        if (usage.caller() != absl::StrCat("spiffe://", kBoard) || !usage.mass_query()) continue;
        ++entries;
        ids.insert(usage.message_id());
      }
      request.set_page_token(page->message.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(entries, ids.size());
    EXPECT_GE(entries, told_of_first_);
    EXPECT_LE(entries, asked_);
  }

  PopulationHouse house_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<exchange::Client> registrars_, board_, auditor_;
  std::unique_ptr<population::PopulationClient> pensions_;

  std::atomic<uint64_t> next_person_{0}, next_loaded_{kFirstLoaded};
  std::atomic<uint64_t> asked_{0}, answered_{0};
  std::atomic<uint64_t> told_of_first_{0};  // answers about the first of those loaded
  std::mutex mutex_;
  std::vector<Act> unknown_;                    // guarded by mutex_, as all below
  std::map<std::string, std::string> answers_;  // first answers by request_id
  std::map<uint64_t, Receipt> receipts_;        // by position
  std::map<uint64_t, pki::Digest> roots_;       // of checkpoints, by size
  int happened_ = 0, lost_ = 0;                 // windows whose answer was lost
};

TEST_F(KillTest, WhatWasAcknowledgedIsThereOnceHoweverOftenItIsKilled) {
  const uint64_t seed = FromEnvironment("EGOV_CRASH_SEED", std::random_device()());
  const uint64_t rounds = FromEnvironment("EGOV_CRASH_ROUNDS", 10);
  const uint64_t seconds = FromEnvironment("EGOV_CRASH_SECONDS", 0);
  std::cout << "EGOV_CRASH_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const absl::Time end = absl::Now() + absl::Seconds(seconds);
  absl::Duration slowest;
  std::map<std::string, int> followed;
  std::string cursor;
  for (uint64_t round = 0; seconds > 0 ? absl::Now() < end : round < rounds; ++round) {
    WorkAndKill(absl::Milliseconds(200 + random() % 2500));
    if (random() % 3 == 0) {
      // And once more before it is up.
      house_.Launch();
      absl::SleepFor(absl::Milliseconds(random() % 400));
      house_.Kill();
    }
    const auto start = house_.Start();
    ASSERT_THAT(start, IsOk());
    slowest = std::max(slowest, *start);
    if (round % 3 == 2) OpenClients();  // what they remember is in their files
    ASSERT_NO_FATAL_FAILURE(SettleUnknown());
    ASSERT_NO_FATAL_FAILURE(SendSomeAgain(random));
    Watch(&cursor, &followed);
    ExpectExactly(followed);
    EXPECT_THAT(registrars_->CheckConsistency(), IsOk());
    EXPECT_THAT(board_->CheckConsistency(), IsOk());
    if (HasFailure()) break;
  }
  std::map<std::string, int> whole;
  std::string from_the_beginning;
  Watch(&from_the_beginning, &whole);
  EXPECT_EQ(whole, followed) << "the feed by cursor and the whole feed tell the same";
  ExpectTheLogHolds();
  ExpectUsageOfEveryAnswer();
  EXPECT_LT(slowest, absl::Seconds(10));
  std::cout << journal_->Read().size() << " acts, " << answered_ << " of " << asked_
            << " questions answered, windows of unknown fate: " << happened_ << " had happened, "
            << lost_ << " had not; slowest start " << slowest << "\n";
}

}  // namespace
}  // namespace egov::tests
