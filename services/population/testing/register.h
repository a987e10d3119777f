// A population register on a real store in a directory of its own, without the exchange: commands
// are run as the exchange runs them, in one transaction with one entry of the log.
#ifndef EGOV_SERVICES_POPULATION_TESTING_REGISTER_H_
#define EGOV_SERVICES_POPULATION_TESTING_REGISTER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "libs/base/clock.h"
#include "libs/exchange/call.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"
#include "libs/storage/store.h"
#include "services/population/commands/commands.h"
#include "services/population/store.h"

namespace egov::population::testing {

// Every item of the contract, sorted.
const std::vector<std::string>& AllItems();

// Whom a question names, as the contract of its method says it.
std::vector<egov::identifiers::v1::Identifier> AskedIn(const google::protobuf::Message& question,
                                                       const std::string& method);

class TestRegister {
 public:
  // The day is 2026-11-23.
  TestRegister();
  ~TestRegister();

  // Closes the store and opens it again.
  void Restart();

  Store& store() { return *store_; }
  storage::Store& engine() { return *engine_; }
  base::ManualClock& clock() { return clock_; }

  // Runs a command that is asked about one identifier (or none) and commits.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Run(const exchange::ReadCommand<Request, Response>& command,
                               const Request& request,
                               const std::vector<egov::identifiers::v1::Identifier>& asked = {},
                               const std::vector<std::string>& items = AllItems()) {
    Response response;
    EGOV_RETURN_IF_ERROR(
        Commit(asked, items,
               [&](storage::Transaction& transaction, const exchange::Call& call) -> absl::Status {
                 EGOV_ASSIGN_OR_RETURN(response, command(transaction, call, request));
                 return absl::OkStatus();
               }));
    return response;
  }

  // The acts, in short.
  absl::Status Birth(const v1::Person& person);
  absl::Status Death(const std::string& code, const egov::civil::v1::PartialDate& date);
  absl::Status Annul(const std::string& code);
  absl::Status Replace(const std::string& code, const std::string& successor);
  absl::StatusOr<uint64_t> Load(const std::vector<v1::Person>& people);
  absl::StatusOr<v1::Person> Get(const std::string& code,
                                 const std::vector<std::string>& items = AllItems());
  // The whole answer as one part.
  absl::StatusOr<v1::VerifyVitalStatusResponse> Verify(
      const std::vector<std::string>& codes, const std::vector<std::string>& items = AllItems(),
      const std::string& scheme = "ee-isikukood");

  // The surrogate of a code, 0: nobody.
  uint64_t KeyOf(const std::string& code);

  using Body = absl::FunctionRef<absl::Status(storage::Transaction&, const exchange::Call&)>;
  absl::Status Commit(const std::vector<egov::identifiers::v1::Identifier>& asked,
                      const std::vector<std::string>& items, Body body);

 private:
  void Open();

  storage::TemporaryDirectory directory_;
  base::ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<storage::Store> engine_;
};

}  // namespace egov::population::testing

#endif  // EGOV_SERVICES_POPULATION_TESTING_REGISTER_H_
