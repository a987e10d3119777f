// Typed tables on a store: keys that sort as their values do, protobuf rows with a format version,
// secondary indexes.
//
//   storage::Table<uint64_t, Person> people(0x0101);
//   auto by_name = people.AddIndex<std::string>(0x0102, [](const uint64_t&, const Person& p, auto*
//   out) {
//     out->push_back(p.family_name());
//   });
//   EGOV_RETURN_IF_ERROR(people.Put(transaction, 7, person));
//   EGOV_ASSIGN_OR_RETURN(bool found, people.Get(transaction, 7, &person));   // `person` is reused
//
// A row is key = table id (2 bytes) | key bytes; value = format version (1 byte) | message. An
// index row is index id | index key | key bytes, without a value. Tables are built once and then
// shared between threads; all functions are const and as safe as the Reader they are given.
#ifndef EGOV_LIBS_STORAGE_TABLE_H_
#define EGOV_LIBS_STORAGE_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/storage/keys.h"
#include "libs/storage/store.h"

namespace egov::storage {

using TableId = uint16_t;

namespace internal {

// Buffers of this thread, so that a Get allocates nothing. Nothing that a Get calls calls Get.
struct RowScratch {
  std::string key, value;

  static RowScratch& Local() {
    thread_local RowScratch scratch;
    // One large row must not stay in memory for the life of the thread.
    if (scratch.value.capacity() > 64 * 1024) std::string().swap(scratch.value);
    return scratch;
  }
};

}  // namespace internal

// How a value becomes bytes; the default is a protobuf message. A narrow table brings its own: two
// functions like these.
template <typename Value>
struct ProtoCodec {
  static bool Append(const Value& value, std::string* out) { return value.AppendToString(out); }
  static bool Parse(absl::string_view bytes, Value* value) {
    return value->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
};

// The bytes themselves.
struct BytesCodec {
  static bool Append(const std::string& value, std::string* out) {
    out->append(value);
    return true;
  }
  static bool Parse(absl::string_view bytes, std::string* value) {
    value->assign(bytes.data(), bytes.size());
    return true;
  }
};

// Which format a table's rows are in. Rows of `version` and of version - 1 are read; version - 1 is
// written for as long as `write_previous`, so that a release can be taken back until told
// otherwise.
template <typename Value>
struct Format {
  uint8_t version = 1;
  bool write_previous = false;
  std::function<void(Value*)>
      from_previous;  // makes a row of version - 1 one of `version`; none: they read alike
  std::function<void(Value*)> to_previous;  // the way back
};

// Rows of a table with begin <= key < end (an empty end: no bound).
struct KeyRange {
  std::string begin;
  std::string end;
};

// A secondary index, as AddIndex returns it.
template <typename IndexKey, typename Key>
class Index {
 public:
  explicit Index(TableId id) : id_(id) {}

  // Visits the keys of the rows under `key`, ascending; the visitor returns false to stop.
  absl::Status Find(Reader& reader, const IndexKey& key,
                    absl::FunctionRef<bool(const Key&)> visit) const {
    const std::string begin = Begin(key);
    return Walk(reader, begin, AfterPrefix(begin),
                [&](const IndexKey&, const Key& row) { return visit(row); });
  }

  // Visits from <= index key < to.
  absl::Status Scan(Reader& reader, const IndexKey& from, const IndexKey& to,
                    absl::FunctionRef<bool(const IndexKey&, const Key&)> visit) const {
    return Walk(reader, Begin(from), Begin(to), visit);
  }

  TableId id() const { return id_; }

 private:
  std::string Begin(const IndexKey& key) const {
    std::string out;
    base::AppendU16(id_, &out);
    KeyCodec<IndexKey>::Append(key, &out);
    return out;
  }

  absl::Status Walk(Reader& reader, absl::string_view begin, absl::string_view end,
                    absl::FunctionRef<bool(const IndexKey&, const Key&)> visit) const {
    bool readable = true;
    IndexKey index_key;
    Key key;
    EGOV_RETURN_IF_ERROR(reader.Scan(begin, end, [&](absl::string_view row, absl::string_view) {
      row.remove_prefix(2);
      readable = KeyCodec<IndexKey>::Take(&row, &index_key) && DecodeKey(row, &key);
      return readable && visit(index_key, key);
    }));
    if (readable) return absl::OkStatus();
    return base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                       absl::StrCat("index ", id_, " holds a key that is none of its own"));
  }

  TableId id_;
};

template <typename Key, typename Value, typename Codec = ProtoCodec<Value>>
class Table {
 public:
  explicit Table(TableId id, Format<Value> format = {}) : id_(id), format_(std::move(format)) {}

