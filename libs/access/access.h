// Who may ask this service for what. Default deny.
//
// Rights are rows of the service's own store, changed through AccessService by an officer. Every transaction reads the
// one rights-version key, so a withdrawn right stops the very next call and, by serializability, every call that has not
// committed yet. Checks themselves run on a table in memory that follows the rows.
//
// Thread safety: any thread. Cost of a check: a hash look-up and one point read.
#ifndef EGOV_LIBS_ACCESS_ACCESS_H_
#define EGOV_LIBS_ACCESS_ACCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "egov/access/v1/access_service.pb.h"
#include "libs/storage/store.h"

namespace egov::access {

// A method that rights may name, with the items its contract knows.
struct KnownMethod {
  std::string service;  // "egov.population.v1.PopulationService"
  std::string method;   // "GetPerson"
  std::vector<std::string> items;
};

struct AccessOptions {
  std::string instance;             // rights name subsystems of this instance
  std::string first_officer;        // SPIFFE URI; in force while the store names none
  absl::TimeZone time_zone;         // days of validity and quotas are civil days here
  std::vector<KnownMethod> methods;
};

// What was allowed: keeps which right, for its quota.
struct Grant {
  std::string right_id;
  uint64_t calls_per_day = 0;
  uint64_t codes_per_day = 0;
  bool time_stamp_required = false;
};

// What is asked for, as TLS and the header say it.
struct Asked {
  absl::string_view caller;   // SPIFFE URI
  absl::string_view service;
  absl::string_view method;
  absl::string_view purpose;
  absl::Span<const std::string> items;
  absl::Time now;
};

class Access : public storage::GroupHook {
 public:
  // Reads rights and today's counters, names the first officer when there is none, and registers with the store.
  static absl::StatusOr<std::unique_ptr<Access>> Open(storage::Store* store, AccessOptions options);

  // Whether the subsystem has any right for the method, or is an officer: what is asked before a seal is looked at, so
  // that strangers cost nothing. PERMISSION_DENIED NO_RIGHT.
  virtual absl::Status MayKnock(absl::string_view caller, absl::string_view service, absl::string_view method) const = 0;

  // Finds the right that covers purpose, items and day. PERMISSION_DENIED with reason NO_RIGHT, PURPOSE_NOT_ALLOWED,
  // ITEM_NOT_ALLOWED (field "items") or RIGHT_NOT_IN_FORCE; the text never depends on anybody's data.
  virtual absl::StatusOr<Grant> Authorize(storage::Transaction& transaction, const Asked& asked) = 0;

  // PERMISSION_DENIED NOT_AN_OFFICER.
  virtual absl::Status RequireOfficer(storage::Transaction& transaction, absl::string_view caller) = 0;

  // Spends one call and `codes` subjects of the right's day before anything is looked up. RESOURCE_EXHAUSTED with reason
  // CALL_QUOTA or CODE_QUOTA and the wait until the next day; then nothing is spent. Exact under any concurrency; the
  // counters are durable with the next commit and never too low after a crash.
  virtual absl::Status Spend(const Grant& grant, uint64_t codes, absl::Time now) = 0;

  // The commands behind AccessService.
  virtual absl::StatusOr<egov::access::v1::Right> GrantRight(storage::Transaction& transaction,
                                                             const egov::access::v1::Right& right,
                                                             absl::string_view new_id) = 0;
  virtual absl::Status RevokeRight(storage::Transaction& transaction, absl::string_view id) = 0;
  virtual absl::StatusOr<egov::access::v1::ListRightsResponse> ListRights(storage::Transaction& transaction,
                                                                          absl::string_view subsystem) = 0;
  virtual absl::Status AppointOfficer(storage::Transaction& transaction, absl::string_view uri) = 0;
  virtual absl::Status DismissOfficer(storage::Transaction& transaction, absl::string_view uri) = 0;
};

}  // namespace egov::access

#endif  // EGOV_LIBS_ACCESS_ACCESS_H_
