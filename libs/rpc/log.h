// Logs: one JSON object a line on standard error, written by a thread of their own.
//
// A line has "time" (RFC 3339, UTC, microseconds), "level", "message", then the given fields. Never
// a citizen's code, name or address, never a secret: a field says which, not what.
#ifndef EGOV_LIBS_RPC_LOG_H_
#define EGOV_LIBS_RPC_LOG_H_

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace egov::rpc {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// "debug", "info", "warning", "error"; INVALID_ARGUMENT / LOG_LEVEL_UNKNOWN otherwise.
absl::Status ParseLogLevel(absl::string_view text, LogLevel* level);

// A key and a typed value. Holds views: good only as an argument of Log.
class LogField {
 public:
  LogField(absl::string_view key, absl::string_view value) : key(key), kind(kText), text(value) {}
  LogField(absl::string_view key, const char* value) : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, const std::string& value)
      : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, bool value) : key(key), kind(kBool), integer(value) {}
  LogField(absl::string_view key, double value) : key(key), kind(kDouble), real(value) {}
  template <typename T, typename = std::enable_if_t<std::is_integral<T>::value &&
                                                    !std::is_same<T, bool>::value>>
  LogField(absl::string_view key, T value)
      : key(key), kind(kInteger), integer(static_cast<int64_t>(value)) {}

  enum Kind { kText, kInteger, kDouble, kBool };
  absl::string_view key;
  Kind kind;
  absl::string_view text;
  int64_t integer = 0;
  double real = 0;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  int fd = 2;  // where lines go; not closed
  size_t buffer_bytes =
      size_t{4} << 20;  // lines waiting to be written; what does not fit is dropped and counted
  absl::Duration slow_call =
      absl::Seconds(1);  // a successful call that took longer is logged at info
  int calls_per_second =
      1000;  // call lines at most; the rest are counted in a line "call lines left out"
};

// What the line of a call says.
struct CallRecord {
  absl::string_view trace_id;    // 32 hex digits
  absl::string_view message_id;  // hex, empty when the call had none
  absl::string_view method;      // "/egov.population.v1.PopulationService/GetPerson"
  absl::string_view caller;      // SPIFFE URI, empty when unknown
  absl::Status status;           // as answered, with its reason
  absl::Duration took;
};

// Thread safe. Cost on the calling thread: ~1 us a line (formatting and one short lock), ~2 ns for
// a line below the level.
class Logger {
 public:
  explicit Logger(const LogOptions& options, const base::Clock& clock = base::Clock::Real());
  // Writes what waits.
  ~Logger();

  bool Enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void SetLevel(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});
  void Debug(absl::string_view m, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kDebug, m, f);
  }
  void Info(absl::string_view m, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kInfo, m, f);
  }
  void Warning(absl::string_view m, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kWarning, m, f);
  }
  void Error(absl::string_view m, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kError, m, f);
  }

  // The line of a finished call. At level info only calls that failed or were slow are written (a
  // register answers tens of thousands of calls a second, each in its evidence already; metrics
  // count them all); at debug every call. INTERNAL, UNKNOWN and DATA_LOSS are errors and written
  // with their full text, which stays here (error_map.h).
  void LogCall(const CallRecord& call);

  // Waits until everything logged before is written.
  void Flush();

  // Lines dropped because the buffer was full.
  int64_t dropped() const;

 private:
  struct Impl;
  std::atomic<LogLevel> level_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_LOG_H_
