// What a transaction, or a group's hooks, are about to write: cheap for three rows and for three
// hundred thousand.
#ifndef EGOV_LIBS_STORAGE_INTERNAL_WRITE_BUFFER_H_
#define EGOV_LIBS_STORAGE_INTERNAL_WRITE_BUFFER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace egov::storage::internal {

// One row to be written. The bytes live in the buffer's arena.
struct Item {
  const char* key_data = nullptr;
  const char* value_data = nullptr;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  bool deleted = false;

  absl::string_view key() const { return {key_data, key_size}; }
  absl::string_view value() const { return {value_data, value_size}; }
};

// The rows of one table (all keys with the same two first bytes). A bulk load writes several tables
// in turn, some in ascending order: kept apart, an ascending lane needs neither a sort nor a hash.
// One that is not ascending is sorted once, at commit, and hashed only when somebody reads from it.
class Lane {
 public:
  explicit Lane(uint16_t id) : id_(id) {}
  uint16_t id() const { return id_; }

  // The item of `key`, or null. Valid until the next Write.
  const Item* Find(absl::string_view key);

  // Adds the item, or replaces that of the same key.
  void Write(const Item& item);

  // The items in ascending order. Sorts when that is needed: cheap when asked again without a Write
  // between.
  const std::vector<Item>& Sorted();

 private:
  // Up to here an insertion in the middle moves the tail, which is cheaper than a sort later.
  static constexpr size_t kSmall = 64;

  size_t LowerBound(absl::string_view key) const;

  uint16_t id_;
  bool ascending_ = true;  // items_ is in order, each key once; else a key's last item counts
  std::vector<Item> items_;
  absl::flat_hash_map<absl::string_view, uint32_t> index_;  // of the first indexed_ items
  size_t indexed_ = 0;                                      // 0 when ascending_
};

// Not thread safe.
class WriteBuffer {
 public:
  WriteBuffer() = default;
  WriteBuffer(const WriteBuffer&) = delete;
  WriteBuffer& operator=(const WriteBuffer&) = delete;

  void Put(absl::string_view key, absl::string_view value) { Write(key, Keep(value), false); }
  void Delete(absl::string_view key) { Write(key, {}, true); }
  void PutStamped(absl::string_view prefix, absl::string_view suffix, absl::string_view value);

  // Turns the stamped rows into ordinary ones.
  void Stamp(uint64_t position);
  bool has_stamped() const { return !stamped_.empty(); }

  // The row written for `key`, or null.
  const Item* Find(absl::string_view key) const;

  // Copies the rows of begin <= key < end (an empty end: no bound) in ascending order.
  std::vector<Item> Range(absl::string_view begin, absl::string_view end);

  // The lanes in ascending order of their id.
  const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }
  Lane* FindLane(uint16_t id) const;

  // Forgets all of it.
  void Clear();

  size_t bytes() const { return bytes_; }  // of keys and values written
  bool empty() const { return lanes_.empty() && stamped_.empty(); }

  // The lane of a key: its first two bytes, missing ones taken as zero, which keeps the order of
  // lanes that of keys.
  static uint16_t LaneOf(absl::string_view key);

 private:
  struct Stamped {
    absl::string_view prefix, suffix, value;
  };

  void Write(absl::string_view key, absl::string_view kept_value, bool deleted);
  Lane* LaneFor(uint16_t id);
  absl::string_view Keep(absl::string_view bytes);

  std::vector<std::unique_ptr<Lane>> lanes_;
  Lane* last_lane_ = nullptr;
  std::vector<Stamped> stamped_;
  size_t bytes_ = 0;

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* free_ = nullptr;
  size_t left_ = 0;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_INTERNAL_WRITE_BUFFER_H_
