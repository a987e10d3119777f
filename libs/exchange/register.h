// A register on the way of a request: store, log, rights, usage, trust and server, wired once for
// every service.
//
//   EGOV_ASSIGN_OR_RETURN(auto reg, exchange::Register::Open(config, {}));
//   population::Store store(reg->store());                 // tables, followers
//   EGOV_RETURN_IF_ERROR(reg->Add(population::MakeService(store)));
//   reg->set_subjects(&subjects);
//   EGOV_RETURN_IF_ERROR(reg->Start());
//   return reg->Run();
//
// What a new register gets for free: mTLS identity, sealed headers, default-deny rights with quotas
// (AccessService), usage of each person's data (UsageService), a log with receipts, stamps and
// proofs (EvidenceService), idempotent writes, windows and feeds, deadlines, overload, health,
// metrics, logs, drain.
#ifndef EGOV_LIBS_EXCHANGE_REGISTER_H_
#define EGOV_LIBS_EXCHANGE_REGISTER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/evidence/log.h"
#include "libs/exchange/call.h"
#include "libs/exchange/config.pb.h"
#include "libs/exchange/service.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/storage/store.h"

namespace egov::exchange {

// What tests put in place of the machine's own.
struct RegisterParts {
  const base::Clock* clock = &base::Clock::Real();
  base::Ids* ids = &base::Ids::Random();
  std::unique_ptr<storage::Store> store;  // null: RocksDB in the configured directory
};

// Open, Add*, set_subjects, Start from one thread; then Run or Stop.
class Register {
 public:
  // Checks the configuration and opens store, log and trust. Errors name the configuration's field.
  static absl::StatusOr<std::unique_ptr<Register>> Open(const RegisterConfig& config,
                                                        RegisterParts parts);
  virtual ~Register() = default;

  virtual storage::Store& store() = 0;  // followers are added before Start
  virtual evidence::Log& log() = 0;     // record times of positions
  virtual rpc::Metrics& metrics() = 0;
  virtual rpc::Logger& logger() = 0;

  // Binds a service of the register's own. FAILED_PRECONDITION UNBOUND_METHOD, WRONG_SHAPE,
  // UNMARKED_FIELD ...
  virtual absl::Status Add(Service service) = 0;
  virtual void set_subjects(Subjects* subjects) = 0;

  // Adds Access-, Usage- and EvidenceService, states the log's opening, stamps it, and listens.
  virtual absl::Status Start() = 0;
  virtual int port() const = 0;
  virtual int ops_port() const = 0;

  // Until SIGTERM or SIGINT; drains; the process's exit code.
  virtual int Run() = 0;
  // The same drain, without a signal.
  virtual void Stop() = 0;
};

// Reads a configuration from JSON. INVALID_ARGUMENT BAD_CONFIG names an unknown field or a wrong
// value.
absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_REGISTER_H_
