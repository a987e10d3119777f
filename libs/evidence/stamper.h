// Gets RFC 3161 time-stamps for a log's checkpoints, from one of several authorities.
//
// A thread stamps the newest checkpoint each interval, when it changed, and whenever somebody asks;
// all who ask meanwhile share the next stamp. Authorities are asked in turn, beginning with the one
// that answered last: one that is absent, slow, or answers with anything but a good stamp of this
// moment is passed over. When none answers, nothing else stops: the next interval tries again.
//
// Thread safety: all methods. Cost of a stamp on demand: one HTTP round trip, one check, one
// commit.
#ifndef EGOV_LIBS_EVIDENCE_STAMPER_H_
#define EGOV_LIBS_EVIDENCE_STAMPER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/evidence/log.h"
#include "libs/pki/verify.h"

namespace egov::evidence {

struct StampAuthority {
  std::string url;  // "http://host:port/path": what it answers proves itself, so no TLS
  std::shared_ptr<const pki::ChainVerifier> trust;  // whose stamps are taken from it
};

struct StamperOptions {
  std::vector<StampAuthority> authorities;
  absl::Duration interval = absl::Seconds(60);
  absl::Duration retry = absl::Seconds(5);    // after a round in which nobody answered
  absl::Duration timeout = absl::Seconds(5);  // for one authority to begin its answer
  // How far an authority's time may be from ours before it is passed over.
  absl::Duration clock_tolerance = absl::Minutes(1);
  const base::Clock* clock = &base::Clock::Real();
  // Told of each authority that was passed over, on the stamper's thread; for the log and metrics.
  std::function<void(const std::string& url, const absl::Status& why)> on_passed_over;
};

class Stamper {
 public:
  // `log` must outlive the stamper. INVALID_ARGUMENT BAD_URL. Begins at once.
  static absl::StatusOr<std::unique_ptr<Stamper>> Start(Log* log, StamperOptions options);
  // Waits for the request in flight, at most its timeout (30 s when an authority stalls in the
  // middle of its answer).
  ~Stamper();

  // A stamped checkpoint of at least `min_size` records, asked for now if there is none yet.
  // OUT_OF_RANGE NO_SUCH_RECORD when the log is shorter; UNAVAILABLE NO_TIME_STAMP when no
  // authority gave one; DEADLINE_EXCEEDED NO_TIME_STAMP.
  absl::StatusOr<Stamped> StampNow(uint64_t min_size, absl::Time deadline);

  // How long the oldest record without a stamp has been waiting; zero when none is. What rights
  // marked "time-stamp required" hold against `timestamp_grace`, and a metric.
  absl::StatusOr<absl::Duration> WaitingFor() const;

  // genTime of the newest stamp; InfinitePast when there is none.
  absl::Time NewestStamp() const;

 private:
  Stamper(Log* log, StamperOptions options);
  void Run();
  absl::Status Round();
  absl::StatusOr<Stamped> Ask(const StampAuthority& authority, const Checkpoint& checkpoint);

  Log* const log_;
  const StamperOptions options_;
  size_t preferred_ = 0;  // of the thread

  mutable std::mutex mutex_;
  std::condition_variable wake_, done_;
  bool stopping_ = false;
  bool asked_ = false;
  uint64_t started_ = 0, finished_ = 0;  // rounds
  absl::Status outcome_;                 // of the newest finished round
  Stamped newest_;
  mutable uint64_t waiting_from_ = 0;  // size for which waiting_since_ holds
  mutable int64_t waiting_since_micros_ = 0;

  std::thread thread_;
};

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_STAMPER_H_
