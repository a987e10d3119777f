#include "services/population/client/population_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::population {
namespace {

// Bounds of the exchange: a window has at most 2^20 items, a part at most 1 MiB. A code has at most
// some 15 bytes.
constexpr size_t kCodesInWindow = size_t{1} << 20;
constexpr size_t kPartBytes = 1000 * 1000;
constexpr char kService[] = "/egov.population.v1.PopulationService/";

bool IsEnd(const absl::Status& status) {
  const auto detail = base::DetailOf(status);
  return detail && detail->reason == "END_OF_STREAM";
}

// A refusal may end the stream before all was sent; Receive tells which.
absl::Status Send(exchange::Stream& stream, std::vector<std::string> parts, bool last) {
  const absl::Status sent = stream.Send(std::move(parts), last);
  const auto detail = base::DetailOf(sent);
  if (!detail || detail->reason != "STREAM_ENDED") return sent;
  const absl::Status why = stream.Receive().status();
  return why.ok() ? sent : why;
}

absl::Status Unreadable() { return absl::DataLossError("the answer does not parse"); }

class Client final : public PopulationClient {
 public:
  explicit Client(exchange::Client* client) : client_(client) {}

  absl::StatusOr<v1::GetPersonResponse> GetPerson(const exchange::Purpose& purpose,
                                                  const v1::GetPersonRequest& request) override {
    return Call<v1::GetPersonResponse>("GetPerson", purpose, request);
  }
  absl::StatusOr<v1::BatchGetPersonsResponse> BatchGetPersons(
      const exchange::Purpose& purpose, const v1::BatchGetPersonsRequest& request) override {
    return Call<v1::BatchGetPersonsResponse>("BatchGetPersons", purpose, request);
  }
  absl::StatusOr<v1::RecordBirthResponse> RecordBirth(
      const exchange::Purpose& purpose, const v1::RecordBirthRequest& request) override {
    return Call<v1::RecordBirthResponse>("RecordBirth", purpose, request);
  }
  absl::StatusOr<v1::RecordDeathResponse> RecordDeath(
      const exchange::Purpose& purpose, const v1::RecordDeathRequest& request) override {
    return Call<v1::RecordDeathResponse>("RecordDeath", purpose, request);
  }
  absl::StatusOr<v1::AnnulDeathResponse> AnnulDeath(const exchange::Purpose& purpose,
                                                    const v1::AnnulDeathRequest& request) override {
    return Call<v1::AnnulDeathResponse>("AnnulDeath", purpose, request);
  }
  absl::StatusOr<v1::RecordNameChangeResponse> RecordNameChange(
      const exchange::Purpose& purpose, const v1::RecordNameChangeRequest& request) override {
    return Call<v1::RecordNameChangeResponse>("RecordNameChange", purpose, request);
  }
  absl::StatusOr<v1::RecordResidenceChangeResponse> RecordResidenceChange(
      const exchange::Purpose& purpose, const v1::RecordResidenceChangeRequest& request) override {
    return Call<v1::RecordResidenceChangeResponse>("RecordResidenceChange", purpose, request);
  }
  absl::StatusOr<v1::ReplaceIdentifierResponse> ReplaceIdentifier(
      const exchange::Purpose& purpose, const v1::ReplaceIdentifierRequest& request) override {
    return Call<v1::ReplaceIdentifierResponse>("ReplaceIdentifier", purpose, request);
  }

  absl::StatusOr<VitalAnswer> VerifyVitalStatus(const exchange::Purpose& purpose,
                                                const std::string& scheme,
                                                absl::Span<const std::string> codes,
                                                absl::Duration timeout) override {
    EGOV_ASSIGN_OR_RETURN(
        const auto stream,
        client_->Open(absl::StrCat(kService, "VerifyVitalStatus"), purpose, timeout));
    VitalAnswer answer;
    size_t begin = 0;
    do {
      const size_t end = std::min(begin + kCodesInWindow, codes.size());
      EGOV_RETURN_IF_ERROR(
          Send(*stream, Window(scheme, codes.subspan(begin, end - begin)), end == codes.size()));
      begin = end;
      // A window may be answered by several.
      for (bool more = true; more;) {
        EGOV_ASSIGN_OR_RETURN(exchange::Exchange window, stream->Receive());
        for (const std::string& bytes : window.response_parts) {
          if (!answer.parts.emplace_back().ParseFromString(bytes)) return Unreadable();
        }
        EGOV_ASSIGN_OR_RETURN(more, MoreFollow(window));
        answer.windows.push_back(std::move(window));
      }
    } while (begin < codes.size());
    return answer;
  }

