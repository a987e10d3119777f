// What a verified evidence file says, in words and for machines.
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "libs/proof/verify.h"

namespace egov::proof {
namespace {

constexpr absl::string_view kCodes[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string Moment(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::string Seconds(absl::Duration accuracy) {
  if (accuracy == absl::ZeroDuration()) return "accuracy not stated";
  return absl::StrCat("+-", absl::ToDoubleSeconds(accuracy), " s");
}

std::string StampLine(absl::string_view when, const StampFinding& stamp) {
  return absl::StrCat("  ", when, Moment(stamp.time), " (", Seconds(stamp.accuracy), ") says ",
                      stamp.authority, ", policy ", stamp.policy, ", log size ", stamp.size, "\n");
}

// Text that comes from others must not be able to draw lines of its own on a terminal.
std::string Plain(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  }
  return out;
}

class Json {
 public:
  void Open(char bracket) {
    Comma();
    out_.push_back(bracket);
    first_ = true;
  }
  void Close(char bracket) {
    out_.push_back(bracket);
    first_ = false;
  }
  void Key(absl::string_view key) {
    Comma();
    Quote(key);
    out_.push_back(':');
    first_ = true;
  }
  void Text(absl::string_view value) {
    Comma();
    Quote(value);
  }
  void Raw(absl::string_view value) {
    Comma();
    absl::StrAppend(&out_, value);
  }
  void Put(absl::string_view key, absl::string_view value) {
    Key(key);
    Text(value);
  }
  void Put(absl::string_view key, const char* value) { Put(key, absl::string_view(value)); }
  void Put(absl::string_view key, uint64_t value) {
    Key(key);
    Raw(absl::StrCat(value));
  }
  void Put(absl::string_view key, bool value) {
    Key(key);
    Raw(value ? "true" : "false");
  }
  std::string Take() { return std::move(out_); }

 private:
  void Comma() {
    if (!first_) out_.push_back(',');
    first_ = false;
  }
  void Quote(absl::string_view text) {
    out_.push_back('"');
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out_.push_back('\\');
        out_.push_back(c);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        absl::StrAppend(&out_, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
      } else {
        out_.push_back(c);
      }
    }
    out_.push_back('"');
  }
  std::string out_;
  bool first_ = true;
};

absl::string_view CodeName(uint32_t code) { return code <= 16 ? kCodes[code] : "UNKNOWN"; }

std::string Content(bool proven, size_t messages) {
  if (!proven) return "only committed to, not in this file";
  return absl::StrCat("proven, ", messages, messages == 1 ? " message" : " messages");
}

// What the file leaves open: always the same, and what this one lacks.
std::vector<std::string> Limits(const Report& report) {
  std::vector<std::string> limits = {
      "That the answer was received: it was released by the service, no more is shown.",
      "That the log shows the same to everyone: no witness has cosigned this log."};
  if (!report.before) limits.push_back("After which moment it took place: no stamp before it.");
  if (!report.complete) limits.push_back("What followed: the exchange went on after this file.");
  bool overdue = false, content = true;
  for (const WindowFinding& window : report.windows) {
    overdue |= window.revocation_overdue;
    content &= window.question_proven && window.answer_proven;
  }
  if (overdue) limits.push_back("That the revocation list was fresh: a newer one was due.");
  if (!content) limits.push_back("What was said where the content is not in this file.");
  return limits;
}

// Checks that a court might take for made. The file holds revocation lists for seals alone.
std::vector<std::string> NotChecked(const Report& report) {
  std::vector<std::string> unchecked = {
      "Whether the certificate of the log had been revoked.",
      "Whether the certificate of a time-stamping authority had been revoked.",
      "Whether the certificate of an issuer of any of them had been revoked."};
  for (const WindowFinding& window : report.windows) {
    if (window.revocation_checked) continue;
    unchecked.push_back(
        "Whether the seal had been revoked: no list was recorded with every window.");
    break;
  }
  return unchecked;
}

}  // namespace

std::string Report::ToText() const {
  std::string out = "This evidence is intact.\n\nIt proves that\n";
  absl::StrAppend(&out, "  ", caller, "\n    (seal: ", Plain(caller_certificate), ")\n  asked ",
                  audience, "\n    (log: ", Plain(service_certificate), ", ", origin, ")\n  by ",
                  Plain(method), "\n  in ", windows.size(),
                  windows.size() == 1 ? " window" : " windows",
                  complete ? ", complete from first to last\n" : ", NOT COMPLETE\n");
  absl::StrAppend(&out, "between\n");
  if (before) {
    absl::StrAppend(&out, StampLine("", *before));
  } else {
    absl::StrAppend(&out, "  an unknown moment\n");
  }
  absl::StrAppend(&out, "and\n", StampLine("", after), "\n");
  for (const WindowFinding& window : windows) {
    absl::StrAppend(&out, "Window ", window.answer_window, " (question ", window.question_window,
                    "), message ", window.id, ", record ", window.index, "\n");
    absl::StrAppend(&out, "  purpose      ", Plain(window.purpose), "\n");
    absl::StrAppend(&out, "  legal basis  ",
                    window.act.empty() ? "none named"
                                       : Plain(absl::StrCat(window.act, " ", window.provision, " ",
                                                            window.version)),
                    "\n");
    if (!window.case_reference.empty()) {
      absl::StrAppend(&out, "  case         ", Plain(window.case_reference), "\n");
    }
    absl::StrAppend(&out, "  items        ",
                    window.items.empty() ? "none" : Plain(absl::StrJoin(window.items, ", ")), "\n");
    absl::StrAppend(&out, "  end user     ",
                    !window.end_user         ? "none"
                    : window.end_user_proven ? "yes, the assertion is in this file"
                                             : "yes, only committed to",
                    "\n");
    absl::StrAppend(&out, "  question     ",
                    Content(window.question_proven, window.question_messages), "\n");
    absl::StrAppend(&out, "  answer       ", CodeName(window.code),
                    window.reason.empty() ? "" : absl::StrCat(" ", Plain(window.reason)), "; ",
                    Content(window.answer_proven, window.answer_messages), "; as of revision ",
                    window.revision, "\n");
    absl::StrAppend(&out, "  times        issued ", Moment(window.issued), " (caller's clock), ",
                    "received ", Moment(window.received), ", recorded ", Moment(window.recorded),
                    " (service's clock)\n");
    absl::StrAppend(&out, "  seal         valid then, ",
                    !window.revocation_checked ? "revocation status not recorded"
                    : window.revocation_overdue
                        ? "not on the revocation list used, which was overdue"
                        : "not on the revocation list used",
                    "\n");
  }
  absl::StrAppend(&out, "\nIt does not prove\n");
  for (const std::string& limit : Limits(*this)) absl::StrAppend(&out, "  ", limit, "\n");
  absl::StrAppend(&out, "\nNot checked\n");
  for (const std::string& check : NotChecked(*this)) absl::StrAppend(&out, "  ", check, "\n");
  return out;
}

std::string Report::ToJson() const {
  Json json;
  const auto stamp = [&json](absl::string_view key, const StampFinding& finding) {
    json.Key(key);
    json.Open('{');
    json.Put("time", Moment(finding.time));
    json.Put("accuracy_micros", static_cast<uint64_t>(absl::ToInt64Microseconds(finding.accuracy)));
    json.Put("authority", finding.authority);
    json.Put("policy", finding.policy);
    json.Put("size", finding.size);
    json.Close('}');
  };
  json.Open('{');
  json.Put("intact", true);
  json.Put("complete", complete);
  json.Put("origin", origin);
  json.Put("caller", caller);
  json.Put("caller_certificate", caller_certificate);
  json.Put("audience", audience);
  json.Put("service_certificate", service_certificate);
  json.Put("method", method);
  if (before) stamp("before", *before);
  stamp("after", after);
  json.Put("verified", Moment(verified));
  json.Key("windows");
  json.Open('[');
  for (const WindowFinding& window : windows) {
    json.Open('{');
    json.Put("id", window.id);
    json.Put("question_window", window.question_window);
    json.Put("answer_window", window.answer_window);
    json.Put("index", window.index);
    json.Put("issued", Moment(window.issued));
    json.Put("received", Moment(window.received));
    json.Put("recorded", Moment(window.recorded));
    json.Put("revision", window.revision);
    json.Put("purpose", window.purpose);
    json.Put("act", window.act);
    json.Put("provision", window.provision);
    json.Put("version", window.version);
    json.Put("case_reference", window.case_reference);
    json.Key("items");
    json.Open('[');
    for (const std::string& item : window.items) json.Text(item);
    json.Close(']');
    json.Put("end_user", window.end_user);
    json.Put("end_user_proven", window.end_user_proven);
    json.Put("code", CodeName(window.code));
    json.Put("reason", window.reason);
    json.Put("question_proven", window.question_proven);
    json.Put("question_messages", static_cast<uint64_t>(window.question_messages));
    json.Put("answer_proven", window.answer_proven);
    json.Put("answer_messages", static_cast<uint64_t>(window.answer_messages));
    json.Put("revocation_checked", window.revocation_checked);
    json.Put("revocation_overdue", window.revocation_overdue);
    json.Close('}');
  }
  json.Close(']');
  json.Key("does_not_prove");
  json.Open('[');
  for (const std::string& limit : Limits(*this)) json.Text(limit);
  json.Close(']');
  json.Key("not_checked");
  json.Open('[');
  for (const std::string& check : NotChecked(*this)) json.Text(check);
  json.Close(']');
  json.Close('}');
  return json.Take();
}

}  // namespace egov::proof
