// Who may ask this service for what. Default deny.
//
// Rights are rows of the service's own store, changed through AccessService by an officer. Every
// transaction reads the one rights-version key, so a withdrawn right stops the very next call and,
// by serializability, every call that has not committed yet. Checks themselves run on a table in
// memory that follows the rows.
//
// A check that meets a change of rights which is durable but not yet in that table waits the moment
// until it is. A call that was authorised under a right withdrawn before it committed fails to
// commit (ABORTED WRITE_CONFLICT) and is run again, so that Authorize refuses it: after
// RevokeRight's commit was acknowledged nothing commits under the right.
//
// Tables 0x0020..0x0024 of the store: rights by id, officers by URI, the version, what is spent of
// a day by right, who was the first officer.
//
// Thread safety: any thread, but Authorize and the other functions with a transaction not from a
// hook, follower or `done` of the store. Cost of MayKnock, Authorize and Spend together: under 1 us
// and one point read; they allocate nothing when they allow.
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
  std::string instance;       // rights name subsystems of this instance
  std::string first_officer;  // SPIFFE URI; an officer from the first opening; empty: nobody is
  absl::TimeZone time_zone;   // days of validity and quotas are civil days here
  // Every method that needs a right, and what is none but needs one all the same:
  // {"egov.evidence.v1.EvidenceService", "audit", {}}.
  std::vector<KnownMethod> methods;
};

struct HeldRight;  // a right in memory, with what is spent of its day

// What was allowed: keeps which right, for its quota.
struct Grant {
  std::shared_ptr<HeldRight> right;
  absl::string_view right_id;  // lives as long as `right`
  uint64_t calls_per_day = 0;
  uint64_t codes_per_day = 0;
  bool time_stamp_required = false;
};

// What is asked for, as TLS and the header say it.
struct Asked {
  absl::string_view caller;  // SPIFFE URI
  absl::string_view service;
  absl::string_view method;
  absl::string_view purpose;
  absl::Span<const std::string> items;  // in any order; sorted is cheapest
  absl::Time now;
};

class Access : public storage::GroupHook {
 public:
  // Reads rights, officers and counters, and registers with the store (as hook and follower, so
  // before its first commit; outlives the store). The first opening with a first officer writes the
  // officer's row and who was first, durably and without an entry; from then on officers are
  // changed by commands only, which leave evidence. INVALID_ARGUMENT BAD_OFFICER,
  // FAILED_PRECONDITION FIRST_OFFICER_CHANGED (field register.first_officer).
  static absl::StatusOr<std::unique_ptr<Access>> Open(storage::Store* store, AccessOptions options);

  // Whether the subsystem has any right for the method, or is an officer: what is asked before a
  // seal is looked at, so that strangers cost nothing. PERMISSION_DENIED NO_RIGHT.
  virtual absl::Status MayKnock(absl::string_view caller, absl::string_view service,
                                absl::string_view method) const = 0;

  // Finds the one right that covers purpose, day and all items: they are never put together from
  // several; of several that do, the first by id. PERMISSION_DENIED with the reason of the last of
  // these steps that some right came to: NO_RIGHT, PURPOSE_NOT_ALLOWED, RIGHT_NOT_IN_FORCE,
  // ITEM_NOT_ALLOWED (field "items"). The text never depends on anybody's data.
  virtual absl::StatusOr<Grant> Authorize(storage::Transaction& transaction,
                                          const Asked& asked) = 0;

  // PERMISSION_DENIED NOT_AN_OFFICER.
  virtual absl::Status RequireOfficer(storage::Transaction& transaction,
                                      absl::string_view caller) = 0;

  // Spends one call and `codes` subjects of the right's day before anything is looked up.
  // RESOURCE_EXHAUSTED with reason CALL_QUOTA or CODE_QUOTA and the wait until the next day (no
  // wait when one call asks for more than a day's codes); then nothing is spent. Exact under any
  // concurrency. The counters are durable with the next group that has an entry, so with the record
  // of the call itself at the latest: never too low after a crash. A clock that steps back does not
  // give a day twice. Once for each call, not for each run of its transaction.
  virtual absl::Status Spend(const Grant& grant, uint64_t codes, absl::Time now) = 0;

  // The commands behind AccessService. Fields of errors are those of the argument ("items[1]"): put
  // base::InField before.
  //
  // INVALID_ARGUMENT BAD_SUBSYSTEM, UNKNOWN_METHOD, UNKNOWN_ITEM, BAD_PERIOD (a day that is partial
  // or does not exist, an end before the beginning), MISSING_FIELD (purpose). The right's own id is
  // replaced by `new_id`, items are sorted.
  virtual absl::StatusOr<egov::access::v1::Right> GrantRight(storage::Transaction& transaction,
                                                             const egov::access::v1::Right& right,
                                                             absl::string_view new_id) = 0;
  // NOT_FOUND UNKNOWN_RIGHT.
  virtual absl::Status RevokeRight(storage::Transaction& transaction, absl::string_view id) = 0;
  // Those granted and not withdrawn, by id, days past and to come included; the officers in force.
  virtual absl::StatusOr<egov::access::v1::ListRightsResponse> ListRights(
      storage::Transaction& transaction, absl::string_view subsystem) = 0;
  // INVALID_ARGUMENT BAD_OFFICER.
  virtual absl::Status AppointOfficer(storage::Transaction& transaction, absl::string_view uri) = 0;
  // NOT_FOUND UNKNOWN_OFFICER, FAILED_PRECONDITION LAST_OFFICER.
  virtual absl::Status DismissOfficer(storage::Transaction& transaction, absl::string_view uri) = 0;
};

}  // namespace egov::access

#endif  // EGOV_LIBS_ACCESS_ACCESS_H_