  absl::Status WatchChanges(const exchange::Purpose& purpose,
                            const v1::WatchChangesRequest& request, absl::Duration timeout,
                            TakeChanges take) override {
    EGOV_ASSIGN_OR_RETURN(const auto stream,
                          client_->Open(absl::StrCat(kService, "WatchChanges"), purpose, timeout));
    EGOV_RETURN_IF_ERROR(Send(*stream, {request.SerializeAsString()}, true));
    for (;;) {
      absl::StatusOr<exchange::Exchange> window = stream->Receive();
      if (!window.ok()) return IsEnd(window.status()) ? absl::OkStatus() : window.status();
      for (const std::string& bytes : window->response_parts) {
        v1::WatchChangesResponse part;
        if (!part.ParseFromString(bytes)) return Unreadable();
        if (!take(part)) {
          stream->Cancel();
          return absl::OkStatus();
        }
      }
    }
  }

  absl::StatusOr<v1::LoadPeopleResponse> LoadPeople(const exchange::Purpose& purpose,
                                                    const v1::LoadPeopleRequest& window,
                                                    absl::Duration timeout) override {
    EGOV_ASSIGN_OR_RETURN(const auto stream,
                          client_->Open(absl::StrCat(kService, "LoadPeople"), purpose, timeout));
    std::vector<std::string> parts;
    v1::LoadPeopleRequest part;
    size_t bytes = 0;
    const auto close_part = [&] {
      part.set_request_id(window.request_id());
      parts.push_back(part.SerializeAsString());
      part.Clear();
      bytes = 0;
    };
    for (const v1::Person& person : window.people()) {
      const size_t size = person.ByteSizeLong() + 8;
      if (bytes > 0 && bytes + size > kPartBytes) close_part();
      *part.add_people() = person;
      bytes += size;
    }
    close_part();
    EGOV_RETURN_IF_ERROR(Send(*stream, std::move(parts), true));
    EGOV_ASSIGN_OR_RETURN(const exchange::Exchange answer, stream->Receive());
    v1::LoadPeopleResponse response;
    if (answer.response_parts.size() != 1 || !response.ParseFromString(answer.response_parts[0]))
      return Unreadable();
    return response;
  }

 private:
  template <typename Response>
  absl::StatusOr<Response> Call(const char* method, const exchange::Purpose& purpose,
                                const google::protobuf::Message& request) {
    EGOV_ASSIGN_OR_RETURN(
        exchange::Answer<Response> answer,
        client_->Call<Response>(absl::StrCat(kService, method), purpose, request));
    return std::move(answer.message);
  }

  static std::vector<std::string> Window(const std::string& scheme,
                                         absl::Span<const std::string> codes) {
    std::vector<std::string> parts;
    v1::VerifyVitalStatusRequest part;
    size_t bytes = 0;
    const auto close_part = [&] {
      part.set_scheme(scheme);
      parts.push_back(part.SerializeAsString());
      part.Clear();
      bytes = 0;
    };
    for (const std::string& code : codes) {
      if (bytes > 0 && bytes + code.size() + 6 > kPartBytes) close_part();
      part.add_codes(code);
      bytes += code.size() + 6;
    }
    close_part();
    return parts;
  }

  // Whether the register says that further windows answer the same question.
  static absl::StatusOr<bool> MoreFollow(const exchange::Exchange& window) {
    egov::exchange::v1::Record record;
    if (!record.ParseFromString(window.receipt.record())) return Unreadable();
    return record.more();
  }

  exchange::Client* const client_;
};

}  // namespace

std::unique_ptr<PopulationClient> MakePopulationClient(exchange::Client* client) {
  return std::make_unique<Client>(client);
}

}  // namespace egov::population
