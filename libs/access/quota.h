// What is spent of the days of rights: exact in memory, written with the store's groups.
#ifndef EGOV_LIBS_ACCESS_QUOTA_H_
#define EGOV_LIBS_ACCESS_QUOTA_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/access/rights.h"
#include "libs/storage/store.h"

namespace egov::access {

// Thread safe.
class Quota {
 public:
  explicit Quota(absl::TimeZone time_zone) : time_zone_(time_zone) {}

  int64_t DayOf(absl::Time now) const;

  // As Access::Spend.
  absl::Status Spend(const std::shared_ptr<HeldRight>& right, uint64_t codes, absl::Time now);

  // Takes the counters that the store has; those of rights that are gone are deleted with the next
  // group.
  absl::Status Load(storage::Reader& reader, const RightsTable& rights);
  // Its right is gone: so goes its counter.
  void Forget(const HeldRight& right);

  // The hook's calls (storage::GroupHook).
  void OnGroup(storage::Group& group);
  void AfterGroup(const absl::Status& outcome);

 private:
  const absl::TimeZone time_zone_;
  std::mutex mutex_;
  // Guarded by mutex_, as are `spent` and `dirty` of the rights.
  std::vector<std::shared_ptr<HeldRight>> dirty_, writing_;
  std::vector<std::string> gone_, deleting_;
};

}  // namespace egov::access

#endif  // EGOV_LIBS_ACCESS_QUOTA_H_
