#include "libs/rpc/log.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "libs/base/status.h"

namespace egov::rpc {
namespace {

constexpr const char* kLevelNames[] = {"debug", "info", "warning", "error"};
constexpr size_t kLongestText = 4096;  // of one value: a line stays readable, whatever was sent

// The length of the UTF-8 sequence that `text` begins with, 0 when it is none (RFC 3629 section 4).
size_t Utf8Length(absl::string_view text) {
  const auto at = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F) ||
      (first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) {
    return 0;
  }
  return length;
}

// A JSON string (RFC 8259 section 7). What is not UTF-8 becomes U+FFFD: a foreign byte must not
// break the line.
void AppendJson(absl::string_view text, std::string* out) {
  text = text.substr(0, kLongestText);
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
      ++i;
    } else if (c < 0x20) {
      char escaped[8];
      snprintf(escaped, sizeof(escaped), "\\u%04x", c);
      out->append(escaped);
      ++i;
    } else {
      const size_t length = Utf8Length(text.substr(i));
      if (length == 0) {
        out->append("\xEF\xBF\xBD");
        ++i;
      } else {
        out->append(text.data() + i, length);
        i += length;
      }
    }
  }
  out->push_back('"');
}

void AppendTime(absl::Time time, std::string* out) {
  const absl::CivilSecond civil = absl::ToCivilSecond(time, absl::UTCTimeZone());
  const int64_t micros = absl::ToUnixMicros(time) - absl::ToUnixSeconds(time) * 1000000;
  char text[40];
  snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
           static_cast<int>(civil.year()), civil.month(), civil.day(), civil.hour(), civil.minute(),
           civil.second(), static_cast<int>(micros));
  out->append(text);
}

}  // namespace

absl::Status ParseLogLevel(absl::string_view text, LogLevel* level) {
  for (int i = 0; i < 4; ++i) {
    if (text == kLevelNames[i]) {
      *level = static_cast<LogLevel>(i);
      return absl::OkStatus();
    }
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "LOG_LEVEL_UNKNOWN", "No such log level")
      .Expected("debug, info, warning or error");
}

struct Logger::Impl {
  Impl(const LogOptions& options, const base::Clock& clock) : options(options), clock(clock) {}

  void Append(std::string line) {
    bool wake = false;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (pending.size() + line.size() > options.buffer_bytes) {
        ++dropped;
        return;
      }
      wake = pending.empty();
      pending += line;
    }
    if (wake) arrived.notify_one();
  }

  void Write() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      arrived.wait(lock, [this] { return stopping || !pending.empty(); });
      if (pending.empty()) return;
      std::string batch;
      batch.swap(pending);
      writing = true;
      lock.unlock();
      for (size_t done = 0; done < batch.size();) {
        const ssize_t n = ::write(options.fd, batch.data() + done, batch.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;  // nobody reads the log any more; the service goes on
        done += static_cast<size_t>(n);
      }
      lock.lock();
      writing = false;
      written.notify_all();
    }
  }

  // Whether another call's line may be written in this second; tells in *left_out how many were not
  // in the one before.
  bool MayLogCall(int64_t second, int64_t* left_out) {
    std::lock_guard<std::mutex> lock(mutex);
    if (second != call_second) {
      *left_out = calls_left_out;
      call_second = second;
      calls_logged = calls_left_out = 0;
    }
    if (calls_logged >= options.calls_per_second) {
      ++calls_left_out;
      return false;
    }
    ++calls_logged;
    return true;
  }

  const LogOptions options;
  const base::Clock& clock;
  mutable std::mutex mutex;
  std::condition_variable arrived, written;
  std::string pending;
  bool writing = false, stopping = false;
  int64_t dropped = 0;
  int64_t call_second = 0;
  int calls_logged = 0;
  int64_t calls_left_out = 0;
  std::thread writer;
};

Logger::Logger(const LogOptions& options, const base::Clock& clock)
    : level_(options.level), impl_(std::make_unique<Impl>(options, clock)) {
  impl_->writer = std::thread([impl = impl_.get()] { impl->Write(); });
}

Logger::~Logger() {
  if (impl_->calls_left_out > 0) Warning("call lines left out", {{"count", impl_->calls_left_out}});
  if (impl_->dropped > 0) Flush(), Warning("log lines dropped", {{"count", impl_->dropped}});
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->arrived.notify_one();
  impl_->writer.join();
}

void Logger::Log(LogLevel level, absl::string_view message,
                 std::initializer_list<LogField> fields) {
  if (!Enabled(level)) return;
  std::string line;
  line.reserve(256);
  line += "{\"time\":\"";
  AppendTime(impl_->clock.Now(), &line);
  line += "\",\"level\":\"";
  line += kLevelNames[static_cast<int>(level)];
  line += "\",\"message\":";
  AppendJson(message, &line);
  for (const LogField& field : fields) {
    line += ',';
    AppendJson(field.key, &line);
    line += ':';
    switch (field.kind) {
      case LogField::kText:
        AppendJson(field.text, &line);
        break;
      case LogField::kInteger:
        absl::StrAppend(&line, field.integer);
        break;
      case LogField::kBool:
        line += field.integer != 0 ? "true" : "false";
        break;
      case LogField::kDouble:
        // JSON has no NaN and no infinity.
        std::isfinite(field.real) ? absl::StrAppend(&line, field.real)
                                  : absl::StrAppend(&line, "null");
        break;
    }
  }
  line += "}\n";
  impl_->Append(std::move(line));
}

void Logger::LogCall(const CallRecord& call) {
  const bool failed = !call.status.ok();
  const absl::StatusCode code = call.status.code();
  const bool bug = code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
                   code == absl::StatusCode::kDataLoss;
  const LogLevel level = bug                                               ? LogLevel::kError
                         : failed || call.took >= impl_->options.slow_call ? LogLevel::kInfo
                                                                           : LogLevel::kDebug;
  if (!Enabled(level)) return;
  int64_t left_out = 0;
  const bool may = impl_->MayLogCall(absl::ToUnixSeconds(impl_->clock.Now()), &left_out);
  if (left_out > 0) Warning("call lines left out", {{"count", left_out}});
  if (!may && !bug) return;
  const double millis = absl::ToDoubleMilliseconds(call.took);
  if (!failed) {
    Log(level, "call",
        {{"trace_id", call.trace_id},
         {"message_id", call.message_id},
         {"method", call.method},
         {"caller", call.caller},
         {"status", "OK"},
         {"duration_ms", millis}});
    return;
  }
  const absl::optional<base::ErrorDetail> detail = base::DetailOf(call.status);
  Log(level, "call",
      {{"trace_id", call.trace_id},
       {"message_id", call.message_id},
       {"method", call.method},
       {"caller", call.caller},
       {"status", absl::StatusCodeToString(code)},
       {"reason", detail ? absl::string_view(detail->reason) : absl::string_view()},
       {"error", call.status.message()},
       {"duration_ms", millis}});
}

void Logger::Flush() {
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->written.wait(lock, [this] { return impl_->pending.empty() && !impl_->writing; });
}

int64_t Logger::dropped() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->dropped;
}

}  // namespace egov::rpc
