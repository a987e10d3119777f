#include "libs/storage/internal/write_buffer.h"

#include <algorithm>
#include <cstring>

#include "libs/base/bytes.h"

namespace egov::storage::internal {
namespace {

constexpr size_t kFirstChunk = 1024;
constexpr size_t kLargestChunk = 1 << 20;

// Eight bytes from `from` on as a number: orders nearly all keys without touching their memory
// again.
uint64_t Head(absl::string_view key, size_t from) {
  if (key.size() >= from + 8) return base::ReadU64(key.substr(from));
  uint64_t head = 0;
  for (size_t i = from; i < from + 8; ++i) {
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

const Item* Lane::Find(absl::string_view key) {
  if (ascending_) {
    const size_t at = LowerBound(key);
    return at < items_.size() && items_[at].key() == key ? &items_[at] : nullptr;
  }
  for (; indexed_ < items_.size(); ++indexed_) {
    index_[items_[indexed_].key()] = static_cast<uint32_t>(indexed_);
  }
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &items_[found->second];
}

void Lane::Write(const Item& item) {
  if (!ascending_ || items_.empty()) {
    items_.push_back(item);
    return;
  }
  const int order = items_.back().key().compare(item.key());
  if (order < 0) {
    items_.push_back(item);
  } else if (order == 0) {
    items_.back() = item;
  } else if (items_.size() < kSmall) {
    const size_t at = LowerBound(item.key());
    if (items_[at].key() == item.key()) {
      items_[at] = item;
    } else {
      items_.insert(items_.begin() + at, item);
    }
  } else {
    ascending_ = false;
    items_.push_back(item);
  }
}

const std::vector<Item>& Lane::Sorted() {
  if (ascending_) return items_;
  // Keys of one table have much in common at their front: compare what comes after.
  const absl::string_view first = items_[0].key();
  size_t common = first.size();
  for (const Item& item : items_) {
    const absl::string_view key = item.key();
    common = std::min(common, key.size());
    while (key.substr(0, common) != first.substr(0, common)) --common;
  }
  struct Place {
    uint64_t head;
    uint32_t at;
  };
  std::vector<Place> places(items_.size());
  for (uint32_t i = 0; i < items_.size(); ++i) places[i] = {Head(items_[i].key(), common), i};
  std::sort(places.begin(), places.end(), [this](const Place& a, const Place& b) {
    if (a.head != b.head) return a.head < b.head;
    const int order = items_[a.at].key().compare(items_[b.at].key());
    return order != 0 ? order < 0 : a.at < b.at;
  });
  std::vector<Item> sorted;
  sorted.reserve(items_.size());
  for (const Place& place : places) {
    const Item& item = items_[place.at];
    if (!sorted.empty() && sorted.back().key() == item.key()) {
      sorted.back() = item;  // written again later
    } else {
      sorted.push_back(item);
    }
  }
  items_ = std::move(sorted);
  index_.clear();
  indexed_ = 0;
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

void WriteBuffer::Write(absl::string_view key, absl::string_view kept_value, bool deleted) {
  const absl::string_view kept_key = Keep(key);
  Item item;
  item.key_data = kept_key.data();
  item.key_size = static_cast<uint32_t>(kept_key.size());
  item.value_data = kept_value.data();
  item.value_size = static_cast<uint32_t>(kept_value.size());
  item.deleted = deleted;
  bytes_ += kept_key.size() + kept_value.size();
  LaneFor(LaneOf(key))->Write(item);
}

void WriteBuffer::PutStamped(absl::string_view prefix, absl::string_view suffix,
                             absl::string_view value) {
  stamped_.push_back({Keep(prefix), Keep(suffix), Keep(value)});
  bytes_ += prefix.size() + suffix.size() + value.size();
}

void WriteBuffer::Clear() {
  lanes_.clear();
  last_lane_ = nullptr;
  stamped_.clear();
  bytes_ = 0;
  chunks_.clear();
  free_ = nullptr;
  left_ = 0;
}

void WriteBuffer::Stamp(uint64_t position) {
  std::string key;
  for (const Stamped& row : stamped_) {
    key.assign(row.prefix.data(), row.prefix.size());
    base::AppendU64(position, &key);
    key.append(row.suffix.data(), row.suffix.size());
    Write(key, row.value, /*deleted=*/false);
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
