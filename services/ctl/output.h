// How egovctl speaks: tables for people, JSON for machines, progress on long work.
//
// Answers go to stdout, everything else to stderr, so that `egovctl ... --json | jq` works.
//
// Thread safety: Output from one thread; Progress from any.
#ifndef EGOV_SERVICES_CTL_OUTPUT_H_
#define EGOV_SERVICES_CTL_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace egov::ctl {

// Rows under headings. Columns are as wide as their content, counted in characters.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  std::string ToText() const;
  // An array of objects; names are the headings in lower case with "_" for spaces.
  std::string ToJson() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// Text as a JSON string, quotes included.
std::string JsonString(absl::string_view text);

class Output {
 public:
  Output(std::ostream* out, std::ostream* err, bool err_is_terminal)
      : out_(out), err_(err), terminal_(err_is_terminal) {}

  bool json() const { return json_; }
  void set_json(bool json) { json_ = json; }

  // The table, or with --json its rows.
  void Print(const Table& table);
  // Names and values, one under the other; with --json one object.
  void PrintFacts(const std::vector<std::pair<std::string, std::string>>& facts);
  // A message: with --json as protobuf's JSON, else `text`.
  void Print(const google::protobuf::Message& message, absl::string_view text);
  // For people only: left out with --json.
  void Say(absl::string_view line);
  // As it is, in either form.
  void Raw(absl::string_view text) { *out_ << text; }

  std::ostream& out() { return *out_; }
  std::ostream& err() { return *err_; }
  bool terminal() const { return terminal_; }

 private:
  std::ostream* out_;
  std::ostream* err_;
  bool terminal_;
  bool json_ = false;
};

// Tells how far long work is, on stderr: in place on a terminal, else a line every five seconds.
// Says nothing about work that takes less than half a second.
class Progress {
 public:
  // `total`: 0 when not known.
  Progress(Output* output, std::string what, uint64_t total);
  ~Progress();  // ends its line
  void Add(uint64_t done);

 private:
  void Show(bool last);

  Output* output_;
  const std::string what_;
  const uint64_t total_;
  const absl::Time started_;
  std::mutex mutex_;
  uint64_t done_ = 0;
  absl::Time shown_;
  bool any_ = false;
};

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_OUTPUT_H_
