#include "libs/storage/internal/conflicts.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace egov::storage::internal {

Conflicts::Conflicts() : slots_(new std::atomic<uint64_t>[kSlots]()) {}

uint32_t Conflicts::SlotOf(absl::string_view key) {
  return static_cast<uint32_t>(absl::Hash<absl::string_view>()(key)) & (kSlots - 1);
}

Conflicts::PointRead Conflicts::ObservePoint(absl::string_view key) const {
  const uint32_t slot = SlotOf(key);
  // In this order: a version that is already published is then surely visible to the read that
  // follows.
  const uint64_t version = slots_[slot].load(std::memory_order_acquire);
  const bool visible = version <= published_.load(std::memory_order_acquire);
  return {slot, visible ? version : kInFlight};
}

void Conflicts::BeginGroup() {
  while (recent_.size() >= kKeptGroups || (kept_bytes_ > kKeptBytes && !recent_.empty())) {
    kept_bytes_ -= recent_.front().cost;
    forgotten_ = recent_.front().number;
    recent_.pop_front();
  }
  recent_.emplace_back().number = ++current_;
}

void Conflicts::Written(WriteBuffer& buffer) {
  Recent& recent = recent_.back();
  const size_t before = recent.cost;
  for (const auto& lane : buffer.lanes()) {
    const std::vector<Item>& items = lane->Sorted();
    const bool many = items.size() > kManyRows;
    for (const Item& item : items) {
      // Before the write itself, so that whoever reads the new value knows that it did.
      slots_[SlotOf(item.key())].store(current_, std::memory_order_release);
      if (many) continue;
      recent.keys.emplace_back(static_cast<uint32_t>(recent.bytes.size()), item.key_size);
      recent.bytes.append(item.key_data, item.key_size);
    }
    if (many) {
      recent.spans.emplace_back(std::string(items.front().key()), std::string(items.back().key()));
    }
  }
  recent.sorted = recent.keys.size() < 2;
  recent.cost = recent.bytes.size() + recent.keys.size() * sizeof(recent.keys[0]);
  kept_bytes_ += recent.cost - before;
}

bool Conflicts::Unchanged(const PointRead& read) const {
  return slots_[read.slot].load(std::memory_order_relaxed) == read.version;
}

bool Conflicts::Unchanged(const RangeRead& read) {
  if (read.version < forgotten_) return false;
  for (auto recent = recent_.rbegin(); recent != recent_.rend() && recent->number > read.version;
       ++recent) {
    const auto key_at = [&](const std::pair<uint32_t, uint32_t>& place) {
      return absl::string_view(recent->bytes).substr(place.first, place.second);
    };
    if (!recent->sorted) {
      std::sort(recent->keys.begin(), recent->keys.end(),
                [&](const auto& a, const auto& b) { return key_at(a) < key_at(b); });
      recent->sorted = true;
    }
    const auto first = std::lower_bound(
        recent->keys.begin(), recent->keys.end(), absl::string_view(read.begin),
        [&](const auto& place, absl::string_view key) { return key_at(place) < key; });
    if (first != recent->keys.end() && (read.end.empty() || key_at(*first) < read.end))
      return false;
    for (const auto& [low, high] : recent->spans) {
      if (high >= read.begin && (read.end.empty() || low < read.end)) return false;
    }
  }
  return true;
}

void Conflicts::Publish() { published_.store(current_, std::memory_order_release); }

}  // namespace egov::storage::internal
