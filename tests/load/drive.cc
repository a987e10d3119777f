#include "tests/load/drive.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/strings/str_format.h"
#include "tests/load/report.h"

namespace egov::load {
namespace {

using Clock = std::chrono::steady_clock;

double Millis(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// The calls of one round. Each slot has one call under way, so its list needs no lock.
class Round {
 public:
  Round(const Issue& issue, int in_flight) : issue_(issue), slots_(in_flight), open_(in_flight) {
    for (auto& slot : slots_) slot.reserve(1 << 14);
  }

  void Begin() {
    for (size_t slot = 0; slot < slots_.size(); ++slot) Next(slot);
  }
  void Count() { counting_ = true; }
  void End() { ending_ = true; }
  absl::Status Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    over_.wait(lock, [this] { return open_ == 0; });
    return error_;
  }

  uint64_t counted() const { return counted_; }
  std::vector<double> Latencies() const {
    std::vector<double> all;
    for (const auto& slot : slots_) all.insert(all.end(), slot.begin(), slot.end());
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  void Next(size_t slot) {
    const auto begun = Clock::now();
    const bool counts = counting_;
    issue_([this, slot, begun, counts](const absl::Status& status) {
      if (counts && !ending_) {
        slots_[slot].push_back(Millis(Clock::now() - begun));
        counted_.fetch_add(1, std::memory_order_relaxed);
      }
      if (status.ok() && !ending_) return Next(slot);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!status.ok()) {
        if (error_.ok()) error_ = status;
        ending_ = true;
      }
      if (--open_ == 0) over_.notify_all();
    });
  }

  const Issue& issue_;
  std::vector<std::vector<double>> slots_;
  std::atomic<bool> counting_{false}, ending_{false};
  std::atomic<uint64_t> counted_{0};
  std::mutex mutex_;
  std::condition_variable over_;
  int open_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<Cost> Drive(const Issue& issue, const Process& server, int in_flight,
                           absl::Duration time) {
  Round round(issue, in_flight);
  round.Begin();
  absl::SleepFor(time / 5);
  const absl::Duration cpu = OwnCpu() + server.Cpu();
  const auto begun = Clock::now();
  round.Count();
  absl::SleepFor(time);
  const uint64_t calls = round.counted();
  const double seconds = Millis(Clock::now() - begun) / 1000;
  const absl::Duration spent = OwnCpu() + server.Cpu() - cpu;
  round.End();
  const absl::Status ended = round.Wait();
  if (!ended.ok()) return ended;
  const std::vector<double> latencies = round.Latencies();
  if (calls == 0 || latencies.empty()) return absl::DeadlineExceededError("no call was answered");
  Cost cost;
  cost.calls_per_second = static_cast<double>(calls) / seconds;
  cost.cpu_us = absl::ToDoubleMicroseconds(spent) / static_cast<double>(calls);
  cost.p50_ms = latencies[latencies.size() / 2];
  cost.p99_ms = latencies[latencies.size() * 99 / 100];
  return cost;
}

Cost MedianOf(const std::vector<Cost>& rounds) {
  const auto median = [&](double Cost::*field) {
    std::vector<double> values;
    for (const Cost& cost : rounds) values.push_back(cost.*field);
    return Median(values);
  };
  Cost middle;
  middle.calls_per_second = median(&Cost::calls_per_second);
  middle.cpu_us = median(&Cost::cpu_us);
  middle.p50_ms = median(&Cost::p50_ms);
  middle.p99_ms = median(&Cost::p99_ms);
  return middle;
}

std::string Say(const Cost& cost) {
  return absl::StrFormat("%.0f calls/s, p50 %.2f ms, p99 %.2f ms, %.1f us CPU",
                         cost.calls_per_second, cost.p50_ms, cost.p99_ms, cost.cpu_us);
}

}  // namespace egov::load
