// A bounded pool for work that blocks or computes long. gRPC's callbacks run on two threads for the
// whole process: a handler that waits for a disk there stops every other call.
#ifndef EGOV_LIBS_RPC_EXECUTOR_H_
#define EGOV_LIBS_RPC_EXECUTOR_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace egov::rpc {

struct ExecutorOptions {
  int threads = 4;
  size_t queue = 1024;                                   // tasks that may wait
  absl::Duration retry_after = absl::Milliseconds(100);  // what a refusal asks for
};

// Thread safe. Cost: ~1 us and a thread switch for each task.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit Executor(const ExecutorOptions& options);
  // Runs what waits, then stops.
  ~Executor();

  // Runs `task` later on a thread of the pool, first come first served. RESOURCE_EXHAUSTED /
  // OVERLOADED when the queue is full, UNAVAILABLE / SHUTTING_DOWN after Stop; `task` is then
  // destroyed unrun.
  absl::Status Run(Task task);

  // Takes no new tasks, runs what waits, joins the threads. Not from a task.
  void Stop();

  size_t waiting() const;

 private:
  void Work();

  const ExecutorOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_EXECUTOR_H_