  // Declares an index, before the table is used: `extract` adds the index keys of a row to *out
  // (none, one or many).
  template <typename IndexKey>
  Index<IndexKey, Key> AddIndex(
      TableId id,
      std::function<void(const Key&, const Value&, std::vector<IndexKey>* out)> extract) {
    indexes_.push_back([id, extract = std::move(extract)](const Key& key, const Value& value,
                                                          std::vector<std::string>* rows) {
      std::vector<IndexKey> found;
      extract(key, value, &found);
      for (const IndexKey& index_key : found) {
        std::string row;
        base::AppendU16(id, &row);
        KeyCodec<IndexKey>::Append(index_key, &row);
        KeyCodec<Key>::Append(key, &row);
        rows->push_back(std::move(row));
      }
    });
    return Index<IndexKey, Key>(id);
  }

  // Whether the row is there; it is parsed into *value, which is cleared first and keeps its
  // memory.
  absl::StatusOr<bool> Get(Reader& reader, const Key& key, Value* value) const {
    internal::RowScratch& scratch = internal::RowScratch::Local();
    EGOV_ASSIGN_OR_RETURN(const bool found, reader.Get(RowKey(key, &scratch.key), &scratch.value));
    if (!found) return false;
    EGOV_RETURN_IF_ERROR(Decode(scratch.value, value));
    return true;
  }

  absl::StatusOr<bool> Has(Reader& reader, const Key& key) const {
    internal::RowScratch& scratch = internal::RowScratch::Local();
    return reader.Get(RowKey(key, &scratch.key), &scratch.value);
  }

