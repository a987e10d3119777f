// What every engine must do, as tests. An engine's test instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(RocksDb, StoreConformanceTest, testing::Values(&MakeRocksDbHome));
#ifndef EGOV_LIBS_STORAGE_TESTING_CONFORMANCE_H_
#define EGOV_LIBS_STORAGE_TESTING_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "libs/storage/store.h"

namespace egov::storage {

// Where a store lives: empty at first, opened again and again by one test.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
};

class StoreConformanceTest : public testing::TestWithParam<std::unique_ptr<StoreHome> (*)()> {
 protected:
  void SetUp() override;
  void Reopen();  // closes the store and opens it again

  absl::StatusOr<CommitResult> Write(absl::string_view key, absl::string_view value,
                                     bool with_entry = false);
  absl::optional<std::string> Read(absl::string_view key);
  // Keys and values of a range in a new snapshot, as "a=1 b=2".
  std::string Rows(absl::string_view begin, absl::string_view end, bool backward = false);

  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Store> store_;
};

// The rows of a range as a reader sees them.
std::string RowsOf(Reader& reader, absl::string_view begin, absl::string_view end,
                   bool backward = false);

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_TESTING_CONFORMANCE_H_
