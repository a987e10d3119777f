// The rights in memory: what Access checks on, and what of their days is spent.
#ifndef EGOV_LIBS_ACCESS_RIGHTS_H_
#define EGOV_LIBS_ACCESS_RIGHTS_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "egov/access/v1/access_service.pb.h"

namespace egov::access {

// What was spent on a day (days since 1970-01-01).
struct Spent {
  int64_t day = 0;
  uint64_t calls = 0;
  uint64_t codes = 0;
};

struct HeldRight {
  // Immutable.
  std::string id;
  std::string purpose;
  std::vector<std::string> items;  // sorted
  int64_t first_day = 0;
  int64_t last_day = std::numeric_limits<int64_t>::max();
  uint64_t calls_per_day = 0;
  uint64_t codes_per_day = 0;
  bool time_stamp_required = false;
  // Guarded by the quota's mutex.
  Spent spent;
  bool dirty = false;

  bool Covers(absl::Span<const std::string> asked) const;
};

// Not thread safe.
class RightsTable {
 public:
  using Rights = std::vector<std::shared_ptr<HeldRight>>;  // by id

  // Adds a right that was granted; nothing happens when its id is there.
  void Add(const egov::access::v1::Right& right);
  // Takes it out; null when it is not there.
  std::shared_ptr<HeldRight> Remove(absl::string_view id);

  // Null when the caller has none for the method.
  const Rights* Find(absl::string_view caller, absl::string_view service,
                     absl::string_view method) const;
  std::shared_ptr<HeldRight> FindById(absl::string_view id) const;

  absl::flat_hash_set<std::string> officers;
  uint64_t version = 0;

 private:
  struct KeyView {
    absl::string_view caller, service, method;
  };
  struct Key {
    std::string caller, service, method;
    operator KeyView() const { return {caller, service, method}; }  // NOLINT: looked up as one
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const KeyView& key) const {
      return absl::HashOf(key.caller, key.service, key.method);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const {
      return a.method == b.method && a.caller == b.caller && a.service == b.service;
    }
  };

  absl::flat_hash_map<Key, Rights, Hash, Equal> by_method_;
  absl::flat_hash_map<std::string, std::pair<Key, std::shared_ptr<HeldRight>>> by_id_;
};

}  // namespace egov::access

#endif  // EGOV_LIBS_ACCESS_RIGHTS_H_