  // One answer for each key, in order.
  absl::Status MultiGet(Reader& reader, absl::Span<const Key> keys,
                        std::vector<absl::optional<Value>>* values) const {
    std::vector<std::string> rows(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) RowKey(keys[i], &rows[i]);
    std::vector<absl::optional<std::string>> found;
    EGOV_RETURN_IF_ERROR(reader.MultiGet(rows, &found));
    values->assign(keys.size(), absl::nullopt);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i]) EGOV_RETURN_IF_ERROR(Decode(*found[i], &(*values)[i].emplace()));
    }
    return absl::OkStatus();
  }

  // Writes the row, replacing what was there. With indexes it reads the old row first; Insert does
  // not.
  absl::Status Put(Transaction& transaction, const Key& key, const Value& value) const {
    std::vector<std::string> old_rows;
    if (!indexes_.empty()) {
      Value old;
      EGOV_ASSIGN_OR_RETURN(const bool found, Get(transaction, key, &old));
      if (found) old_rows = IndexRows(key, old);
    }
    return Write(transaction, key, value, std::move(old_rows));
  }

  // Writes a row whose key is known to be new (just taken from a Sequence): reads nothing,
  // conflicts with nothing.
  absl::Status Insert(Transaction& transaction, const Key& key, const Value& value) const {
    return Write(transaction, key, value, {});
  }

  // Deletes the row if it is there.
  absl::Status Delete(Transaction& transaction, const Key& key) const {
    if (!indexes_.empty()) {
      Value old;
      EGOV_ASSIGN_OR_RETURN(const bool found, Get(transaction, key, &old));
      if (!found) return absl::OkStatus();
      for (const std::string& row : IndexRows(key, old)) transaction.Delete(row);
    }
    std::string row;
    transaction.Delete(RowKey(key, &row));
    return absl::OkStatus();
  }

  // Writes a row whose key is a tuple with a Position in it, known at commit: `before` and `after`
  // are tuples of the parts on either side of it. For tables without an index.
  template <typename Before, typename After = std::tuple<>>
  absl::Status PutStamped(Transaction& transaction, const Before& before, const Value& value,
                          const After& after = {}) const {
    using Whole = decltype(std::tuple_cat(before, std::tuple<Position>(), after));
    static_assert(std::is_same<Whole, Key>::value,
                  "before, Position, after must be the table's key");
    if (!indexes_.empty()) {
      return base::Error(absl::StatusCode::kInternal, "INDEXED_TABLE",
                         "a stamped row cannot be indexed");
    }
    std::string prefix, bytes;
    base::AppendU16(id_, &prefix);
    KeyCodec<Before>::Append(before, &prefix);
    EGOV_RETURN_IF_ERROR(Encode(value, &bytes));
    transaction.PutStamped(prefix, EncodeKey(after), bytes);
    return absl::OkStatus();
  }

  using RowVisitor = absl::FunctionRef<bool(const Key& key, const Value& value)>;

  // Visits the rows of the range in ascending (descending) order; the visitor returns false to
  // stop. The objects it is given are reused for the next row.
  absl::Status Scan(Reader& reader, const KeyRange& range, RowVisitor visit) const {
    return Walk(reader, range, /*backward=*/false, visit);
  }
  absl::Status ScanBackward(Reader& reader, const KeyRange& range, RowVisitor visit) const {
    return Walk(reader, range, /*backward=*/true, visit);
  }

  // Ranges: all rows; from <= key < to; from `from` on; all keys that begin with `parts`, a tuple
  // of leading parts.
  KeyRange All() const {
    std::string begin;
    base::AppendU16(id_, &begin);
    return {begin, AfterPrefix(begin)};
  }
  KeyRange Between(const Key& from, const Key& to) const {
    KeyRange range;
    RowKey(from, &range.begin);
    RowKey(to, &range.end);
    return range;
  }
  KeyRange From(const Key& from) const {
    KeyRange range = All();
    RowKey(from, &range.begin);
    return range;
  }
  template <typename Parts>
  KeyRange Prefix(const Parts& parts) const {
    std::string begin;
    base::AppendU16(id_, &begin);
    KeyCodec<Parts>::Append(parts, &begin);
    return {begin, AfterPrefix(begin)};
  }

  TableId id() const { return id_; }

  // The row as it is stored: for hooks, which write past Table, and followers, which read past it.
  std::string EncodeRowKey(const Key& key) const {
    std::string out;
    RowKey(key, &out);
    return out;
  }
  bool DecodeRowKey(absl::string_view row, Key* key) const {
    if (row.size() < 2 || base::ReadU16(row) != id_) return false;
    return DecodeKey(row.substr(2), key);
  }
  absl::Status Encode(const Value& value, std::string* out) const {
    const uint8_t version = format_.write_previous ? format_.version - 1 : format_.version;
    out->push_back(static_cast<char>(version));
    bool done;
    if (format_.write_previous && format_.to_previous) {
      Value previous = value;
      format_.to_previous(&previous);
      done = Codec::Append(previous, out);
    } else {
      done = Codec::Append(value, out);
    }
    if (done) return absl::OkStatus();
    return base::Error(absl::StatusCode::kInternal, "ROW_UNWRITABLE",
                       absl::StrCat("a row of table ", id_, " cannot be serialised"));
  }
  absl::Status Decode(absl::string_view bytes, Value* value) const {
    const uint8_t version = bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
    const bool previous = version != 0 && version + 1 == format_.version;
    if (version > format_.version) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "FORMAT_TOO_NEW",
                         absl::StrCat("table ", id_, " was written by a newer release"));
    }
    if ((version != format_.version && !previous) || !Codec::Parse(bytes.substr(1), value)) {
      return base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                         absl::StrCat("a row of table ", id_, " is not in its format"));
    }
    if (previous && format_.from_previous) format_.from_previous(value);
    return absl::OkStatus();
  }

 private:
  absl::string_view RowKey(const Key& key, std::string* out) const {
    out->clear();
    base::AppendU16(id_, out);
    KeyCodec<Key>::Append(key, out);
    return *out;
  }

  std::vector<std::string> IndexRows(const Key& key, const Value& value) const {
    std::vector<std::string> rows;
    for (const auto& index : indexes_) index(key, value, &rows);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  }

  absl::Status Write(Transaction& transaction, const Key& key, const Value& value,
                     std::vector<std::string> old_rows) const {
    std::string row, bytes;
    EGOV_RETURN_IF_ERROR(Encode(value, &bytes));
    if (!indexes_.empty()) {
      const std::vector<std::string> rows = IndexRows(key, value);
      for (const std::string& old : old_rows) {
        if (!std::binary_search(rows.begin(), rows.end(), old)) transaction.Delete(old);
      }
      for (const std::string& added : rows) {
        if (!std::binary_search(old_rows.begin(), old_rows.end(), added))
          transaction.Put(added, "");
      }
    }
    transaction.Put(RowKey(key, &row), bytes);
    return absl::OkStatus();
  }

  absl::Status Walk(Reader& reader, const KeyRange& range, bool backward, RowVisitor visit) const {
    absl::Status status;
    Key key;
    Value value;
    const auto row = [&](absl::string_view key_bytes, absl::string_view bytes) {
      if (!DecodeRowKey(key_bytes, &key)) {
        status = base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                             absl::StrCat("table ", id_, " holds a key that is none of its own"));
        return false;
      }
      status = Decode(bytes, &value);
      return status.ok() && visit(key, value);
    };
    EGOV_RETURN_IF_ERROR(backward ? reader.ScanBackward(range.begin, range.end, row)
                                  : reader.Scan(range.begin, range.end, row));
    return status;
  }

  TableId id_;
  Format<Value> format_;
  std::vector<std::function<void(const Key&, const Value&, std::vector<std::string>*)>> indexes_;
};

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_TABLE_H_
