// A transaction in the making: its write buffer and what it has read.
#ifndef EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_TRANSACTION_H_
#define EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_TRANSACTION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "libs/storage/internal/optimistic_store.h"

namespace egov::storage::internal {

class OptimisticTransaction final : public Transaction {
 public:
  explicit OptimisticTransaction(OptimisticStore* store)
      : store_(store), horizon_(store->horizon()) {}

  absl::StatusOr<bool> Get(absl::string_view key, std::string* value) override;
  absl::Status MultiGet(absl::Span<const std::string> keys,
                        std::vector<absl::optional<std::string>>* values) override;
  absl::Status Scan(absl::string_view begin, absl::string_view end, Visitor visit) override {
    return Walk(begin, end, /*backward=*/false, visit);
  }
  absl::Status ScanBackward(absl::string_view begin, absl::string_view end,
                            Visitor visit) override {
    return Walk(begin, end, /*backward=*/true, visit);
  }
  uint64_t horizon() const override { return horizon_; }

  void Put(absl::string_view key, absl::string_view value) override { buffer.Put(key, value); }
  void Delete(absl::string_view key) override { buffer.Delete(key); }
  void PutStamped(absl::string_view prefix, absl::string_view suffix,
                  absl::string_view value) override {
    buffer.PutStamped(prefix, suffix, value);
  }
  void DropWrites() override {
    buffer.Clear();
    entry.reset();
  }
  void Append(std::unique_ptr<Entry> appended) override { entry = std::move(appended); }
  void set_commit_class(CommitClass c) override { commit_class = c; }
  bool DependOn(absl::string_view key) override;

  // The committer's from Commit on.
  WriteBuffer buffer;
  std::unique_ptr<Entry> entry;
  CommitClass commit_class = CommitClass::kMutation;
  absl::InlinedVector<Conflicts::PointRead, 8> points;
  std::vector<Conflicts::RangeRead> ranges;

 private:
  absl::Status Walk(absl::string_view begin, absl::string_view end, bool backward, Visitor visit);

  OptimisticStore* const store_;
  const uint64_t horizon_;
};

// A view of one moment.
class SnapshotReader final : public Reader {
 public:
  SnapshotReader(OptimisticStore* store, std::unique_ptr<Engine::View> view, uint64_t horizon)
      : store_(store), view_(std::move(view)), horizon_(horizon) {}

  absl::StatusOr<bool> Get(absl::string_view key, std::string* value) override;
  absl::Status MultiGet(absl::Span<const std::string> keys,
                        std::vector<absl::optional<std::string>>* values) override;
  absl::Status Scan(absl::string_view begin, absl::string_view end, Visitor visit) override;
  absl::Status ScanBackward(absl::string_view begin, absl::string_view end, Visitor visit) override;
  uint64_t horizon() const override { return horizon_; }

 private:
  OptimisticStore* const store_;
  const std::unique_ptr<Engine::View> view_;
  const uint64_t horizon_;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_TRANSACTION_H_
