#include "libs/rpc/executor.h"

#include <algorithm>
#include <utility>

#include "libs/base/status.h"

namespace egov::rpc {

Executor::Executor(const ExecutorOptions& options) : options_(options) {
  for (int i = 0; i < std::max(1, options.threads); ++i) threads_.emplace_back([this] { Work(); });
}

Executor::~Executor() { Stop(); }

absl::Status Executor::Run(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      return base::Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                         "The service is shutting down; ask another replica");
    }
    if (queue_.size() >= options_.queue) {
      return base::Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                         "The service has as much work as it can do; ask again later")
          .RetryAfter(options_.retry_after);
    }
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return absl::OkStatus();
}

void Executor::Stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

size_t Executor::waiting() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return queue_.size();
}

void Executor::Work() {
  while (true) {
    Task task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace egov::rpc
