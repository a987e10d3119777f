// Keeps a number of calls in flight for a while and says what they cost.
#ifndef EGOV_TESTS_LOAD_DRIVE_H_
#define EGOV_TESTS_LOAD_DRIVE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/load/process.h"

namespace egov::load {

// Starts one call; `done` is to be called once, on any thread.
using Done = std::function<void(const absl::Status&)>;
using Issue = std::function<void(Done done)>;

struct Cost {
  double calls_per_second = 0;
  double cpu_us = 0;  // per call, of this process and the server's together
  double p50_ms = 0;
  double p99_ms = 0;
};

// A call that ends starts the next in its place, on its own thread. The first calls warm up and do
// not count. The first error of a call ends it all.
absl::StatusOr<Cost> Drive(const Issue& issue, const Process& server, int in_flight,
                           absl::Duration time);

// The medians, one by one.
Cost MedianOf(const std::vector<Cost>& rounds);

// "30512 calls/s, p50 2.04 ms, p99 3.90 ms, 52.3 us CPU"
std::string Say(const Cost& cost);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_DRIVE_H_
