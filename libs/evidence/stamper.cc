#include "libs/evidence/stamper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "libs/base/status.h"
#include "libs/http/http.h"
#include "libs/pki/timestamp.h"
#include "libs/proof/stamp.h"

namespace egov::evidence {
namespace {

constexpr size_t kMaxAnswer = 64 * 1024;

base::Error NoTimeStamp(absl::StatusCode code, absl::string_view text) {
  return base::Error(code, "NO_TIME_STAMP", text).RetryAfter(absl::Seconds(5));
}

}  // namespace

Stamper::Stamper(Log* log, StamperOptions options) : log_(log), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<Stamper>> Stamper::Start(Log* log, StamperOptions options) {
  for (const StampAuthority& authority : options.authorities) {
    EGOV_RETURN_IF_ERROR(http::CheckUrl(authority.url));
  }
  std::unique_ptr<Stamper> stamper(new Stamper(log, std::move(options)));
  EGOV_ASSIGN_OR_RETURN(const auto newest, log->StampedAtMost(UINT64_MAX));
  if (newest) stamper->newest_ = *newest;
  stamper->thread_ = std::thread([raw = stamper.get()] { raw->Run(); });
  return stamper;
}

Stamper::~Stamper() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  done_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Stamper::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    asked_ = false;
    ++started_;
    lock.unlock();
    const absl::Status outcome = Round();
    lock.lock();
    finished_ = started_;
    outcome_ = outcome;
    done_.notify_all();
    // Waits by the machine's own steady clock: the injected one may stand still.
    wake_.wait_for(lock,
                   absl::ToChronoMilliseconds(outcome.ok() ? options_.interval : options_.retry),
                   [this] { return stopping_ || asked_; });
  }
}

absl::Status Stamper::Round() {
  const Checkpoint checkpoint = log_->Newest();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (checkpoint.size == newest_.checkpoint.size) return absl::OkStatus();
  }
  for (size_t i = 0; i < options_.authorities.size(); ++i) {
    const size_t which = (preferred_ + i) % options_.authorities.size();
    const StampAuthority& authority = options_.authorities[which];
    auto stamped = Ask(authority, checkpoint);
    if (!stamped.ok()) {
      if (options_.on_passed_over) options_.on_passed_over(authority.url, stamped.status());
      continue;
    }
    EGOV_RETURN_IF_ERROR(log_->Keep(*stamped));
    preferred_ = which;
    std::lock_guard<std::mutex> lock(mutex_);
    newest_ = *std::move(stamped);
    return absl::OkStatus();
  }
  return NoTimeStamp(absl::StatusCode::kUnavailable, "no time-stamping authority answered");
}

absl::StatusOr<Stamped> Stamper::Ask(const StampAuthority& authority,
                                     const Checkpoint& checkpoint) {
  const auto request = pki::TimeStampRequest::New(pki::Sha256Of(checkpoint.note));
  EGOV_ASSIGN_OR_RETURN(const http::Response answer,
                        http::Post(authority.url, "application/timestamp-query", request.ToDer(),
                                   {options_.timeout, kMaxAnswer}));
  if (answer.status != 200) {
    return NoTimeStamp(absl::StatusCode::kUnavailable, "the authority answered with an HTTP error");
  }
  EGOV_ASSIGN_OR_RETURN(std::string response, proof::NarrowResponse(answer.body));
  EGOV_ASSIGN_OR_RETURN(
      const proof::Stamp verified,
      proof::VerifyStamp(response, checkpoint.note, request.nonce, *authority.trust));
  const absl::Duration off = verified.stamp.time - options_.clock->Now();
  if (absl::AbsDuration(off) > options_.clock_tolerance + verified.stamp.accuracy) {
    return base::Error(absl::StatusCode::kUnavailable, "STAMP_OUT_OF_TIME",
                       "the authority's time is not ours");
  }
  return Stamped{checkpoint, std::move(response), absl::ToUnixMicros(verified.stamp.time)};
}

absl::StatusOr<Stamped> Stamper::StampNow(uint64_t min_size, absl::Time deadline) {
  if (min_size > log_->Newest().size) {
    return base::Error(absl::StatusCode::kOutOfRange, "NO_SUCH_RECORD",
                       "the log has fewer records");
  }
  std::unique_lock<std::mutex> lock(mutex_);
  if (newest_.checkpoint.size >= min_size && min_size > 0) return newest_;
  // A round that is on its way may have begun before our record: wait for the next one then.
  const uint64_t round = started_ + 1;
  asked_ = true;
  wake_.notify_one();
  const auto until = std::chrono::steady_clock::now() +
                     absl::ToChronoNanoseconds(std::min(deadline - absl::Now(), absl::Hours(1)));
  for (;;) {
    if (newest_.checkpoint.size >= min_size && newest_.checkpoint.size > 0) return newest_;
    if (stopping_) return NoTimeStamp(absl::StatusCode::kUnavailable, "shutting down");
    if (finished_ >= round) {
      return outcome_.ok()
                 ? NoTimeStamp(absl::StatusCode::kUnavailable, "nothing to stamp").status()
                 : outcome_;
    }
    if (done_.wait_until(lock, until) == std::cv_status::timeout) {
      return NoTimeStamp(absl::StatusCode::kDeadlineExceeded,
                         "no time-stamping authority answered in time");
    }
  }
}

absl::StatusOr<absl::Duration> Stamper::WaitingFor() const {
  const uint64_t size = log_->Newest().size;
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t stamped = newest_.checkpoint.size;
  if (stamped >= size) return absl::ZeroDuration();
  if (waiting_since_micros_ == 0 || waiting_from_ != stamped) {
    EGOV_ASSIGN_OR_RETURN(waiting_since_micros_, log_->RecordedMicros(stamped));
    waiting_from_ = stamped;
  }
  const absl::Time since = absl::FromUnixMicros(waiting_since_micros_);
  return std::max(absl::ZeroDuration(), options_.clock->Now() - since);
}

absl::Time Stamper::NewestStamp() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return newest_.checkpoint.size == 0 ? absl::InfinitePast()
                                      : absl::FromUnixMicros(newest_.time_micros);
}

}  // namespace egov::evidence
