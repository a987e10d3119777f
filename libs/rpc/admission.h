// Overload: how much work a process takes on at once. What is over is refused early and cheaply,
// with a time to come back, so that what was taken on is finished and memory stays bounded.
#ifndef EGOV_LIBS_RPC_ADMISSION_H_
#define EGOV_LIBS_RPC_ADMISSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace egov::rpc {

struct AdmissionOptions {
  int64_t max_calls = 1024;                // in flight
  int64_t max_bytes = int64_t{256} << 20;  // held by calls in flight: requests, answers, windows
  double calls_per_second = 0;             // 0: no such limit
  double burst = 0;  // calls that may come at once; 0: a tenth of a second's worth
  absl::Duration retry_after =
      absl::Milliseconds(100);  // least delay that a refusal asks for; spread up to twice
};

class Admission;

// A call's share of the budget, given back when it goes. Movable; not for two threads at once.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { Release(); }

  // Takes `bytes` more, or RESOURCE_EXHAUSTED / OVERLOADED and takes nothing.
  absl::Status Grow(int64_t bytes);
  // Gives `bytes` back (a window that was written out).
  void Shrink(int64_t bytes);
  void Release();

 private:
  friend class Admission;
  Lease(Admission* admission, int64_t bytes) : admission_(admission), bytes_(bytes) {}
  Admission* admission_ = nullptr;
  int64_t bytes_ = 0;
};

// Thread safe, lock free: ~50 ns a call. Outlives its leases.
class Admission {
 public:
  // `monotonic_nanos` is a steady clock; the default is the machine's.
  explicit Admission(const AdmissionOptions& options,
                     std::function<int64_t()> monotonic_nanos = nullptr);

  // One call with `bytes` of request. RESOURCE_EXHAUSTED / OVERLOADED with
  // ErrorDetail::retry_after.
  absl::StatusOr<Lease> Admit(int64_t bytes);

  int64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  friend class Lease;
  bool TakeBytes(int64_t bytes);
  absl::Status Refusal(int64_t wait_nanos);

  const AdmissionOptions options_;
  const std::function<int64_t()> now_;
  const int64_t nanos_per_call_;
  const int64_t burst_nanos_;
  std::atomic<int64_t> calls_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> paid_until_{
      0};  // token bucket as one number: the time up to which capacity is spent
  std::atomic<uint64_t> refusals_{0};
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_ADMISSION_H_
