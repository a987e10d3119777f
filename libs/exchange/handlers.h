// Where gRPC's handlers are known, here and in stream_handler and bundle_handler: they bring the
// bytes of a call to the pipeline and its replies back.
//
// One grpc::Service for each bound service, and one for bundles, with raw callback handlers over
// grpc::ByteBuffer: evidence is about the bytes on the wire, and protobuf has no canonical form, so
// they are hashed first and parsed after.
#ifndef EGOV_LIBS_EXCHANGE_HANDLERS_H_
#define EGOV_LIBS_EXCHANGE_HANDLERS_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "libs/base/clock.h"
#include "libs/exchange/pipeline.h"
#include "libs/rpc/admission.h"
#include "libs/rpc/executor.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/peer.h"

namespace egov::exchange {

// Wakes feeds that have told all there was, when more is committed. At most every 20 ms: an idle
// feed costs nothing, and a busy register's feeds get windows worth their record. Thread safe.
class FeedWaker {
 public:
  FeedWaker(storage::Store* store, rpc::Executor* workers);
  ~FeedWaker();
  // Runs `wake` on a worker once the horizon has passed `seen`. False, and never, after Stop.
  bool Wait(uint64_t seen, std::function<void()> wake);
  // Wakes all, at once and from now on: they see that they are to end.
  void Stop();
  bool stopped() const;

 private:
  struct Waiting {
    uint64_t seen;
    std::function<void()> wake;
  };
  void Watch();

  storage::Store* const store_;
  rpc::Executor* const workers_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::thread thread_;
};

// What handlers need beside the pipeline. All outlive the service.
struct HandlerParts {
  Pipeline* pipeline = nullptr;
  rpc::PeerCache* peers = nullptr;
  rpc::Admission* admission = nullptr;
  rpc::Executor* workers = nullptr;  // windows: they compute long
  FeedWaker* waker = nullptr;
  storage::Store* store = nullptr;
  rpc::Logger* logger = nullptr;
  rpc::Metrics* metrics = nullptr;
  const base::Clock* clock = nullptr;
  std::string short_name;        // "population": of error domains
  std::string log_certificates;  // DER of the log's certificate; sent to callers who send theirs
};

// Serves methods of one service. `methods` outlive the service.
std::unique_ptr<grpc::Service> NewExchangeService(const std::vector<const BoundMethod*>& methods,
                                                  HandlerParts parts);

// Serves those of the methods that are unary in bundles too. `methods` outlive the service.
std::unique_ptr<grpc::Service> NewBundleService(const std::vector<const BoundMethod*>& methods,
                                                HandlerParts parts);

// A method without header and record: its answer proves itself. Runs on a worker.
struct PlainMethod {
  std::string service;
  std::string name;
  const google::protobuf::Message* request = nullptr;  // prototypes
  const google::protobuf::Message* response = nullptr;
  std::function<absl::Status(absl::string_view caller, absl::Time deadline,
                             const google::protobuf::Message& request,
                             google::protobuf::Message* response)>
      run;
};
std::unique_ptr<grpc::Service> NewPlainService(std::vector<PlainMethod> methods,
                                               HandlerParts parts);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_HANDLERS_H_
