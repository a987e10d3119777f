// grpc.health.v1.Health over raw bytes. Internal to libs/rpc.
//
// Not gRPC's own health service: that one answers callers that peer.h refuses, and says SERVING
// before anything is ready.
#ifndef EGOV_LIBS_RPC_HEALTH_H_
#define EGOV_LIBS_RPC_HEALTH_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/rpc/peer.h"

namespace egov::rpc {

constexpr char kHealthService[] = "grpc.health.v1.Health";

class HealthWatch;

// Thread safe. `peers` outlives it.
class HealthService final : public grpc::Service {
 public:
  explicit HealthService(PeerCache* peers);

  // Makes a service known, NOT_SERVING. The empty name is known from the start.
  void Know(const std::string& service);
  // Sets all services and tells those who watch.
  void SetServing(bool serving);
  // Ends all watches, and those to come: a watch would hold up a shutdown.
  void EndWatches();

 private:
  friend class HealthWatch;
  int StatusOf(absl::string_view service) const;  // under mutex_
  void Forget(HealthWatch* watch);

  PeerCache* const peers_;
  mutable std::mutex mutex_;
  std::set<std::string> services_;
  bool serving_ = false;
  bool ending_ = false;
  std::set<HealthWatch*> watches_;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_HEALTH_H_
