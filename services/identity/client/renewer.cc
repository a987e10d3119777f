#include "services/identity/client/renewer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "services/identity/client/enrol.h"

namespace egov::identity {
namespace {

// In [0, 1).
double Chance() {
  uint32_t random = 0;
  base::RandomBytes(&random, sizeof(random));
  return random / 4294967296.0;
}

}  // namespace

Renewer::Renewer(RenewerOptions options, const base::Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  for (const v1::CertificateKind kind : options_.kinds) tasks_[std::string(FolderOf(kind))];
  if (options_.lists_every > absl::ZeroDuration()) tasks_["lists"];
}

std::unique_ptr<Renewer> Renewer::Start(RenewerOptions options, const base::Clock& clock) {
  auto renewer = std::make_unique<Renewer>(std::move(options), clock);
  renewer->thread_ = std::thread([raw = renewer.get()] { raw->Run(); });
  return renewer;
}

Renewer::~Renewer() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Renewer::Run() {
  for (;;) {
    const absl::Time next = Step();
    // In short steps: the wall clock may be set, and a machine may sleep through hours.
    const absl::Duration wait =
        std::clamp(next - clock_.Now(), absl::Milliseconds(100), absl::Seconds(30));
    std::unique_lock<std::mutex> lock(mutex_);
    if (stop_signal_.wait_for(lock, absl::ToChronoMilliseconds(wait), [this] { return stop_; })) {
      return;
    }
  }
}

absl::Time Renewer::RenewalTime(v1::CertificateKind kind) const {
  const auto certificate = CurrentCertificate(options_.folder, kind);
  if (!certificate.ok()) return absl::InfinitePast();
  const absl::Duration life = certificate->not_after() - certificate->not_before();
  return certificate->not_before() + life * (2.0 / 3 * (0.9 + 0.2 * Chance()));
}

absl::Status Renewer::Do(const std::string& what, Task* task, absl::Time now) {
  if (what == "lists") {
    const absl::Status result = FetchLists(options_.url, options_.folder);
    task->due = now + options_.lists_every * (0.9 + 0.2 * Chance());
    return result;
  }
  const auto kind = *std::find_if(options_.kinds.begin(), options_.kinds.end(),
                                  [&](v1::CertificateKind one) { return FolderOf(one) == what; });
  if (task->due == absl::InfinitePast()) {
    task->due = RenewalTime(kind);
    if (task->due > now) return absl::OkStatus();
  }
  const absl::Status result = Renew(options_.url, options_.folder, kind, now);
  if (options_.told && result.ok()) options_.told(what, result);
  if (result.ok()) task->due = RenewalTime(kind);
  return result;
}

absl::Time Renewer::Step() {
  std::lock_guard<std::mutex> lock(step_mutex_);
  const absl::Time now = clock_.Now();
  absl::Time next = absl::InfiniteFuture();
  for (auto& [what, task] : tasks_) {
    if (task.due <= now) {
      const absl::Status result = Do(what, &task, now);
      if (result.ok()) {
        task.failures = 0;
      } else {
        if (options_.told) options_.told(what, result);
        const absl::Duration pause =
            std::min(absl::Seconds(5) * (1 << std::min(task.failures, 6)), absl::Minutes(5));
        task.due = now + pause * (1 + 0.5 * Chance());
        ++task.failures;
      }
    }
    next = std::min(next, task.due);
  }
  return next;
}

}  // namespace egov::identity
