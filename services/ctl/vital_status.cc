#include "services/ctl/vital_status.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/base/status.h"
#include "libs/proof/verify.h"
#include "services/ctl/dates.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

using ::egov::population::v1::VerifyVitalStatusResponse;

constexpr char kMethod[] = "/egov.population.v1.PopulationService/VerifyVitalStatus";
// Were all of them dead, their answer would still fit into one window (about 25 bytes each).
constexpr uint64_t kWindowCodes = 1 << 19;
constexpr size_t kWindowBytes = 15 << 20;  // parts of a window together; the exchange allows 16 MiB
constexpr size_t kPartBytes = (1 << 20) - 4096;  // of a part, its scheme left out
constexpr size_t kMaxCode = 127;                 // a length of one byte on the wire
constexpr int kWindowsAhead = 2;                 // sent before the answer to the one before is read

// Tags of VerifyVitalStatusRequest: scheme = 1, codes = 2, both length-delimited.
constexpr char kSchemeTag = 0x0a;
constexpr char kCodeTag = 0x12;

absl::Status BadLine(uint64_t line, absl::string_view why) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_LINE",
                     absl::StrCat("line ", line, " ", why));
}

// The codes of a text, one a line, without what is around them; blank lines are passed over.
class Codes {
 public:
  explicit Codes(absl::string_view text) : at_(text.data()), end_(at_ + text.size()) {
    if (absl::StartsWith(text, kByteOrderMark)) at_ += kByteOrderMark.size();
  }

  bool Next(absl::string_view* code) {
    while (at_ < end_) {
      ++line_;
      const char* newline = static_cast<const char*>(std::memchr(at_, '\n', end_ - at_));
      *code = absl::string_view(at_, (newline != nullptr ? newline : end_) - at_);
      at_ = newline != nullptr ? newline + 1 : end_;
      while (!code->empty() && IsBlank(code->back())) code->remove_suffix(1);
      while (!code->empty() && IsBlank(code->front())) code->remove_prefix(1);
      if (!code->empty()) return true;
    }
    return false;
  }
  uint64_t line() const { return line_; }                          // of the code, from 1
  size_t left() const { return static_cast<size_t>(end_ - at_); }  // bytes

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

  const char* at_;
  const char* const end_;
  uint64_t line_ = 0;
};

// The four lists as their files will be.
struct Lists {
  std::string deceased, unknown, superseded, malformed;

  absl::Status Add(const std::string& part, VitalStatusSummary* summary) {
    VerifyVitalStatusResponse response;
    if (!response.ParseFromString(part)) return absl::DataLossError("the answer does not parse");
    for (const auto& d : response.deceased()) {
      absl::StrAppend(&deceased, d.code(), "\t", DateText(d.death_date()), "\n");
    }
    for (const std::string& code : response.unknown()) absl::StrAppend(&unknown, code, "\n");
    for (const auto& s : response.superseded())
      absl::StrAppend(&superseded, s.code(), "\t", s.successor(), "\n");
    for (const auto& m : response.malformed())
      absl::StrAppend(&malformed, m.value(), "\t", m.reason(), "\n");
    summary->deceased += response.deceased_size();
    summary->unknown += response.unknown_size();
    summary->superseded += response.superseded_size();
    summary->malformed += response.malformed_size();
    return absl::OkStatus();
  }
};

// Reads the windows that answer one window of questions.
absl::Status ReceiveAnswer(exchange::Stream& stream, Lists* lists, VitalStatusSummary* summary,
                           std::vector<exchange::Exchange>* exchanges) {
  for (;;) {
    absl::StatusOr<exchange::Exchange> window = stream.Receive();
    if (!window.ok()) {
      const auto detail = base::DetailOf(window.status());
      if (detail && detail->reason == "END_OF_STREAM") {
        return base::Error(absl::StatusCode::kDataLoss, "CUT_ANSWER",
                           "the register ended before it had answered everything");
      }
      return window.status();
    }
    for (const std::string& part : window->response_parts)
      EGOV_RETURN_IF_ERROR(lists->Add(part, summary));
    egov::exchange::v1::Record record;
    if (!record.ParseFromString(window->receipt.record()))
      return absl::DataLossError("the record does not parse");
    exchanges->push_back(*std::move(window));
    if (!record.more()) return absl::OkStatus();
  }
}

}  // namespace

std::vector<std::string> VitalStatusItems() {
  return {"population.person.death_date", "population.person.identifiers",
          "population.person.vital_status"};
}

absl::StatusOr<std::vector<CodeWindow>> WindowsOf(absl::string_view text,
                                                  absl::string_view scheme) {
  if (scheme.empty() || scheme.size() > kMaxCode) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SCHEME",
                       "a scheme has 1 to 127 characters");
  }
  std::string head = {kSchemeTag, static_cast<char>(scheme.size())};
  head.append(scheme.data(), scheme.size());

  std::vector<CodeWindow> windows;
  std::string part;
  size_t window_bytes = 0;
  auto end_part = [&] {
    if (part.empty()) return;
    window_bytes += part.size();
    windows.back().parts.push_back(std::move(part));
    part = std::string();
  };
  Codes codes(text);
  absl::string_view code;
  while (codes.Next(&code)) {
    if (code.size() > kMaxCode) return BadLine(codes.line(), "is longer than any code");
    for (char c : code) {
      // Fields of the contract are UTF-8 text; no scheme goes beyond ASCII, so a check of UTF-8 is
      // not needed.
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
        return BadLine(codes.line(), "holds a character that no code has");
      }
    }
    if (windows.empty() || windows.back().codes == kWindowCodes ||
        window_bytes + part.size() > kWindowBytes) {
      if (!windows.empty()) end_part();
      windows.emplace_back();
      window_bytes = 0;
    }
    if (part.empty()) {
      part.reserve(std::min<size_t>(kPartBytes + 256, codes.left() * 5 / 4 + 256));
      part = head;
    }
    part += kCodeTag;
    part += static_cast<char>(code.size());
    part.append(code.data(), code.size());
    ++windows.back().codes;
    if (part.size() >= kPartBytes) end_part();
  }
  if (windows.empty())
    return base::Error(absl::StatusCode::kInvalidArgument, "NO_CODES", "there is not one code");
  end_part();
  return windows;
}

