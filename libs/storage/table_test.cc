#include "libs/storage/table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "google/protobuf/api.pb.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::storage {
namespace {

using base::Fails;
using base::IsOk;
using Row = google::protobuf::Method;  // any message will do

// ---- keys ----

// Encodes `ascending` and sees that the bytes ascend and come back as the same values.
template <typename T>
void ExpectOrderKept(const std::vector<T>& ascending) {
  std::string before;
  for (size_t i = 0; i < ascending.size(); ++i) {
    const std::string bytes = EncodeKey(ascending[i]);
    if (i > 0) {
      EXPECT_LT(before, bytes) << "at " << i;
    }
    T back{};
    EXPECT_TRUE(DecodeKey(bytes, &back)) << "at " << i;
    EXPECT_TRUE(back == ascending[i]) << "at " << i;
    EXPECT_FALSE(DecodeKey(bytes + "x", &back));
    EXPECT_FALSE(DecodeKey(bytes.substr(0, bytes.size() - 1), &back));
    before = bytes;
  }
}

TEST(KeysTest, BytesOrderAsValuesDo) {
  ExpectOrderKept<uint64_t>({0, 1, 255, 256, 1ull << 40, std::numeric_limits<uint64_t>::max()});
  ExpectOrderKept<uint32_t>({0, 1, 255, 256, 1u << 31, std::numeric_limits<uint32_t>::max()});
  ExpectOrderKept<uint16_t>({0, 1, 255, 256, 65535});
  ExpectOrderKept<uint8_t>({0, 1, 255});
  ExpectOrderKept<int64_t>({std::numeric_limits<int64_t>::min(), -256, -1, 0, 1, 256,
                            std::numeric_limits<int64_t>::max()});
  ExpectOrderKept<Descending>({{std::numeric_limits<uint64_t>::max()}, {256}, {1}, {0}});
  ExpectOrderKept<std::array<uint8_t, 3>>({{0, 0, 0}, {0, 255, 0}, {1, 0, 0}});
  ExpectOrderKept<std::string>({"", std::string(1, '\0'), std::string(2, '\0'),
                                std::string("\0\x01", 2), std::string("\0\xff", 2), "\x01", "a",
                                std::string("a\0", 2), std::string("a\0b", 3), "a\x01", "ab", "b",
                                "\xff", "\xff\xff"});
  ExpectOrderKept<std::tuple<std::string, uint16_t, Descending>>(
      {{"", 9, {1}}, {"a", 0, {2}}, {"a", 0, {1}}, {"a", 1, {9}}, {"aa", 0, {9}}});
}

TEST(KeysTest, RandomStringsInTuplesOrderAsTuplesDo) {
  std::mt19937 random(1);
  using Key = std::tuple<std::string, std::string>;
  std::vector<Key> keys;
  for (int i = 0; i < 2000; ++i) {
    Key key;
    for (std::string* part : {&std::get<0>(key), &std::get<1>(key)}) {
      for (unsigned n = random() % 4; n > 0; --n) part->push_back("\x00\x01\xfe\xff"[random() % 4]);
    }
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  ExpectOrderKept(keys);
}

TEST(KeysTest, AfterPrefixEndsThePrefix) {
  EXPECT_EQ(AfterPrefix("ab"), "ac");
  EXPECT_EQ(AfterPrefix("a\xff\xff"), "b");
  EXPECT_EQ(AfterPrefix("\xff\xff"), "");
}

// ---- tables ----

class TableTest : public testing::Test {
 protected:
  void SetUp() override {
    RocksDbOptions options;
    options.directory = directory_.path();
    options.block_cache_bytes = 8 << 20;
    options.reserve_bytes = options.last_reserve_bytes = 0;
    auto store = OpenRocksDb(options);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  static Row Named(const std::string& name, const std::string& type = "") {
    Row row;
    row.set_name(name);
    row.set_request_type_url(type);
    return row;
  }

  void Commit(absl::FunctionRef<absl::Status(Transaction&)> body) {
    ASSERT_THAT(store_->Run(body), IsOk());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(TableTest, RowsArePutReadScannedAndDeleted) {
  const Table<uint64_t, Row> table(0x0101), neighbour(0x0102);
  Commit([&](Transaction& t) {
    for (uint64_t i = 0; i < 5; ++i) EXPECT_THAT(table.Put(t, i, Named(absl::StrCat(i))), IsOk());
    return neighbour.Put(t, 0, Named("not mine"));
  });
  Commit([&](Transaction& t) { return table.Delete(t, 2); });
  auto view = *store_->Snapshot();
  Row row = Named("cleared before", "cleared before");
  EXPECT_TRUE(*table.Get(*view, 3, &row));
  EXPECT_EQ(row.name(), "3");
  EXPECT_EQ(row.request_type_url(), "");
  EXPECT_FALSE(*table.Get(*view, 2, &row));
  EXPECT_TRUE(*table.Has(*view, 4));

  const auto names = [&](const KeyRange& range, bool backward) {
    std::string all;
    const auto visit = [&](const uint64_t& key, const Row& value) {
      EXPECT_EQ(absl::StrCat(key), value.name());
      all += value.name();
      return all.size() < 3;
    };
    EXPECT_THAT(
        backward ? table.ScanBackward(*view, range, visit) : table.Scan(*view, range, visit),
        IsOk());
    return all;
  };
  EXPECT_EQ(names(table.All(), false), "013");
  EXPECT_EQ(names(table.All(), true), "431");
  EXPECT_EQ(names(table.Between(1, 4), false), "13");
  EXPECT_EQ(names(table.From(3), false), "34");

  std::vector<absl::optional<Row>> rows;
  ASSERT_THAT(table.MultiGet(*view, {4, 2, 0}, &rows), IsOk());
  EXPECT_EQ(rows[0]->name(), "4");
  EXPECT_FALSE(rows[1].has_value());
  EXPECT_EQ(rows[2]->name(), "0");
}

TEST_F(TableTest, AnIndexFollowsEveryChange) {
  Table<uint64_t, Row> table(0x0101);
  const auto by_name = table.AddIndex<std::string>(
      0x0102, [](const uint64_t&, const Row& row, std::vector<std::string>* out) {
        out->push_back(row.name());
        out->push_back(row.name());  // said twice, kept once
        if (!row.request_type_url().empty()) out->push_back(row.request_type_url());
      });
  const auto find = [&](const std::string& name) {
    auto view = *store_->Snapshot();
    std::vector<uint64_t> found;
    EXPECT_THAT(by_name.Find(*view, name,
                             [&](const uint64_t& key) {
                               found.push_back(key);
                               return true;
                             }),
                IsOk());
    return found;
  };
  using Keys = std::vector<uint64_t>;
  Commit([&](Transaction& t) {
    EXPECT_THAT(table.Insert(t, 1, Named("ann", "maiden")), IsOk());
    EXPECT_THAT(table.Put(t, 2, Named("ann")), IsOk());
    return table.Put(t, 3, Named("annette"));
  });
  EXPECT_EQ(find("ann"), (Keys{1, 2}));
  EXPECT_EQ(find("maiden"), (Keys{1}));
  Commit([&](Transaction& t) { return table.Put(t, 1, Named("beth")); });
  EXPECT_EQ(find("ann"), (Keys{2}));
  EXPECT_EQ(find("beth"), (Keys{1}));
  EXPECT_EQ(find("maiden"), (Keys{}));
  Commit([&](Transaction& t) {  // twice in one transaction: the second sees the first
    EXPECT_THAT(table.Put(t, 2, Named("carl")), IsOk());
    return table.Put(t, 2, Named("dora"));
  });
  EXPECT_EQ(find("ann"), (Keys{}));
  EXPECT_EQ(find("carl"), (Keys{}));
  EXPECT_EQ(find("dora"), (Keys{2}));
  Commit([&](Transaction& t) { return table.Delete(t, 2); });
  EXPECT_EQ(find("dora"), (Keys{}));

  auto view = *store_->Snapshot();
  std::string range;
  ASSERT_THAT(by_name.Scan(*view, "a", "b",
                           [&](const std::string& name, const uint64_t& key) {
                             range += absl::StrCat(name, "=", key, " ");
                             return true;
                           }),
              IsOk());
  EXPECT_EQ(range, "annette=3 ");
}

TEST_F(TableTest, AStampedRowIsFoundByItsPosition) {
  const Table<std::tuple<uint64_t, Position, uint16_t>, Row> events(0x0103);
  for (int i = 0; i < 3; ++i) {
    Commit([&](Transaction& t) {
      t.Append(std::make_unique<Entry>());
      EXPECT_THAT(
          events.PutStamped(t, std::tuple<uint64_t>(7), Named("a"), std::tuple<uint16_t>(0)),
          IsOk());
      return events.PutStamped(t, std::tuple<uint64_t>(7), Named("b"), std::tuple<uint16_t>(1));
    });
  }
  auto view = *store_->Snapshot();
  std::string seen;
  ASSERT_THAT(events.Scan(*view, events.Prefix(std::tuple<uint64_t, Position>(7, {1})),
                          [&](const std::tuple<uint64_t, Position, uint16_t>& key, const Row& row) {
                            seen += absl::StrCat(std::get<1>(key).value, row.name(), " ");
                            return true;
                          }),
              IsOk());
  EXPECT_EQ(seen, "1a 1b ");
}

TEST_F(TableTest, ANarrowTableHasACodecOfItsOwn) {
  const Table<std::tuple<std::string, std::string>, std::string, BytesCodec> codes(0x0104);
  Commit([&](Transaction& t) { return codes.Insert(t, {"scheme", "1"}, "bytes"); });
  auto view = *store_->Snapshot();
  std::string value;
  EXPECT_TRUE(*codes.Get(*view, {"scheme", "1"}, &value));
  EXPECT_EQ(value, "bytes");
  std::string raw;
  EXPECT_TRUE(*view->Get(codes.EncodeRowKey({"scheme", "1"}), &raw));
  EXPECT_EQ(raw, std::string("\x01", 1) + "bytes");
}

TEST_F(TableTest, TheFormatBeforeIsReadAndWrittenUntilToldOtherwise) {
  Format<Row> one, two_still_writing_one, two, three;
  one.version = 1;
  two_still_writing_one.version = 2;
  two_still_writing_one.write_previous = true;
  // Format 2 keeps in response_type_url what format 1 had in request_type_url.
  two_still_writing_one.from_previous = [](Row* row) {
    row->set_response_type_url(row->request_type_url());
    row->clear_request_type_url();
  };
  two_still_writing_one.to_previous = [](Row* row) {
    row->set_request_type_url(row->response_type_url());
    row->clear_response_type_url();
  };
  two = two_still_writing_one;
  two.write_previous = false;
  three.version = 3;
  const Table<uint64_t, Row> old_release(0x0101, one), new_release(0x0101, two_still_writing_one),
      switched(0x0101, two), next(0x0101, three);

  Row row;
  Commit([&](Transaction& t) { return old_release.Put(t, 1, Named("a", "type")); });
  auto transaction = store_->Begin();
  EXPECT_TRUE(*new_release.Get(*transaction, 1, &row));
  EXPECT_EQ(row.response_type_url(), "type");
  ASSERT_THAT(new_release.Put(*transaction, 2, row), IsOk());
  EXPECT_TRUE(*old_release.Get(*transaction, 2, &row));  // the release can be taken back
  EXPECT_EQ(row.request_type_url(), "type");
  ASSERT_THAT(switched.Put(*transaction, 3, row), IsOk());
  EXPECT_THAT(old_release.Get(*transaction, 3, &row),
              Fails(absl::StatusCode::kFailedPrecondition, "FORMAT_TOO_NEW"));
  EXPECT_TRUE(*next.Get(*transaction, 3, &row));
  EXPECT_THAT(next.Get(*transaction, 1, &row),
              Fails(absl::StatusCode::kDataLoss, "ROW_UNREADABLE"));
}

TEST_F(TableTest, ARowThatIsNoMessageIsReported) {
  const Table<uint64_t, Row> table(0x0101);
  auto transaction = store_->Begin();
  Row row;
  for (const absl::string_view bytes :
       {absl::string_view("\x01\xff\xff", 3), absl::string_view()}) {
    transaction->Put(table.EncodeRowKey(1), bytes);
    EXPECT_THAT(table.Get(*transaction, 1, &row),
                Fails(absl::StatusCode::kDataLoss, "ROW_UNREADABLE"));
  }
}

}  // namespace
}  // namespace egov::storage
