// Keeps a party's certificates and revocation lists fresh while it runs.
#ifndef EGOV_SERVICES_IDENTITY_CLIENT_RENEWER_H_
#define EGOV_SERVICES_IDENTITY_CLIENT_RENEWER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "egov/identity/v1/enrolment.pb.h"
#include "libs/base/clock.h"

namespace egov::identity {

struct RenewerOptions {
  std::string url;
  std::string folder;  // as Enrol made it
  std::vector<v1::CertificateKind> kinds = {v1::CERTIFICATE_KIND_TRANSPORT};
  absl::Duration lists_every = absl::Minutes(10);  // zero: lists are somebody else's business
  // Told after each try: what ("transport", "lists") and how it went. From the renewer's thread.
  std::function<void(const std::string& what, const absl::Status& result)> told;
};

// A certificate is renewed after two thirds of its life, a tenth of that earlier or later by
// chance, so that what was enrolled together does not come back together. A failed try is repeated
// after 5 s, 10 s ... 5 min, by chance up to half as long again: an absent authority costs nothing
// until the last third is over. Thread safe.
class Renewer {
 public:
  // Owns one thread until destroyed.
  static std::unique_ptr<Renewer> Start(RenewerOptions options,
                                        const base::Clock& clock = base::Clock::Real());
  // Without a thread: Step does what is due at the clock's time and says when to come back.
  explicit Renewer(RenewerOptions options, const base::Clock& clock = base::Clock::Real());
  ~Renewer();

  absl::Time Step();

 private:
  struct Task {
    absl::Time due = absl::InfinitePast();  // unknown: look at the certificate first
    int failures = 0;
  };
  void Run();
  absl::Status Do(const std::string& what, Task* task, absl::Time now);
  absl::Time RenewalTime(v1::CertificateKind kind) const;

  const RenewerOptions options_;
  const base::Clock& clock_;
  std::mutex step_mutex_;
  std::map<std::string, Task> tasks_;
  std::mutex mutex_;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CLIENT_RENEWER_H_
