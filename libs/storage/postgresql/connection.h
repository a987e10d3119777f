// libpq behind owning types: a connection and its results. Only for this folder.
#ifndef EGOV_LIBS_STORAGE_POSTGRESQL_CONNECTION_H_
#define EGOV_LIBS_STORAGE_POSTGRESQL_CONNECTION_H_

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace egov::storage::internal {

// The rows of one statement, in binary format.
class PostgreSqlResult {
 public:
  explicit PostgreSqlResult(PGresult* result) : result_(result, &PQclear) {}
  int rows() const { return PQntuples(result_.get()); }
  absl::string_view value(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }
  // Rows that an UPDATE, INSERT or DELETE touched.
  int touched() const { return std::atoi(PQcmdTuples(result_.get())); }
  const PGresult* get() const { return result_.get(); }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// One statement and its parameters, given in binary format.
struct PostgreSqlStatement {
  std::string text;
  std::vector<std::string> parameters;
};

// Not thread safe.
class PostgreSqlConnection {
 public:
  static absl::StatusOr<std::unique_ptr<PostgreSqlConnection>> Open(const std::string& options);

  absl::StatusOr<PostgreSqlResult> Run(const std::string& text,
                                       const std::vector<std::string>& parameters = {});

  // Sends all statements before it waits for the first answer (libpq's pipeline mode). After an
  // error the later ones are not run; outside a transaction of their own they are one.
  absl::StatusOr<std::vector<PostgreSqlResult>> RunAll(absl::Span<const PostgreSqlStatement> all);

 private:
  explicit PostgreSqlConnection(PGconn* connection) : connection_(connection, &PQfinish) {}

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// `values` as a bytea[] parameter.
std::string ByteaArray(absl::Span<const absl::string_view> values);

// A bigint parameter.
std::string BigInt(uint64_t value);

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_POSTGRESQL_CONNECTION_H_
