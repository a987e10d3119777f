#include "libs/rpc/admission.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "libs/base/status.h"

namespace egov::rpc {
namespace {

int64_t SteadyNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t NanosPerCall(const AdmissionOptions& options) {
  return options.calls_per_second > 0 ? static_cast<int64_t>(1e9 / options.calls_per_second) : 0;
}

}  // namespace

Lease::Lease(Lease&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Release();
    admission_ = std::exchange(other.admission_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

absl::Status Lease::Grow(int64_t bytes) {
  if (admission_ == nullptr || bytes <= 0) return absl::OkStatus();
  if (!admission_->TakeBytes(bytes)) return admission_->Refusal(0);
  bytes_ += bytes;
  return absl::OkStatus();
}

void Lease::Shrink(int64_t bytes) {
  bytes = std::min(bytes, bytes_);
  if (admission_ == nullptr || bytes <= 0) return;
  admission_->bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  bytes_ -= bytes;
}

void Lease::Release() {
  if (admission_ == nullptr) return;
  admission_->bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
  admission_->calls_.fetch_sub(1, std::memory_order_relaxed);
  admission_ = nullptr;
  bytes_ = 0;
}

Admission::Admission(const AdmissionOptions& options, std::function<int64_t()> monotonic_nanos)
    : options_(options),
      now_(monotonic_nanos ? std::move(monotonic_nanos) : SteadyNanos),
      nanos_per_call_(NanosPerCall(options)),
      burst_nanos_(static_cast<int64_t>(
          std::max(1.0, options.burst > 0 ? options.burst : options.calls_per_second / 10) *
          static_cast<double>(nanos_per_call_))) {}

bool Admission::TakeBytes(int64_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= options_.max_bytes) return true;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

absl::StatusOr<Lease> Admission::Admit(int64_t bytes) {
  bytes = std::max<int64_t>(bytes, 0);
  if (calls_.fetch_add(1, std::memory_order_relaxed) + 1 > options_.max_calls) {
    calls_.fetch_sub(1, std::memory_order_relaxed);
    return Refusal(0);
  }
  if (!TakeBytes(bytes)) {
    calls_.fetch_sub(1, std::memory_order_relaxed);
    return Refusal(0);
  }
  Lease lease(this, bytes);  // gives both back when the rate refuses
  if (nanos_per_call_ > 0) {
    const int64_t now = now_();
    int64_t paid = paid_until_.load(std::memory_order_relaxed);
    int64_t next;
    do {
      next = std::max(paid, now) + nanos_per_call_;
      if (next - now > burst_nanos_) return Refusal(next - now - burst_nanos_);
    } while (!paid_until_.compare_exchange_weak(paid, next, std::memory_order_relaxed));
  }
  return lease;
}

absl::Status Admission::Refusal(int64_t wait_nanos) {
  // Spread, so that those who were refused together do not come back together.
  const uint64_t n = refusals_.fetch_add(1, std::memory_order_relaxed);
  const double spread = static_cast<double>((n * 0x9E3779B97F4A7C15u) >> 40) / (1 << 24);
  const absl::Duration least = std::max(options_.retry_after, absl::Nanoseconds(wait_nanos));
  return base::Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                     "The service has as much work as it can do; ask again later")
      .RetryAfter(absl::Ceil(least * (1 + spread), absl::Milliseconds(1)));
}

}  // namespace egov::rpc
