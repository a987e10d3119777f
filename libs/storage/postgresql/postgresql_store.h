// The same store on PostgreSQL: one process owns it, its rows are replicated, backed up and watched
// as PostgreSQL's are.
#ifndef EGOV_LIBS_STORAGE_POSTGRESQL_POSTGRESQL_STORE_H_
#define EGOV_LIBS_STORAGE_POSTGRESQL_POSTGRESQL_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/storage/store.h"

namespace egov::storage {

struct PostgreSqlOptions {
  std::string connection;       // libpq's connection string; secrets belong into its passfile
  std::string schema = "egov";  // made when it is missing; letters, digits and underscores
  uint64_t bulk_bytes = 4ull << 20;
  std::function<void(StoreState state, const absl::Status& why)> on_state;
};

// Opens or makes a store. Errors: FAILED_PRECONDITION STORE_IN_USE (another process has it),
// UNAVAILABLE STORE_FAILED (no connection). A connection that is lost later fails the store until
// it is opened again; so does another process that has taken the store over (UNAVAILABLE
// STORE_FENCED): the head row's term makes that certain.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgreSql(PostgreSqlOptions options);

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_POSTGRESQL_POSTGRESQL_STORE_H_
