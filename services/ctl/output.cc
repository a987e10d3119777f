#include "services/ctl/output.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/json_util.h"

namespace egov::ctl {
namespace {

// Characters of UTF-8 text: bytes that do not continue one.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string JsonName(absl::string_view heading) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(heading), {{" ", "_"}, {"-", "_"}});
}

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppendFormat(&out, "\\u%04x", c);
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string Table::ToText() const {
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) widths.push_back(Width(heading));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      absl::StrAppend(&out, cells[i], std::string(widths[i] - Width(cells[i]) + 2, ' '));
    }
    absl::StripTrailingAsciiWhitespace(&out);
    absl::StrAppend(&text, out, "\n");
  };
  line(headings_);
  for (const auto& row : rows_) line(row);
  return text;
}

std::string Table::ToJson() const {
  std::string out = "[";
  for (size_t r = 0; r < rows_.size(); ++r) {
    absl::StrAppend(&out, r == 0 ? "\n  {" : ",\n  {");
    for (size_t i = 0; i < rows_[r].size() && i < headings_.size(); ++i) {
      absl::StrAppend(&out, i == 0 ? "" : ", ", JsonString(JsonName(headings_[i])), ": ",
                      JsonString(rows_[r][i]));
    }
    out += "}";
  }
  return out + (rows_.empty() ? "]\n" : "\n]\n");
}

void Output::Print(const Table& table) {
  *out_ << (json_ ? table.ToJson() : table.ToText()) << std::flush;
}

void Output::PrintFacts(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string text;
  if (json_) {
    for (const auto& [name, value] : facts) {
      absl::StrAppend(&text, text.empty() ? "{" : ",", "\n  ", JsonString(JsonName(name)), ": ",
                      JsonString(value));
    }
    text += text.empty() ? "{}\n" : "\n}\n";
  } else {
    size_t width = 0;
    for (const auto& fact : facts) width = std::max(width, Width(fact.first));
    for (const auto& [name, value] : facts) {
      absl::StrAppend(&text, name, std::string(width - Width(name) + 2, ' '), value, "\n");
    }
  }
  *out_ << text << std::flush;
}

void Output::Print(const google::protobuf::Message& message, absl::string_view text) {
  if (!json_) {
    *out_ << text << std::flush;
    return;
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok())
    out_->setstate(std::ios::failbit);  // noticed as if it could not be written
  *out_ << json << std::flush;
}

void Output::Say(absl::string_view line) {
  if (!json_) *out_ << line << std::endl;
}

Progress::Progress(Output* output, std::string what, uint64_t total)
    : output_(output),
      what_(std::move(what)),
      total_(total),
      started_(absl::Now()),
      shown_(started_) {}

Progress::~Progress() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (any_) Show(/*last=*/true);
}

void Progress::Add(uint64_t done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  done_ += done;
  const absl::Time now = absl::Now();
  const absl::Duration every = output_->terminal() ? absl::Milliseconds(500) : absl::Seconds(5);
  if (now - shown_ < every) return;
  shown_ = now;
  any_ = true;
  Show(/*last=*/false);
}

void Progress::Show(bool last) {
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started_);
  std::string line = total_ != 0
                         ? absl::StrFormat("%s: %d of %d (%d %%), %.0f s", what_, done_, total_,
                                           100 * std::min(done_, total_) / total_, seconds)
                         : absl::StrFormat("%s: %d, %.0f s", what_, done_, seconds);
  if (output_->terminal()) {
    output_->err() << "\r\x1b[K" << line << (last ? "\n" : "") << std::flush;
  } else {
    output_->err() << line << std::endl;
  }
}

}  // namespace egov::ctl
