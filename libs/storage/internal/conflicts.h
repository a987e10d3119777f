// Who wrote what lately: enough to tell at commit whether what a transaction read is still so.
#ifndef EGOV_LIBS_STORAGE_INTERNAL_CONFLICTS_H_
#define EGOV_LIBS_STORAGE_INTERNAL_CONFLICTS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/storage/internal/write_buffer.h"

namespace egov::storage::internal {

// Groups are numbered 1, 2, ... in commit order. A point read remembers which group last wrote a
// key with the same hash; a scan remembers the newest group that it saw whole. A hash collision, or
// a read while the key is being written, refuses too much, never too little. The Observe functions
// may be called from any thread, all others by the committer only.
class Conflicts {
 public:
  Conflicts();

  struct PointRead {
    uint32_t slot;
    uint64_t
        version;  // kInFlight: a group was just writing it; what was read may be of either side
  };
  struct RangeRead {
    std::string begin, end;  // as in Reader::Scan
    uint64_t version;
  };

  // To be called before the read itself.
  PointRead ObservePoint(absl::string_view key) const;
  uint64_t ObserveRange() const { return published_.load(std::memory_order_acquire); }

  // Starts the next group. Its writes count at once for those validated after them.
  void BeginGroup();
  void Written(WriteBuffer& buffer);
  bool Unchanged(const PointRead& read) const;
  bool Unchanged(const RangeRead& read);
  // The group's writes can be read (or never will be: it failed).
  void Publish();
  uint64_t current() const { return current_; }

 private:
  static constexpr uint32_t kSlots = 1 << 20;
  static constexpr uint64_t kInFlight = ~0ull;
  static constexpr size_t kKeptGroups = 4096;
  static constexpr size_t kKeptBytes = 16 << 20;
  static constexpr size_t kManyRows = 4096;  // more rows of one table are kept as their span

  struct Recent {
    uint64_t number = 0;
    std::string bytes;                                // the keys, one after another
    std::vector<std::pair<uint32_t, uint32_t>> keys;  // offset, size in `bytes`
    bool sorted = true;
    std::vector<std::pair<std::string, std::string>> spans;  // first and last key of a large lane
    size_t cost = 0;
  };

  static uint32_t SlotOf(absl::string_view key);

  std::unique_ptr<std::atomic<uint64_t>[]> slots_;
  std::atomic<uint64_t> published_{0};
  uint64_t current_ = 0;
  std::deque<Recent> recent_;  // the last one is the current group's
  uint64_t forgotten_ = 0;     // number of the newest group that recent_ no longer has
  size_t kept_bytes_ = 0;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_INTERNAL_CONFLICTS_H_
