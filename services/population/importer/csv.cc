#include "services/population/importer/csv.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::population::importer {
namespace {

absl::Status Fault(absl::string_view reason, absl::string_view text, size_t line) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text)
      .With("line", absl::StrCat(line));
}

absl::Status BadEncoding(size_t line) {
  return Fault("BAD_ENCODING", "The file is not in the encoding that the mapping says.", line);
}

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

absl::StatusOr<std::string> FromUtf16Le(absl::string_view bytes) {
  if (bytes.size() % 2 != 0) return BadEncoding(0);
  std::string out;
  out.reserve(bytes.size());
  const auto unit = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) |
           static_cast<uint32_t>(static_cast<uint8_t>(bytes[i + 1])) << 8;
  };
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint32_t c = unit(i);
    if (c >= 0xD800 && c < 0xE000) {
      if (c >= 0xDC00 || i + 4 > bytes.size()) return BadEncoding(0);
      const uint32_t low = unit(i + 2);
      if (low < 0xDC00 || low >= 0xE000) return BadEncoding(0);
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      i += 2;
    }
    if (i < 2 && c == 0xFEFF) continue;
    AppendUtf8(c, &out);
  }
  return out;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text) {
  const auto next = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  for (size_t i = 0; i < text.size();) {
    const uint8_t a = static_cast<uint8_t>(text[i]), b = next(i + 1);
    size_t length = 0;
    if (a < 0x80)
      length = 1;
    else if (a >= 0xC2 && a < 0xE0)
      length = 2;
    else if (a == 0xE0)
      length = b >= 0xA0 ? 3 : 0;
    else if (a == 0xED)
      length = b < 0xA0 ? 3 : 0;
    else if (a >= 0xE1 && a < 0xF0)
      length = 3;
    else if (a == 0xF0)
      length = b >= 0x90 ? 4 : 0;
    else if (a >= 0xF1 && a < 0xF4)
      length = 4;
    else if (a == 0xF4)
      length = b < 0x90 ? 4 : 0;
    if (length == 0) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((next(i + k) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

// Takes the next field from `text`; `end_of_row` tells whether it was the row's last.
absl::Status TakeField(absl::string_view* text, char separator, char quote, size_t* line,
                       std::string* field, bool* end_of_row) {
  field->clear();
  size_t i = 0;
  if (quote != '\0' && !text->empty() && (*text)[0] == quote) {
    const size_t begin_line = *line;
    for (i = 1;; ++i) {
      if (i >= text->size())
        return Fault("UNCLOSED_QUOTE", "A quoted field does not end.", begin_line);
      const char c = (*text)[i];
      if (c == quote) {
        if (i + 1 >= text->size() || (*text)[i + 1] != quote) break;
        ++i;
      }
      if (c == '\n') ++*line;
      field->push_back(c);
    }
    ++i;
  } else {
    while (i < text->size() && (*text)[i] != separator && (*text)[i] != '\n' && (*text)[i] != '\r')
      ++i;
    field->assign(text->data(), i);
  }
  if (i < text->size() && (*text)[i] == separator) {
    *end_of_row = false;
    text->remove_prefix(i + 1);
    return absl::OkStatus();
  }
  *end_of_row = true;
  if (i < text->size() && (*text)[i] == '\r') ++i;
  if (i < text->size() && (*text)[i] == '\n')
    ++i;
  else if (i < text->size() && (*text)[i - 1] != '\r')
    return Fault("TEXT_AFTER_QUOTE", "A quoted field is followed by text.", *line);
  ++*line;
  text->remove_prefix(i);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CsvTable> CsvTable::Parse(absl::string_view bytes, const Dialect& dialect) {
  std::string converted;
  absl::string_view text = bytes;
  if (dialect.encoding() == UTF16LE) {
    EGOV_ASSIGN_OR_RETURN(converted, FromUtf16Le(bytes));
    text = converted;
  } else if (absl::string_view(text).substr(0, 3) == "\xEF\xBB\xBF") {
    text.remove_prefix(3);
  }
  const char separator = dialect.separator().empty() ? ',' : dialect.separator()[0];
  const char quote = dialect.quote().empty()     ? '"'
                     : dialect.quote() == "none" ? '\0'
                                                 : dialect.quote()[0];

  CsvTable table;
  size_t line = 1;
  bool header = true;
  while (!text.empty()) {
    Row row;
    row.line = line;
    std::string field;
    for (bool end = false; !end;) {
      EGOV_RETURN_IF_ERROR(TakeField(&text, separator, quote, &line, &field, &end));
      if (!IsUtf8(field)) return BadEncoding(row.line);
      if (row.fields.size() == kMaxFields)
        return Fault("TOO_MANY_FIELDS", "A row has too many fields.", row.line);
      row.fields.push_back(field);
    }
    if (row.fields.size() == 1 && row.fields[0].empty()) continue;
    if (header) {
      table.header_ = std::move(row.fields);
      header = false;
    } else {
      table.rows_.push_back(std::move(row));
    }
  }
  for (size_t i = 0; i < table.header_.size(); ++i) {
    const std::string name(absl::StripAsciiWhitespace(table.header_[i]));
    const bool is_new = table.columns_.emplace(name, i).second;
    if (!is_new) table.columns_[name] = SIZE_MAX;  // ambiguous
  }
  return table;
}

absl::StatusOr<size_t> CsvTable::Column(const std::string& name) const {
  const auto found = columns_.find(name);
  if (found == columns_.end()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_COLUMN",
                       "The file has no column of this name.")
        .Field(name);
  }
  // A nameless column counts by its first appearance: files end their rows with a separator.
  if (found->second == SIZE_MAX) {
    if (!name.empty()) {
      return base::Error(absl::StatusCode::kInvalidArgument, "AMBIGUOUS_COLUMN",
                         "The file has two columns of this name.")
          .Field(name);
    }
    for (size_t i = 0; i < header_.size(); ++i) {
      if (absl::StripAsciiWhitespace(header_[i]).empty()) return i;
    }
  }
  return found->second;
}

absl::string_view CsvTable::Get(size_t row, size_t column) const {
  return absl::StripAsciiWhitespace(rows_[row].fields[column]);
}

}  // namespace egov::population::importer
