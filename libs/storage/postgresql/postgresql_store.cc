#include "libs/storage/postgresql/postgresql_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/storage/internal/engine.h"
#include "libs/storage/internal/optimistic_store.h"
#include "libs/storage/postgresql/connection.h"

namespace egov::storage {
namespace internal {
namespace {

// bytea compares bytewise, so that the primary key's order is the map's.
class PostgreSqlEngine final : public Engine {
 public:
  static absl::StatusOr<std::unique_ptr<PostgreSqlEngine>> Open(const PostgreSqlOptions& options);
  ~PostgreSqlEngine() override;

  absl::StatusOr<bool> Get(const View* view, absl::string_view key, std::string* value) override;
  absl::Status MultiGet(const View* view, absl::Span<const absl::string_view> keys,
                        std::vector<absl::optional<std::string>>* values) override;
  absl::Status Scan(const View* view, absl::string_view begin, absl::string_view end, bool backward,
                    Visitor visit) override;
  absl::StatusOr<std::unique_ptr<View>> Snapshot() override;
  absl::Status Write(absl::Span<WriteBuffer* const> buffers, const Head& head, bool bulk,
                     absl::FunctionRef<void()> before_visible) override;
  absl::Status Recover() override { return absl::OkStatus(); }
  uint64_t FreeBytes() override { return ~0ull; }  // PostgreSQL says when its disk is full
  void AddStatistics(StoreStatistics* statistics) override;
  void OnDamage(std::function<void(const absl::Status&)>) override {}

 private:
  using Connection = std::unique_ptr<PostgreSqlConnection>;

  // A connection out of the pool for as long as it is used; one that met an error is not given
  // back.
  class Lease {
   public:
    Lease(PostgreSqlEngine* engine, Connection connection)
        : engine_(engine), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (connection_ != nullptr && good_) engine_->GiveBack(std::move(connection_));
    }
    PostgreSqlConnection* operator->() const { return connection_.get(); }
    template <typename T>
    T Checked(T result) {
      good_ = good_ && result.ok();
      return result;
    }

   private:
    PostgreSqlEngine* engine_;
    Connection connection_;
    bool good_ = true;
  };

  class PostgreSqlView;

  explicit PostgreSqlEngine(PostgreSqlOptions options)
      : options_(std::move(options)),
        rows_(options_.schema + ".rows"),
        head_(options_.schema + ".head") {}

  absl::Status Prepare();
  absl::StatusOr<Lease> Borrow();
  void GiveBack(Connection connection);
  absl::StatusOr<PostgreSqlResult> Read(const View* view, const std::string& text,
                                        const std::vector<std::string>& parameters);

  const PostgreSqlOptions options_;
  const std::string rows_, head_;
  Connection writer_;  // the committer's; holds the advisory lock
  uint64_t term_ = 0;
  std::mutex mutex_;
  std::vector<Connection> idle_;  // guarded by mutex_
};

// A read-only transaction that sees one moment.
class PostgreSqlEngine::PostgreSqlView final : public View {
 public:
  explicit PostgreSqlView(Lease lease) : lease(std::move(lease)) {}
  ~PostgreSqlView() override { lease.Checked(lease->Run("COMMIT").status()).IgnoreError(); }
  mutable Lease lease;
};

absl::StatusOr<std::unique_ptr<PostgreSqlEngine>> PostgreSqlEngine::Open(
    const PostgreSqlOptions& options) {
  for (const char c : options.schema) {
    if (!absl::ascii_isalnum(c) && c != '_') {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SCHEMA", "the schema's name")
          .Expected("letters, digits and underscores");
    }
  }
  std::unique_ptr<PostgreSqlEngine> engine(new PostgreSqlEngine(options));
  EGOV_RETURN_IF_ERROR(engine->Prepare());
  return engine;
}

// The server notices the end of a connection a little later than the one who ends it: the next
// owner shall not find the lock still taken.
PostgreSqlEngine::~PostgreSqlEngine() {
  if (writer_ != nullptr) writer_->Run("SELECT pg_advisory_unlock_all()").IgnoreError();
}

absl::Status PostgreSqlEngine::Prepare() {
  EGOV_ASSIGN_OR_RETURN(writer_, PostgreSqlConnection::Open(options_.connection));
  // The lock lives as long as this connection: a living owner is not disturbed. The term is for the
  // owner that has lost its connection and does not know it yet.
  EGOV_ASSIGN_OR_RETURN(
      const auto locked,
      writer_->Run(absl::StrCat("SELECT pg_try_advisory_lock(hashtextextended('egov.storage.",
                                options_.schema, "', 0))")));
  if (locked.value(0, 0) != absl::string_view("\x01", 1)) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "STORE_IN_USE",
                       absl::StrCat("another process has the store ", options_.schema))
        .Expected("one process for each store");
  }
  EGOV_RETURN_IF_ERROR(
      writer_
          ->RunAll({{"BEGIN", {}},
                    {absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", options_.schema), {}},
                    {absl::StrCat("CREATE TABLE IF NOT EXISTS ", rows_,
                                  " (key bytea PRIMARY KEY, value bytea NOT NULL)"),
                     {}},
                    {absl::StrCat("CREATE TABLE IF NOT EXISTS ", head_,
                                  " (one boolean PRIMARY KEY, term bigint NOT NULL,"
                                  " group_number bigint NOT NULL)"),
                     {}},
                    {absl::StrCat("INSERT INTO ", head_,
                                  " VALUES (true, 0, 0)"
                                  " ON CONFLICT (one) DO NOTHING"),
                     {}},
                    {"COMMIT", {}}})
          .status());
  EGOV_ASSIGN_OR_RETURN(
      const auto term,
      writer_->Run(absl::StrCat("UPDATE ", head_, " SET term = term + 1 RETURNING term")));
  term_ = base::ReadU64(term.value(0, 0));
  return absl::OkStatus();
}

absl::StatusOr<PostgreSqlEngine::Lease> PostgreSqlEngine::Borrow() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(connection));
    }
  }
  EGOV_ASSIGN_OR_RETURN(Connection connection, PostgreSqlConnection::Open(options_.connection));
  return Lease(this, std::move(connection));
}

