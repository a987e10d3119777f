// The real population register in a process of its own, with authorities, officers, registrars and
// a pension board around it, and nations to fill it with.
#ifndef EGOV_TESTS_LOAD_HOUSE_H_
#define EGOV_TESTS_LOAD_HOUSE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/exchange/client.h"
#include "libs/exchange/testing/world.h"
#include "services/population/generator/nation.h"
#include "tests/load/process.h"

namespace egov::load {

constexpr char kRegistrars[] = "ee/GOV/70000562/registrars";
constexpr char kBoard[] = "ee/GOV/70000310/pensions";
constexpr char kGetPerson[] = "/egov.population.v1.PopulationService/GetPerson";
constexpr char kRecordBirth[] = "/egov.population.v1.PopulationService/RecordBirth";

// What a call is for.
exchange::Purpose For(const std::string& purpose, std::vector<std::string> items);
// What the pension board asks of one person.
std::vector<std::string> PersonItems();

// One register. Its data stay when it is stopped, and are removed with it.
class Register {
 public:
  // `name` tells registers of one world apart; `program` is the population binary.
  Register(exchange::testing::World* world, std::string name, std::string program);
  ~Register();

  // Starts it and waits until it is ready; the time from exec to ready.
  absl::StatusOr<absl::Duration> Start();
  absl::Status Stop();
  // The first start of a store: gives everybody their rights.
  absl::Status GrantAll();
  // Loads a file of people through the normal interface (services/ctl/load.h).
  absl::Status Load(const std::string& path);

  absl::StatusOr<std::unique_ptr<exchange::Client>> Member(const std::string& xroad);
  const Process& process() const { return *process_; }
  const exchange::RegisterConfig& config() const { return config_; }
  std::string store_directory() const { return config_.data_directory() + "/store"; }

 private:
  exchange::testing::World* const world_;
  const std::string program_;
  exchange::RegisterConfig config_;
  std::string folder_;
  int port_ = 0, ops_port_ = 0;
  std::unique_ptr<Process> process_;
};

// The nation of so many people, in a file of the kind that `load` takes.
absl::StatusOr<population::generator::Nation> MakeNation(uint64_t persons, const std::string& path);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_HOUSE_H_
