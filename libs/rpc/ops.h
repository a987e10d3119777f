// The ops port: plain HTTP for the platform, never on the service port. /metrics, /livez, /readyz;
// nothing about a citizen.
#ifndef EGOV_LIBS_RPC_OPS_H_
#define EGOV_LIBS_RPC_OPS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/rpc/metrics.h"

namespace egov::rpc {

// The named conditions under which a process wants calls: store open, keys usable, certificates
// valid, evidence log writable. None may depend on a peer (two services that wait for each other
// never start). Thread safe.
class Readiness {
 public:
  using Check = std::function<absl::Status()>;

  // `check` is called at each probe, from the ops port's threads; it must be quick and must not
  // block.
  void Add(const std::string& name, Check check);

  // Not ready any more, whatever the checks say.
  void StartDraining();

  struct Report {
    bool ready = true;
    // One line for each check: its name and "ok", or the error's reason (its code's name when it
    // has none). Never its text.
    std::string text;
  };
  Report Ask() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Check> checks_;
  bool draining_ = false;
};

// Thread safe; stops when destroyed. /livez answers 200 while the process runs; /readyz 200 or 503
// with the report; /metrics the text format. Anything else is 404.
class OpsServer {
 public:
  // `address` is "host:port", port 0 picks one. UNAVAILABLE / OPS_PORT_UNUSABLE when it cannot
  // listen. `readiness` and `metrics` outlive the server.
  static absl::StatusOr<std::unique_ptr<OpsServer>> Start(const std::string& address,
                                                          const Readiness& readiness,
                                                          const Metrics& metrics);
  virtual ~OpsServer() = default;
  virtual int port() const = 0;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_OPS_H_
