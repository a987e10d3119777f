// The register of library cards, as small as a register can be. Tests of libs/exchange drive it
// through every path.
#ifndef EGOV_LIBS_EXCHANGE_TESTING_LENDING_H_
#define EGOV_LIBS_EXCHANGE_TESTING_LENDING_H_

#include <string>
#include <vector>

#include "egov/testing/lending/v1/lending_service.pb.h"
#include "libs/exchange/call.h"
#include "libs/exchange/service.h"
#include "libs/storage/table.h"

namespace egov::exchange::testing {

constexpr char kLending[] = "egov.testing.lending.v1.LendingService";
constexpr char kScheme[] = "library-card";

class Lending final : public Subjects {
 public:
  // All shapes, bound.
  Service MakeService();

  absl::Status Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                       std::vector<disclosure::SubjectKey>* keys) override;

 private:
  absl::Status Issue(storage::Transaction& transaction,
                     const egov::testing::lending::v1::Card& card);

  // A card's number is its key: tests use numbers above zero.
  storage::Table<uint64_t, egov::testing::lending::v1::Card> cards_{0x0100};
  static constexpr storage::TableId kIssued = 0x0101;  // position | number -> number
};

}  // namespace egov::exchange::testing

#endif  // EGOV_LIBS_EXCHANGE_TESTING_LENDING_H_