void PostgreSqlEngine::GiveBack(Connection connection) {
  constexpr size_t kKept = 16;
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kKept) idle_.push_back(std::move(connection));
}

absl::StatusOr<PostgreSqlResult> PostgreSqlEngine::Read(
    const View* view, const std::string& text, const std::vector<std::string>& parameters) {
  if (view != nullptr) {
    Lease& lease = static_cast<const PostgreSqlView*>(view)->lease;
    return lease.Checked(lease->Run(text, parameters));
  }
  EGOV_ASSIGN_OR_RETURN(Lease lease, Borrow());
  return lease.Checked(lease->Run(text, parameters));
}

absl::StatusOr<bool> PostgreSqlEngine::Get(const View* view, absl::string_view key,
                                           std::string* value) {
  EGOV_ASSIGN_OR_RETURN(
      const auto found,
      Read(view, absl::StrCat("SELECT value FROM ", rows_, " WHERE key = $1::bytea"),
           {std::string(key)}));
  if (found.rows() == 0) return false;
  *value = std::string(found.value(0, 0));
  return true;
}

absl::Status PostgreSqlEngine::MultiGet(const View* view, absl::Span<const absl::string_view> keys,
                                        std::vector<absl::optional<std::string>>* values) {
  values->assign(keys.size(), absl::nullopt);
  EGOV_ASSIGN_OR_RETURN(
      const auto found,
      Read(view, absl::StrCat("SELECT key, value FROM ", rows_, " WHERE key = ANY($1::bytea[])"),
           {ByteaArray(keys)}));
  absl::flat_hash_map<absl::string_view, int> places;
  for (int row = 0; row < found.rows(); ++row) places[found.value(row, 0)] = row;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto place = places.find(keys[i]);
    if (place != places.end()) (*values)[i] = std::string(found.value(place->second, 1));
  }
  return absl::OkStatus();
}

absl::Status PostgreSqlEngine::Scan(const View* view, absl::string_view begin,
                                    absl::string_view end, bool backward, Visitor visit) {
  // In pages, all of one moment.
  std::unique_ptr<View> own;
  if (view == nullptr) {
    EGOV_ASSIGN_OR_RETURN(own, Snapshot());
    view = own.get();
  }
  constexpr int kPage = 512;
  const std::string text = absl::StrCat("SELECT key, value FROM ", rows_, " WHERE key >= $1::bytea",
                                        end.empty() ? "" : " AND key < $2::bytea", " ORDER BY key",
                                        backward ? " DESC" : "", " LIMIT ", kPage);
  std::string low(begin), high(end);
  std::string unbounded = text;  // backward without an end: the first page only
  for (bool bounded = !end.empty();;) {
    std::vector<std::string> parameters = {low};
    if (bounded) parameters.push_back(high);
    EGOV_ASSIGN_OR_RETURN(const auto page, Read(view, unbounded, parameters));
    for (int row = 0; row < page.rows(); ++row) {
      if (!visit(page.value(row, 0), page.value(row, 1))) return absl::OkStatus();
    }
    if (page.rows() < kPage) return absl::OkStatus();
    const absl::string_view last = page.value(page.rows() - 1, 0);
    if (!backward) {
      low = std::string(last);
      low.push_back('\0');
      continue;
    }
    high = std::string(last);
    if (!bounded) {
      bounded = true;
      unbounded = absl::StrCat(
          "SELECT key, value FROM ", rows_,
          " WHERE key >= $1::bytea AND key < $2::bytea ORDER BY key DESC LIMIT ", kPage);
    }
  }
}

