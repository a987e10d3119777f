#include "libs/storage/internal/optimistic_transaction.h"

#include <algorithm>

#include "libs/base/status.h"

namespace egov::storage::internal {

absl::StatusOr<bool> OptimisticTransaction::Get(absl::string_view key, std::string* value) {
  if (const Item* own = buffer.Find(key)) {
    if (own->deleted) return false;
    value->assign(own->value_data, own->value_size);
    return true;
  }
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  points.push_back(store_->conflicts().ObservePoint(key));
  auto found = store_->engine().Get(nullptr, key, value);
  if (!found.ok()) store_->Examine(found.status());
  return found;
}

bool OptimisticTransaction::DependOn(absl::string_view key) {
  points.push_back(store_->conflicts().ObservePoint(key));
  return points.back().version <= store_->told();  // kInFlight is above all
}

absl::Status OptimisticTransaction::MultiGet(absl::Span<const std::string> keys,
                                             std::vector<absl::optional<std::string>>* values) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  values->assign(keys.size(), absl::nullopt);
  std::vector<absl::string_view> wanted;
  std::vector<size_t> places;
  wanted.reserve(keys.size());
  places.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (const Item* own = buffer.Find(keys[i])) {
      if (!own->deleted) (*values)[i] = std::string(own->value());
      continue;
    }
    points.push_back(store_->conflicts().ObservePoint(keys[i]));
    wanted.push_back(keys[i]);
    places.push_back(i);
  }
  std::vector<absl::optional<std::string>> found;
  const absl::Status status = store_->engine().MultiGet(nullptr, wanted, &found);
  if (!status.ok()) {
    store_->Examine(status);
    return status;
  }
  for (size_t i = 0; i < found.size(); ++i) (*values)[places[i]] = std::move(found[i]);
  return absl::OkStatus();
}

absl::Status OptimisticTransaction::Walk(absl::string_view begin, absl::string_view end,
                                         bool backward, Visitor visit) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  std::vector<Item> own = buffer.Range(begin, end);
  if (backward) std::reverse(own.begin(), own.end());
  const auto before = [backward](absl::string_view a, absl::string_view b) {
    return backward ? b < a : a < b;
  };

  Conflicts::RangeRead read{std::string(begin), std::string(end),
                            store_->conflicts().ObserveRange()};
  auto next = own.begin();
  bool stopped = false;
  const auto show = [&](absl::string_view key, absl::string_view value) {
    if (visit(key, value)) return true;
    // What lies beyond was not read, and may change.
    stopped = true;
    if (backward) {
      read.begin.assign(key.data(), key.size());
    } else {
      read.end.assign(key.data(), key.size());
      read.end.push_back('\0');
    }
    return false;
  };
  const auto show_own_before = [&](const absl::string_view* bound) {
    for (; next != own.end() && (bound == nullptr || before(next->key(), *bound)); ++next) {
      if (!next->deleted && !show(next->key(), next->value())) return false;
    }
    return true;
  };
  const absl::Status status = store_->engine().Scan(
      nullptr, begin, end, backward, [&](absl::string_view key, absl::string_view value) {
        if (!show_own_before(&key)) return false;
        if (next != own.end() && next->key() == key) {  // ours hides the store's
          const Item& item = *next++;
          return item.deleted || show(item.key(), item.value());
        }
        return show(key, value);
      });
  if (!status.ok()) {
    store_->Examine(status);
    return status;
  }
  if (!stopped) show_own_before(nullptr);
  ranges.push_back(std::move(read));
  return absl::OkStatus();
}

absl::StatusOr<bool> SnapshotReader::Get(absl::string_view key, std::string* value) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  auto found = store_->engine().Get(view_.get(), key, value);
  if (!found.ok()) store_->Examine(found.status());
  return found;
}

absl::Status SnapshotReader::MultiGet(absl::Span<const std::string> keys,
                                      std::vector<absl::optional<std::string>>* values) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  const std::vector<absl::string_view> wanted(keys.begin(), keys.end());
  const absl::Status status = store_->engine().MultiGet(view_.get(), wanted, values);
  store_->Examine(status);
  return status;
}

absl::Status SnapshotReader::Scan(absl::string_view begin, absl::string_view end, Visitor visit) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  const absl::Status status = store_->engine().Scan(view_.get(), begin, end, false, visit);
  store_->Examine(status);
  return status;
}

absl::Status SnapshotReader::ScanBackward(absl::string_view begin, absl::string_view end,
                                          Visitor visit) {
  EGOV_RETURN_IF_ERROR(store_->CheckReadable());
  const absl::Status status = store_->engine().Scan(view_.get(), begin, end, true, visit);
  store_->Examine(status);
  return status;
}

}  // namespace egov::storage::internal