uint64_t CountAlive(absl::string_view text, absl::Span<const absl::string_view> lists) {
  absl::flat_hash_set<absl::string_view> listed;
  for (const absl::string_view list : lists) {
    for (const absl::string_view line : absl::StrSplit(list, '\n', absl::SkipEmpty()))
      listed.insert(line.substr(0, line.find('\t')));
  }
  uint64_t alive = 0;
  Codes codes(text);
  for (absl::string_view code; codes.Next(&code);) alive += listed.contains(code) ? 0 : 1;
  return alive;
}

absl::StatusOr<VitalStatusSummary> AskVitalStatus(exchange::Client& client,
                                                  const std::vector<pki::Certificate>& anchors,
                                                  const VitalStatusOptions& options) {
  const absl::Time started = absl::Now();
  if (std::filesystem::exists(options.out + "/evidence.egov")) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "ANSWER_EXISTS",
                       "the folder holds an answer and its proof already; nothing was asked")
        .Field("out")
        .Expected("a folder of its own for each answer");
  }
  EGOV_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.in));
  EGOV_ASSIGN_OR_RETURN(std::vector<CodeWindow> windows, WindowsOf(text, options.scheme));
  EGOV_RETURN_IF_ERROR(MakeFolder(options.out));
  EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<exchange::Stream> stream,
                        client.Open(kMethod, options.purpose, options.timeout));
  VitalStatusSummary summary;
  Lists lists;
  std::vector<exchange::Exchange> exchanges;
  summary.windows = windows.size();
  size_t sent = 0;
  for (size_t answered = 0; answered < windows.size(); ++answered) {
    for (; sent < windows.size() && sent < answered + kWindowsAhead; ++sent) {
      const absl::Status status =
          stream->Send(std::move(windows[sent].parts), sent + 1 == windows.size());
      // Why the register hung up is what Receive says.
      if (!status.ok()) sent = windows.size() - 1;
    }
    EGOV_RETURN_IF_ERROR(ReceiveAnswer(*stream, &lists, &summary, &exchanges));
    summary.asked += windows[answered].codes;
    if (options.progress != nullptr) options.progress(windows[answered].codes);
  }
  const absl::Status end = stream->Receive().status();
  const auto detail = base::DetailOf(end);
  if (!detail || detail->reason != "END_OF_STREAM") {
    return end.ok() ? base::Error(absl::StatusCode::kDataLoss, "EXTRA_ANSWER",
                                  "the register answered what was not asked")
                          .status()
                    : end;
  }
  EGOV_RETURN_IF_ERROR(CheckLog(client, options.warn));
  const absl::Time exchanged = absl::Now();
  summary.exchange = exchanged - started;

  std::future<uint64_t> alive = std::async(std::launch::async, [&] {
    return CountAlive(text, {lists.deceased, lists.unknown, lists.malformed});
  });
  EGOV_ASSIGN_OR_RETURN(const egov::evidence::v1::EvidenceFile evidence,
                        client.Prove(exchanges, /*with_content=*/true, options.timeout));
  exchanges.clear();
  const std::string file = proof::WriteFile(evidence);
  // The disk takes the evidence while it is verified; it gets its name when both are done.
  const std::string folder = options.out + "/";
  std::future<absl::StatusOr<NewFile>> on_disk = std::async(std::launch::async, [&] {
    return NewFile::Write(folder + "evidence.egov", {file}, /*durable=*/true);
  });
  EGOV_RETURN_IF_ERROR(proof::Verify(file, anchors, absl::Now()).status());
  const absl::Time proven = absl::Now();
  summary.proof = proven - exchanged;
  summary.alive = alive.get();

  EGOV_RETURN_IF_ERROR(WriteFile(folder + "deceased.tsv", {lists.deceased}));
  EGOV_RETURN_IF_ERROR(WriteFile(folder + "unknown.txt", {lists.unknown}));
  EGOV_RETURN_IF_ERROR(WriteFile(folder + "superseded.tsv", {lists.superseded}));
  EGOV_RETURN_IF_ERROR(WriteFile(folder + "malformed.tsv", {lists.malformed}));
  EGOV_RETURN_IF_ERROR(WriteFile(folder + "checkpoint.txt", {evidence.after().checkpoint()}));
  EGOV_RETURN_IF_ERROR(WriteFile(folder + "checkpoint.tsr", {evidence.after().time_stamp()}));
  // The lists can be read out of the evidence again; the evidence, once the answer is acted on, out
  // of nothing.
  EGOV_ASSIGN_OR_RETURN(NewFile evidence_file, on_disk.get());
  EGOV_RETURN_IF_ERROR(evidence_file.Publish());
  summary.files = absl::Now() - proven;
  return summary;
}

}  // namespace egov::ctl
