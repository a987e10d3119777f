#include "services/ctl/load.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "egov/population/v1/population_service.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/pki/sha256.h"
#include "services/ctl/files.h"
#include "services/population/stream/stream.h"

namespace egov::ctl {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr char kMethod[] = "/egov.population.v1.PopulationService/LoadPeople";
constexpr uint64_t kWindowPeople = 1 << 16;
constexpr size_t kWindowBytes = 14 << 20;  // the exchange allows 16 MiB
constexpr size_t kPartBytes = (1 << 20) - 4096;
constexpr size_t kWindowsAhead = 2;

// Tags of LoadPeopleRequest: request_id = 1, people = 2, both length-delimited.
constexpr char kRequestIdTag = 0x0a;
constexpr char kPersonTag = 0x12;

struct Window {
  std::vector<std::string> parts;
  uint64_t first = 0, last = 0;  // numbers of people, `last` not included
};

// Reads up to one window; one without parts when the file has ended.
absl::StatusOr<Window> ReadWindow(population::StreamReader& reader) {
  Window window;
  window.first = reader.position();
  const std::string request_id = LoadRequestId(reader.header().id, window.first);
  const std::string head =
      absl::StrCat(std::string({kRequestIdTag, static_cast<char>(request_id.size())}), request_id);
  std::string part;
  size_t bytes = 0;
  while (reader.position() < reader.header().count &&
         reader.position() - window.first < kWindowPeople && bytes < kWindowBytes) {
    absl::string_view person;
    EGOV_ASSIGN_OR_RETURN(const bool more, reader.NextBytes(&person));
    if (!more) break;
    if (part.size() + person.size() > kPartBytes && part.size() > head.size()) {
      window.parts.push_back(std::move(part));
      part.clear();
    }
    if (part.empty()) {
      part.reserve(kPartBytes + 1024);
      part = head;
    }
    uint8_t length[10];
    const uint8_t* end =
        CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(person.size()), length);
    part += kPersonTag;
    part.append(reinterpret_cast<const char*>(length), end - length);
    part.append(person.data(), person.size());
    bytes += person.size() + 4;
  }
  if (!part.empty()) window.parts.push_back(std::move(part));
  window.last = reader.position();
  return window;
}

// "<hex id> <people acknowledged>"; anything else is no place.
uint64_t ReadPlace(const std::string& path, absl::string_view id) {
  const absl::StatusOr<std::string> text = path.empty() ? std::string() : ReadFile(path);
  if (!text.ok()) return 0;
  const std::vector<std::string> words =
      absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  uint64_t place = 0;
  if (words.size() != 2 || words[0] != base::ToHex(id) || !absl::SimpleAtoi(words[1], &place))
    return 0;
  return place;
}

}  // namespace

std::string LoadRequestId(absl::string_view id, uint64_t first) {
  std::string number;
  base::AppendU64(first, &number);
  const pki::Digest digest = pki::Sha256Of({"egov.population.load", id, number});
  std::string bytes(pki::AsBytes(digest).substr(0, 16));
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // RFC 9562 section 5.8
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = base::ToHex(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

absl::StatusOr<LoadSummary> LoadPeople(exchange::Client& client, const LoadOptions& options) {
  EGOV_ASSIGN_OR_RETURN(population::StreamReader reader,
                        population::StreamReader::Open(options.in));
  LoadSummary summary;
  summary.people = reader.header().count;
  summary.passed = std::min(ReadPlace(options.place, reader.header().id), summary.people);
  EGOV_RETURN_IF_ERROR(reader.Skip(summary.passed));
  if (options.progress != nullptr) options.progress(summary.passed);
  if (summary.passed == summary.people) return summary;

  EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<exchange::Stream> stream,
                        client.Open(kMethod, options.purpose, options.timeout));
  std::deque<std::pair<uint64_t, uint64_t>>
      waiting;                     // first and last of the windows not answered yet
  uint64_t sent = summary.passed;  // people
  bool hung_up = false;
  // Read while the register works on those before, so that it need not wait for it.
  absl::StatusOr<Window> next = ReadWindow(reader);
  for (;;) {
    while (!hung_up && waiting.size() < kWindowsAhead && sent < summary.people) {
      EGOV_RETURN_IF_ERROR(next.status());
      waiting.emplace_back(next->first, next->last);
      sent = next->last;
      // Why the register hung up is what Receive says.
      hung_up = !stream->Send(std::move(next->parts), sent == summary.people).ok();
      ++summary.windows;
      if (sent < summary.people) next = ReadWindow(reader);
    }
    if (waiting.empty()) break;
    const auto [first, last] = waiting.front();
    waiting.pop_front();
    const absl::StatusOr<exchange::Exchange> answer = stream->Receive();
    if (!answer.ok()) {
      auto detail = base::DetailOf(answer.status());
      if (!detail) return answer.status();
      detail->metadata["first"] = absl::StrCat(first);
      detail->metadata["last"] = absl::StrCat(last);
      return base::WithDetail(
          absl::Status(answer.status().code(),
                       absl::StrCat(answer.status().message(), " (people ", first, " to ", last,
                                    " of the file; those before are taken in)")),
          *detail);
    }
    uint64_t loaded = 0;
    for (const std::string& part : answer->response_parts) {
      egov::population::v1::LoadPeopleResponse response;
      if (!response.ParseFromString(part)) return absl::DataLossError("the answer does not parse");
      loaded += response.loaded();
    }
    if (loaded != last - first) {
      return base::Error(absl::StatusCode::kDataLoss, "WRONG_COUNT",
                         "the register has taken in another number of people than were sent");
    }
    EGOV_RETURN_IF_ERROR(CheckLog(client, options.warn));
    if (!options.place.empty()) {
      const std::string place = absl::StrCat(base::ToHex(reader.header().id), " ", last, "\n");
      EGOV_RETURN_IF_ERROR(WriteFile(options.place, {place}));
    }
    if (options.progress != nullptr) options.progress(loaded);
  }
  return summary;
}

}  // namespace egov::ctl
