#include "libs/storage/postgresql/connection.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::storage::internal {
namespace {

// PostgreSQL's text is not passed on: it quotes keys. The SQLSTATE says what has happened.
absl::Status Failed(const PGresult* result) {
  const char* field = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string state = field == nullptr ? "none" : field;
  if (state == "53100") {
    return base::Error(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                       "PostgreSQL has no disk space left")
        .RetryAfter(absl::Seconds(10));
  }
  if (absl::StartsWith(state, "XX00")) {
    return base::Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                       absl::StrCat("PostgreSQL reports damage, SQLSTATE ", state));
  }
  return base::Error(absl::StatusCode::kUnavailable, "STORE_FAILED",
                     absl::StrCat("PostgreSQL failed, SQLSTATE ", state));
}

bool Succeeded(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

// libpq's view of binary parameters.
struct Parameters {
  explicit Parameters(const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      data.push_back(value.data());
      lengths.push_back(static_cast<int>(value.size()));
      formats.push_back(1);
    }
  }
  std::vector<const char*> data;
  std::vector<int> lengths, formats;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PostgreSqlConnection>> PostgreSqlConnection::Open(
    const std::string& options) {
  std::unique_ptr<PostgreSqlConnection> connection(
      new PostgreSqlConnection(PQconnectdb(options.c_str())));
  if (PQstatus(connection->connection_.get()) != CONNECTION_OK) return Failed(nullptr);
  PQsetNoticeProcessor(
      connection->connection_.get(), [](void*, const char*) {}, nullptr);
  return connection;
}

absl::StatusOr<PostgreSqlResult> PostgreSqlConnection::Run(
    const std::string& text, const std::vector<std::string>& parameters) {
  const Parameters p(parameters);
  PostgreSqlResult result(PQexecParams(connection_.get(), text.c_str(), p.data.size(), nullptr,
                                       p.data.data(), p.lengths.data(), p.formats.data(), 1));
  if (!Succeeded(result.get())) return Failed(result.get());
  return result;
}

absl::StatusOr<std::vector<PostgreSqlResult>> PostgreSqlConnection::RunAll(
    absl::Span<const PostgreSqlStatement> all) {
  PGconn* const connection = connection_.get();
  if (PQenterPipelineMode(connection) != 1) return Failed(nullptr);
  bool sent = true;
  for (const PostgreSqlStatement& statement : all) {
    const Parameters p(statement.parameters);
    sent = sent && PQsendQueryParams(connection, statement.text.c_str(), p.data.size(), nullptr,
                                     p.data.data(), p.lengths.data(), p.formats.data(), 1) == 1;
  }
  if (!sent || PQpipelineSync(connection) != 1) return Failed(nullptr);
  std::vector<PostgreSqlResult> results;
  absl::Status status;
  for (size_t i = 0; i < all.size(); ++i) {
    PostgreSqlResult result(PQgetResult(connection));
    if (status.ok() && !Succeeded(result.get())) status = Failed(result.get());
    if (PGresult* end = PQgetResult(connection)) PQclear(end);  // the null between two statements
    results.push_back(std::move(result));
  }
  const PostgreSqlResult sync(PQgetResult(connection));
  if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(connection) != 1) {
    if (status.ok()) status = Failed(nullptr);
  }
  EGOV_RETURN_IF_ERROR(status);
  return results;
}

std::string ByteaArray(absl::Span<const absl::string_view> values) {
  constexpr uint32_t kBytea = 17;  // its type's OID, the same in every PostgreSQL
  std::string out;
  base::AppendU32(values.empty() ? 0 : 1, &out);  // dimensions
  base::AppendU32(0, &out);                       // no nulls
  base::AppendU32(kBytea, &out);
  if (values.empty()) return out;
  base::AppendU32(static_cast<uint32_t>(values.size()), &out);
  base::AppendU32(1, &out);  // first subscript
  for (const absl::string_view value : values) {
    base::AppendU32(static_cast<uint32_t>(value.size()), &out);
    out.append(value.data(), value.size());
  }
  return out;
}

std::string BigInt(uint64_t value) {
  std::string out;
  base::AppendU64(value, &out);
  return out;
}

}  // namespace egov::storage::internal
