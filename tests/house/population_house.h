// The real population binary in a process of its own, with authorities, members and a time-stamping
// authority in the test's process: what tests of the whole stand on.
#ifndef EGOV_TESTS_HOUSE_POPULATION_HOUSE_H_
#define EGOV_TESTS_HOUSE_POPULATION_HOUSE_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "egov/access/v1/access_service.pb.h"
#include "egov/evidence/v1/evidence.pb.h"
#include "libs/evidence/audit.h"
#include "libs/exchange/client.h"
#include "libs/exchange/testing/world.h"

namespace egov::tests {

constexpr char kOfficers[] = "ee/GOV/70000562/officers";
constexpr char kRegistrars[] = "ee/GOV/70000562/registrars";
constexpr char kBoard[] = "ee/GOV/70000310/pensions";
constexpr char kPortal[] = "ee/GOV/70000562/portal";
constexpr char kAuditor[] = "ee/GOV/70000420/auditors";

constexpr char kPopulation[] = "egov.population.v1.PopulationService";
constexpr char kScheme[] = "ee-isikukood";

// "/egov.population.v1.PopulationService/<method>".
std::string Method(const std::string& method);

// What a pension board asks for.
const std::vector<std::string>& PensionItems();

exchange::Purpose For(const std::string& purpose, std::vector<std::string> items = {});

// A right as the usual ones are made; to be changed and handed to Grant.
egov::access::v1::Right MakeRight(const std::string& xroad, const std::string& service,
                                  const std::string& method, const std::string& purpose,
                                  const std::vector<std::string>& items = {});

class PopulationHouse {
 public:
  PopulationHouse();
  ~PopulationHouse();

  exchange::testing::World& world() { return world_; }
  // To be changed before Start; the ports are chosen once, so that clients come back to them.
  exchange::RegisterConfig& config() { return config_; }

  // Starts the binary on its data. Returns at once.
  void Launch();
  // Waits until it is ready. Errors have the end of its log.
  absl::Status WaitReady(absl::Duration limit);
  // Both; how long it took.
  absl::StatusOr<absl::Duration> Start();

  // SIGKILL, and it is gone.
  void Kill();
  // SIGTERM without waiting; Wait gives the exit code, -1 when a signal ended it.
  void Terminate();
  int Wait();

  // Everything it has said, over all its lives.
  std::string Log() const;
  // An ops page.
  std::string Page(const std::string& path) const;

  // `memory`: a file name below the world's directory, empty for none.
  std::unique_ptr<exchange::Client> Member(const std::string& xroad,
                                           const std::string& memory = "");

  // By the first officer. GrantUsual: registrars write, the board asks, the portal shows usage, the
  // auditors audit.
  absl::Status Grant(const egov::access::v1::Right& right);
  absl::Status GrantUsual();

  // Follows the whole log from outside, as `evidence audit` does; `each` sees every entry.
  absl::StatusOr<evidence::AuditReport> Audit(
      exchange::Client& auditor,
      const std::function<void(const egov::evidence::v1::LogEntry&)>& each) const;

 private:
  exchange::testing::World world_;
  exchange::RegisterConfig config_;
  std::string ops_;
  std::unique_ptr<exchange::Client> officers_;
  pid_t pid_ = 0;
};

}  // namespace egov::tests

#endif  // EGOV_TESTS_HOUSE_POPULATION_HOUSE_H_
