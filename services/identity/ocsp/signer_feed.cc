#include "services/identity/ocsp/signer_feed.h"

#include <algorithm>
#include <utility>

#include "libs/base/status.h"
#include "services/identity/common/frames.h"

namespace egov::identity {
namespace {

constexpr uint32_t kWaitMs = 250;  // there, for what is new: how old a status may be meanwhile
constexpr absl::Duration kAnswer = absl::Seconds(5);
constexpr std::chrono::milliseconds kPause{100};  // after a try that failed

}  // namespace

SignerFeed::SignerFeed(std::string socket, const base::Clock& clock)
    : socket_(std::move(socket)), clock_(clock), thread_([this] { Run(); }) {}

SignerFeed::~SignerFeed() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  thread_.join();
}

SignerFeed::View SignerFeed::Now() const {
  const absl::Time now = clock_.Now();
  const auto steady = std::chrono::steady_clock::now();
  std::lock_guard<std::mutex> lock(mutex_);
  View view;
  view.table = table_;
  view.heard = heard_;
  view.version = version_;
  // One clock stands still while the machine sleeps, the other can be set back.
  view.silence = table_ == nullptr
                     ? absl::InfiniteDuration()
                     : std::max(now - heard_, absl::FromChrono(steady - heard_steady_));
  return view;
}

absl::Status SignerFeed::Step() {
  // Taken before: an answer that lay unread while this process was stopped is as old as its
  // question.
  const absl::Time asked = clock_.Now();
  const auto asked_steady = std::chrono::steady_clock::now();
  ca::WatchStatusRequest request;
  request.set_epoch(epoch_);
  request.set_cursor(cursor_);
  request.set_wait_ms(kWaitMs);
  EGOV_ASSIGN_OR_RETURN(const std::string bytes,
                        AskSocket(socket_, request.SerializeAsString(), kAnswer));
  ca::StatusChanges changes;
  if (!changes.ParseFromString(bytes) || changes.epoch().empty()) {
    return base::Error(absl::StatusCode::kUnavailable, "UNREACHABLE",
                       "the signer's answer is none");
  }
  if (changes.epoch() != epoch_) {
    if (cursor_ != 0) reading_ = std::make_shared<StatusTable>();
    epoch_ = changes.epoch();
  }
  reading_->Apply(changes);
  cursor_ = changes.cursor();
  std::lock_guard<std::mutex> lock(mutex_);
  if (changes.changes_size() > 0) ++version_;
  if (changes.more()) return absl::OkStatus();
  table_ = reading_;
  heard_ = asked;
  heard_steady_ = asked_steady;
  return absl::OkStatus();
}

void SignerFeed::Run() {
  for (;;) {
    const bool heard = Step().ok();
    std::unique_lock<std::mutex> lock(mutex_);
    if (heard ? stop_ : stop_signal_.wait_for(lock, kPause, [this] { return stop_; })) return;
  }
}

}  // namespace egov::identity
