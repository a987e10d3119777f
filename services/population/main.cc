// The population register.
//
//   population --config FILE              runs until SIGTERM or SIGINT
//   population --config FILE --check-config   says whether the configuration is right, and ends
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "libs/base/status.h"
#include "libs/exchange/register.h"
#include "services/identity/client/renewer.h"
#include "services/population/config.pb.h"
#include "services/population/schemes.h"
#include "services/population/service.h"
#include "services/population/store.h"

namespace egov::population {
namespace {

absl::StatusOr<PopulationConfig> Configure(const std::string& path) {
  PopulationConfig config;
  EGOV_RETURN_IF_ERROR(exchange::ReadConfig(path, &config));
  if (config.schemes().empty()) config.add_schemes("ee-isikukood");
  const std::vector<std::string> schemes(config.schemes().begin(), config.schemes().end());
  EGOV_RETURN_IF_ERROR(Schemes::Of(schemes).status());
  return config;
}

// Keeps certificates and lists fresh while the result lives. Null when that is somebody else's
// affair. The log's certificate keeps its key, so it may be replaced under a running register,
// which reads it at its next start.
std::unique_ptr<identity::Renewer> KeepFresh(const PopulationConfig& config, rpc::Logger& log) {
  if (!config.has_renewal()) return nullptr;
  identity::RenewerOptions options;
  options.url = config.renewal().url();
  options.folder = config.renewal().folder();
  if (absl::StartsWith(config.register_().log_certificate(), options.folder + "/log/")) {
    options.kinds.push_back(identity::v1::CERTIFICATE_KIND_LOG);
  }
  options.told = [&log](const std::string& what, const absl::Status& result) {
    if (!result.ok()) {
      log.Warning("renewal failed", {{"what", what}, {"error", std::string(result.message())}});
    } else if (what != "lists") {
      log.Info("renewed", {{"what", what}});
    }
  };
  return identity::Renewer::Start(std::move(options));
}

absl::StatusOr<int> Serve(const PopulationConfig& config) {
  // The column follows the register's store until that has ended, so it goes after it.
  std::unique_ptr<Store> store;
  EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<exchange::Register> reg,
                        exchange::Register::Open(config.register_(), {}));
  StoreOptions options;
  options.schemes.assign(config.schemes().begin(), config.schemes().end());
  options.time_zone = config.register_().time_zone();
  EGOV_ASSIGN_OR_RETURN(store, Store::Open(&reg->store(), options));
  const auto recorded = [&reg](uint64_t position) { return reg->log().RecordedMicros(position); };
  EGOV_RETURN_IF_ERROR(reg->Add(MakeService(*store, recorded)));
  reg->set_subjects(store.get());
  EGOV_RETURN_IF_ERROR(reg->Start());
  const std::unique_ptr<identity::Renewer> renewer = KeepFresh(config, reg->logger());
  return reg->Run();
}

int Main(const std::vector<std::string>& arguments) {
  std::string path;
  bool check = false, understood = true;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--config" && i + 1 < arguments.size()) {
      path = arguments[++i];
    } else if (arguments[i] == "--check-config") {
      check = true;
    } else {
      understood = false;
    }
  }
  if (!understood || path.empty()) {
    std::cerr << "usage: population --config FILE [--check-config]\n";
    return 2;
  }
  const absl::StatusOr<PopulationConfig> config = Configure(path);
  absl::StatusOr<int> code = 0;
  if (!config.ok()) {
    code = config.status();
  } else if (!check) {
    code = Serve(*config);
  }
  if (code.ok()) return *code;
  const auto detail = base::DetailOf(code.status());
  std::cerr << "population: " << code.status().message();
  if (detail && !detail->field.empty()) std::cerr << " (" << detail->field << ")";
  if (detail && !detail->expected.empty()) std::cerr << "; expected: " << detail->expected;
  std::cerr << "\n";
  return 1;
}

}  // namespace
}  // namespace egov::population

int main(int argc, char** argv) { return egov::population::Main({argv + 1, argv + argc}); }
