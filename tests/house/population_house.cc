#include "tests/house/population_house.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/http/http.h"
#include "services/population/config.pb.h"

namespace egov::tests {
namespace {

namespace pb = ::egov::evidence::v1;
using pki::Certificate;

constexpr char kBinary[] = "services/population/population";

// A free port that no outgoing connection of this machine takes while the register is down: below
// the range from which those are given.
int FreePort() {
  std::random_device random;
  for (int i = 0; i < 1000; ++i) {
    const int port = 20000 + static_cast<int>(random() % 10000);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (free) return port;
  }
  std::abort();
}

std::string ReadAll(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

}  // namespace

std::string Method(const std::string& method) {
  return absl::StrCat("/", kPopulation, "/", method);
}

const std::vector<std::string>& PensionItems() {
  static const auto* const items =
      new std::vector<std::string>{"population.person.vital_status", "population.person.death_date",
                                   "population.person.identifiers"};
  return *items;
}

exchange::Purpose For(const std::string& purpose, std::vector<std::string> items) {
  exchange::Purpose out;
  out.purpose = purpose;
  out.legal_basis.set_act("State Pension Insurance Act");
  out.legal_basis.set_provision("§ 43 (1)");
  out.legal_basis.set_version("2026-01-01");
  out.case_reference = "run 2026-11";
  out.items = std::move(items);
  return out;
}

egov::access::v1::Right MakeRight(const std::string& xroad, const std::string& service,
                                  const std::string& method, const std::string& purpose,
                                  const std::vector<std::string>& items) {
  egov::access::v1::Right right;
  right.set_subsystem("spiffe://" + xroad);
  right.set_service(service);
  right.set_method(method);
  right.set_purpose(purpose);
  for (const std::string& item : items) right.add_items(item);
  right.mutable_valid_from()->set_year(2020);
  right.mutable_valid_from()->set_month(1);
  right.mutable_valid_from()->set_day(1);
  return right;
}

PopulationHouse::PopulationHouse() : config_(world_.Config("population")) {
  config_.set_listen(absl::StrCat("127.0.0.1:", FreePort()));
  config_.set_ops_listen(absl::StrCat("127.0.0.1:", FreePort()));
}

PopulationHouse::~PopulationHouse() {
  officers_.reset();
  Kill();
}

void PopulationHouse::Launch() {
  egov::population::PopulationConfig config;
  *config.mutable_register_() = config_;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(config, &json).ok()) std::abort();
  const std::string path = world_.directory() + "/population.json";
  std::ofstream(path, std::ios::trunc) << json;
  const std::string log = world_.directory() + "/population.log";
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(file, 1);
  dup2(file, 2);
  execl(kBinary, kBinary, "--config", path.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

absl::Status PopulationHouse::WaitReady(absl::Duration limit) {
  const absl::Time end = absl::Now() + limit;
  while (absl::Now() < end) {
    int status = 0;
    if (pid_ == 0 || waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      break;
    }
    const auto page = http::Get(absl::StrCat("http://", config_.ops_listen(), "/readyz"));
    if (page.ok() && page->status == 200) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(10));
  }
  const std::string log = Log();
  return absl::UnavailableError(
      absl::StrCat("population did not become ready; its log ends:\n",
                   log.substr(log.size() > 2000 ? log.size() - 2000 : 0)));
}

absl::StatusOr<absl::Duration> PopulationHouse::Start() {
  const absl::Time before = absl::Now();
  Launch();
  EGOV_RETURN_IF_ERROR(WaitReady(absl::Seconds(60)));
  return absl::Now() - before;
}

void PopulationHouse::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

void PopulationHouse::Terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

int PopulationHouse::Wait() {
  int status = 0;
  waitpid(std::exchange(pid_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string PopulationHouse::Log() const { return ReadAll(world_.directory() + "/population.log"); }

std::string PopulationHouse::Page(const std::string& path) const {
  const auto page = http::Get(absl::StrCat("http://", config_.ops_listen(), path));
  return page.ok() ? page->body : "";
}

std::unique_ptr<exchange::Client> PopulationHouse::Member(const std::string& xroad,
                                                          const std::string& memory) {
  exchange::ClientOptions options = world_.Member(xroad, config_, 0);
  options.target = config_.listen();
  if (!memory.empty()) options.memory = absl::StrCat(world_.directory(), "/", memory);
  auto client = exchange::Client::Open(options);
  if (!client.ok()) std::abort();
  return *std::move(client);
}

absl::Status PopulationHouse::Grant(const egov::access::v1::Right& right) {
  if (officers_ == nullptr) officers_ = Member(kOfficers);
  egov::access::v1::GrantRightRequest request;
  request.set_request_id(base::NewUuid());
  *request.mutable_right() = right;
  return officers_
      ->Call<egov::access::v1::GrantRightResponse>("/egov.access.v1.AccessService/GrantRight",
                                                   For("administration"), request)
      .status();
}

absl::Status PopulationHouse::GrantUsual() {
  for (const char* method : {"RecordBirth", "RecordDeath", "AnnulDeath", "RecordNameChange",
                             "RecordResidenceChange", "ReplaceIdentifier", "LoadPeople"}) {
    EGOV_RETURN_IF_ERROR(Grant(MakeRight(kRegistrars, kPopulation, method, "registration")));
  }
  EGOV_RETURN_IF_ERROR(Grant(
      MakeRight(kBoard, kPopulation, "VerifyVitalStatus", "pension-payment", PensionItems())));
  EGOV_RETURN_IF_ERROR(
      Grant(MakeRight(kBoard, kPopulation, "GetPerson", "pension-payment",
                      {"population.person.name", "population.person.death_date"})));
  EGOV_RETURN_IF_ERROR(Grant(
      MakeRight(kBoard, kPopulation, "WatchChanges", "pension-payment", {"population.change"})));
  EGOV_RETURN_IF_ERROR(Grant(MakeRight(kPortal, "egov.disclosure.v1.UsageService", "FindUsage",
                                       "own-data", {"disclosure.usage"})));
  return Grant(MakeRight(kAuditor, "egov.evidence.v1.EvidenceService", "audit", "audit"));
}

absl::StatusOr<evidence::AuditReport> PopulationHouse::Audit(
    exchange::Client& auditor, const std::function<void(const pb::LogEntry&)>& each) const {
  EGOV_ASSIGN_OR_RETURN(const auto anchors, Certificate::ChainFromPem(ReadAll(world_.anchors())));
  EGOV_ASSIGN_OR_RETURN(const auto authorities,
                        Certificate::ChainFromPem(ReadAll(world_.authorities())));
  EGOV_ASSIGN_OR_RETURN(const auto log,
                        Certificate::ChainFromPem(ReadAll(config_.log_certificate())));
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier trust, pki::ChainVerifier::Create(anchors));
  EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId service, pki::SpiffeId::Parse(config_.audience()));
  const std::string prefix = "/egov.evidence.v1.EvidenceService/";
  evidence::Auditor::Options options;
  options.origin = absl::StrCat(service.Escaped(), "/log/0");
  options.log_keys = {log[0].public_key()};
  options.trust = &trust;
  options.certificates =
      [&](const pki::Digest& digest) -> absl::StatusOr<std::vector<Certificate>> {
    pb::GetCertificatesRequest request;
    request.add_sha256(std::string(pki::AsBytes(digest)));
    pb::GetCertificatesResponse response;
    EGOV_RETURN_IF_ERROR(auditor.CallPlain(prefix + "GetCertificates", request, &response));
    std::vector<Certificate> found;  // the one asked for first
    for (const std::string& der : response.certificates()) {
      EGOV_ASSIGN_OR_RETURN(Certificate certificate, Certificate::FromDer(der));
      found.push_back(std::move(certificate));
    }
    found.insert(found.end(), authorities.begin(), authorities.end());
    return found;
  };
  evidence::AuditSource source;
  source.list = [&](uint64_t from) -> absl::StatusOr<pb::ListEntriesResponse> {
    pb::ListEntriesRequest request;
    request.set_origin(options.origin);
    request.set_from(from);
    pb::ListEntriesResponse response;
    EGOV_RETURN_IF_ERROR(auditor.CallPlain(prefix + "ListEntries", request, &response));
    for (const pb::LogEntry& entry : response.entries()) each(entry);
    return response;
  };
  source.consistency = [&](uint64_t from,
                           uint64_t to) -> absl::StatusOr<pb::GetConsistencyResponse> {
    pb::GetConsistencyRequest request;
    request.set_origin(options.origin);
    request.set_from_size(from);
    request.set_to_size(to);
    pb::GetConsistencyResponse response;
    EGOV_RETURN_IF_ERROR(auditor.CallPlain(prefix + "GetConsistency", request, &response));
    return response;
  };
  evidence::Auditor follower(options, source);
  return follower.Run();
}

}  // namespace egov::tests