absl::StatusOr<std::unique_ptr<Engine::View>> PostgreSqlEngine::Snapshot() {
  EGOV_ASSIGN_OR_RETURN(Lease lease, Borrow());
  // The first statement fixes the moment, so one is run.
  EGOV_RETURN_IF_ERROR(
      lease.Checked(lease->Run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")).status());
  EGOV_RETURN_IF_ERROR(
      lease.Checked(lease->Run(absl::StrCat("SELECT term FROM ", head_))).status());
  return std::unique_ptr<View>(new PostgreSqlView(std::move(lease)));
}

absl::Status PostgreSqlEngine::Write(absl::Span<WriteBuffer* const> buffers, const Head& head,
                                     bool bulk, absl::FunctionRef<void()> before_visible) {
  // A statement may touch a row once, so later buffers go over earlier ones here.
  std::map<absl::string_view, Item> merged;
  for (WriteBuffer* buffer : buffers) {
    for (const auto& lane : buffer->lanes()) {
      for (const Item& item : lane->Sorted()) merged[item.key()] = item;
    }
  }
  std::vector<absl::string_view> keys, values, deleted;
  for (const auto& [key, item] : merged) {
    if (item.deleted) {
      deleted.push_back(key);
    } else {
      keys.push_back(key);
      values.push_back(item.value());
    }
  }
  // First the fence: the head row stays locked until the commit, and only the owner of the term
  // passes.
  EGOV_ASSIGN_OR_RETURN(
      const auto fenced,
      writer_->RunAll({{"BEGIN", {}},
                       {absl::StrCat("UPDATE ", head_,
                                     " SET group_number = $1::bigint WHERE term = $2::bigint"
                                     " AND group_number = $1::bigint - 1"),
                        {BigInt(head.group), BigInt(term_)}}}));
  if (fenced[1].touched() != 1) {
    EGOV_RETURN_IF_ERROR(writer_->Run("ROLLBACK").status());
    return base::Error(absl::StatusCode::kUnavailable, "STORE_FENCED",
                       "another process has taken this store over");
  }
  before_visible();
  std::vector<PostgreSqlStatement> statements;
  if (!deleted.empty()) {
    statements.push_back({absl::StrCat("DELETE FROM ", rows_, " WHERE key = ANY($1::bytea[])"),
                          {ByteaArray(deleted)}});
  }
  statements.push_back({absl::StrCat("INSERT INTO ", rows_,
                                     " SELECT * FROM unnest($1::bytea[], $2::bytea[])"
                                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value"),
                        {ByteaArray(keys), ByteaArray(values)}});
  statements.push_back({"COMMIT", {}});
  const auto written = writer_->RunAll(statements);
  if (written.ok()) return absl::OkStatus();
  // If this works the group has not happened; if not, the store fails and the next owner sees which
  // it was.
  EGOV_RETURN_IF_ERROR(writer_->Run("ROLLBACK").status());
  return written.status();
}

void PostgreSqlEngine::AddStatistics(StoreStatistics* statistics) {
  const auto size =
      Read(nullptr, absl::StrCat("SELECT pg_total_relation_size('", rows_, "'::regclass)"), {});
  if (size.ok()) statistics->disk_bytes = base::ReadU64(size->value(0, 0));
}

}  // namespace
}  // namespace internal

absl::StatusOr<std::unique_ptr<Store>> OpenPostgreSql(PostgreSqlOptions options) {
  EGOV_ASSIGN_OR_RETURN(auto engine, internal::PostgreSqlEngine::Open(options));
  internal::OptimisticOptions store_options;
  store_options.bulk_bytes = options.bulk_bytes;
  store_options.on_state = std::move(options.on_state);
  return internal::OptimisticStore::Open(std::move(engine), std::move(store_options));
}

}  // namespace egov::storage
