// A process of our own that is measured: its CPU time, its memory, how long it takes to start.
#ifndef EGOV_TESTS_LOAD_PROCESS_H_
#define EGOV_TESTS_LOAD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace egov::load {

// Ends with its parent. Not thread safe.
class Process {
 public:
  // arguments[0] is the program. What it says goes to the end of the file `log`.
  static absl::StatusOr<std::unique_ptr<Process>> Start(const std::vector<std::string>& arguments,
                                                        const std::string& log);
  ~Process();  // kills it if it still runs

  // SIGTERM, and waits; an error when it did not end with code 0.
  absl::Status Stop();
  bool Runs();

  // User and system time so far, of all its threads: what getrusage will say in the end.
  absl::Duration Cpu() const;
  // Resident memory now, and the most there ever was.
  uint64_t ResidentBytes() const;
  uint64_t PeakBytes() const;

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  bool over_ = false;
  int status_ = 0;
};

// CPU time of this process so far (getrusage).
absl::Duration OwnCpu();

// A port of 127.0.0.1 that nobody uses now.
int FreePort();

// Waits until http://127.0.0.1:port/readyz says 200.
absl::Status WaitReady(Process& process, int ops_port, absl::Duration timeout);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_PROCESS_H_
