#include "libs/storage/internal/write_buffer.h"

#include <algorithm>
#include <cstring>

#include "libs/base/bytes.h"

namespace egov::storage::internal {
namespace {

constexpr size_t kFirstChunk = 1024;
constexpr size_t kLargestChunk = 1 << 20;

// Bytes 2 to 9 as a number: orders nearly all keys of a lane without touching their memory.
uint64_t Head(absl::string_view key) {
  uint64_t head = 0;
  for (size_t i = 2; i < 10; ++i) {
    head = head << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return head;
}

}  // namespace

size_t Lane::LowerBound(absl::string_view key) const {
  return std::lower_bound(items_.begin(), items_.end(), key,
                          [](const Item& item, absl::string_view k) { return item.key() < k; }) -
         items_.begin();
}

Item* Lane::Find(absl::string_view key) {
  if (!ascending_) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &items_[found->second];
  }
  if (items_.empty()) return nullptr;
  const int order = items_.back().key().compare(key);
  if (order <= 0) return order == 0 ? &items_.back() : nullptr;  // an append, the usual case
  const size_t at = LowerBound(key);
  return items_[at].key() == key ? &items_[at] : nullptr;
}

void Lane::Insert(const Item& item) {
  if (ascending_ && (items_.empty() || items_.back().key() < item.key())) {
    items_.push_back(item);
    return;
  }
  if (ascending_ && items_.size() < kSmall) {
    items_.insert(items_.begin() + LowerBound(item.key()), item);
    return;
  }
  if (ascending_) {
    ascending_ = false;
    index_.reserve(4 * items_.size());
    for (uint32_t i = 0; i < items_.size(); ++i) index_.emplace(items_[i].key(), i);
  }
  index_.emplace(item.key(), static_cast<uint32_t>(items_.size()));
  items_.push_back(item);
}

const std::vector<Item>& Lane::Sorted() {
  if (ascending_) return items_;
  struct Place {
    uint64_t head;
    uint32_t at;
  };
  std::vector<Place> places(items_.size());
  for (uint32_t i = 0; i < items_.size(); ++i) places[i] = {Head(items_[i].key()), i};
  std::sort(places.begin(), places.end(), [this](const Place& a, const Place& b) {
    if (a.head != b.head) return a.head < b.head;
    return items_[a.at].key() < items_[b.at].key();
  });
  std::vector<Item> sorted(items_.size());
  for (size_t i = 0; i < places.size(); ++i) sorted[i] = items_[places[i].at];
  items_ = std::move(sorted);
  index_.clear();
  ascending_ = true;
  return items_;
}

uint16_t WriteBuffer::LaneOf(absl::string_view key) {
  const uint16_t high = key.empty() ? 0 : static_cast<uint8_t>(key[0]);
  const uint16_t low = key.size() < 2 ? 0 : static_cast<uint8_t>(key[1]);
  return static_cast<uint16_t>(high << 8 | low);
}

absl::string_view WriteBuffer::Keep(absl::string_view bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > left_) {
    size_t size = kFirstChunk << std::min<size_t>(chunks_.size(), 10);
    size = std::max(std::min(size, kLargestChunk), bytes.size());
    chunks_.emplace_back(new char[size]);
    free_ = chunks_.back().get();
    left_ = size;
  }
  char* const kept = free_;
  std::memcpy(kept, bytes.data(), bytes.size());
  free_ += bytes.size();
  left_ -= bytes.size();
  return {kept, bytes.size()};
}

Lane* WriteBuffer::FindLane(uint16_t id) const {
  if (last_lane_ != nullptr && last_lane_->id() == id) return last_lane_;
  const auto at = std::lower_bound(
      lanes_.begin(), lanes_.end(), id,
      [](const std::unique_ptr<Lane>& lane, uint16_t other) { return lane->id() < other; });
  return at != lanes_.end() && (*at)->id() == id ? at->get() : nullptr;
}

Lane* WriteBuffer::LaneFor(uint16_t id) {
  Lane* lane = FindLane(id);
  if (lane == nullptr) {
    const auto at = std::lower_bound(
        lanes_.begin(), lanes_.end(), id,
        [](const std::unique_ptr<Lane>& other, uint16_t i) { return other->id() < i; });
    lane = lanes_.insert(at, std::make_unique<Lane>(id))->get();
  }
  last_lane_ = lane;
  return lane;
}

void WriteBuffer::Write(absl::string_view key, const absl::string_view* value) {
  Lane* const lane = LaneFor(LaneOf(key));
  Item fresh;
  Item* item = lane->Find(key);
  const bool is_new = item == nullptr;
  if (is_new) {
    const absl::string_view kept = Keep(key);
    fresh.key_data = kept.data();
    fresh.key_size = static_cast<uint32_t>(kept.size());
    item = &fresh;
    bytes_ += key.size();
  }
  item->deleted = value == nullptr;
  const absl::string_view kept = value == nullptr ? absl::string_view() : Keep(*value);
  item->value_data = kept.data();
  item->value_size = static_cast<uint32_t>(kept.size());
  bytes_ += kept.size();
  if (is_new) lane->Insert(fresh);
}

void WriteBuffer::PutStamped(absl::string_view prefix, absl::string_view suffix,
                             absl::string_view value) {
  stamped_.push_back({Keep(prefix), Keep(suffix), Keep(value)});
  bytes_ += prefix.size() + suffix.size() + value.size();
}

void WriteBuffer::Stamp(uint64_t position) {
  std::string key;
  for (const Stamped& row : stamped_) {
    key.assign(row.prefix.data(), row.prefix.size());
    base::AppendU64(position, &key);
    key.append(row.suffix.data(), row.suffix.size());
    Put(key, row.value);
  }
  stamped_.clear();
}

const Item* WriteBuffer::Find(absl::string_view key) const {
  Lane* const lane = FindLane(LaneOf(key));
  return lane == nullptr ? nullptr : lane->Find(key);
}

std::vector<Item> WriteBuffer::Range(absl::string_view begin, absl::string_view end) {
  std::vector<Item> range;
  for (const auto& lane : lanes_) {
    if (lane->id() < LaneOf(begin)) continue;
    if (!end.empty() && lane->id() > LaneOf(end)) break;
    const std::vector<Item>& items = lane->Sorted();
    auto item =
        std::lower_bound(items.begin(), items.end(), begin,
                         [](const Item& i, absl::string_view key) { return i.key() < key; });
    for (; item != items.end() && (end.empty() || item->key() < end); ++item) {
      range.push_back(*item);
    }
  }
  return range;
}

}  // namespace egov::storage::internal
