// What an engine must be able to do. Transactions, order, hooks and followers are the same on all
// of them (optimistic_store.h).
#ifndef EGOV_LIBS_STORAGE_INTERNAL_ENGINE_H_
#define EGOV_LIBS_STORAGE_INTERNAL_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "libs/storage/internal/write_buffer.h"
#include "libs/storage/store.h"

namespace egov::storage::internal {

// The row that says how far the store is: in each group's batch, so that it is never ahead of its
// data nor behind.
struct Head {
  uint64_t horizon = 0;  // entries sequenced
  uint64_t group =
      0;  // groups written; an engine may keep it elsewhere too, to notice that some are missing
};

// Key of the head row: the first row of table 0, which is storage's own.
absl::string_view HeadKey();
std::string EncodeHead(const Head& head);
absl::StatusOr<Head> DecodeHead(absl::string_view bytes);

// Statuses are the store's (store.h): DISK_FULL, STORE_CORRUPT, STORE_FAILED. Reads may come from
// any thread, the rest from the committer.
class Engine {
 public:
  // One moment of the store.
  class View {
   public:
    virtual ~View() = default;
  };

  virtual ~Engine() = default;

  // Reads the newest state, or `view` when it is not null.
  virtual absl::StatusOr<bool> Get(const View* view, absl::string_view key, std::string* value) = 0;
  virtual absl::Status MultiGet(const View* view, absl::Span<const absl::string_view> keys,
                                std::vector<absl::optional<std::string>>* values) = 0;
  virtual absl::Status Scan(const View* view, absl::string_view begin, absl::string_view end,
                            bool backward, Visitor visit) = 0;
  virtual absl::StatusOr<std::unique_ptr<View>> Snapshot() = 0;

  // Writes the buffers, later ones over earlier ones, all or nothing; durable when it returns OK.
  // `head` is in them. `bulk`: there is much, and most of it is new.
  virtual absl::Status Write(absl::Span<WriteBuffer* const> buffers, const Head& head, bool bulk,
                             absl::FunctionRef<void()> before_visible) = 0;

  // Makes a store writable again after DISK_FULL.
  virtual absl::Status Recover() = 0;

  virtual uint64_t
  FreeBytes() = 0;  // of the file system; all ones when that is not for the engine to say
  virtual void AddStatistics(StoreStatistics* statistics) = 0;

  // Tells of damage that background work found. Called once, before the first read.
  virtual void OnDamage(std::function<void(const absl::Status&)> report) = 0;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_INTERNAL_ENGINE_H_
