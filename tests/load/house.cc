#include "tests/load/house.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "egov/access/v1/access_service.pb.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/ctl/load.h"
#include "services/ctl/vital_status.h"
#include "services/population/generator/sample.h"

namespace egov::load {
namespace {

constexpr char kOfficers[] = "ee/GOV/70000562/officers";
constexpr char kService[] = "egov.population.v1.PopulationService";
constexpr absl::Duration kStartTimeout = absl::Minutes(2);

absl::Status Grant(exchange::Client& officers, const std::string& xroad, const std::string& method,
                   const std::string& purpose, const std::vector<std::string>& items) {
  egov::access::v1::GrantRightRequest request;
  request.set_request_id(base::NewUuid());
  egov::access::v1::Right& right = *request.mutable_right();
  right.set_subsystem("spiffe://" + xroad);
  right.set_service(kService);
  right.set_method(method);
  right.set_purpose(purpose);
  for (const std::string& item : items) right.add_items(item);
  right.mutable_valid_from()->set_year(2020);
  right.mutable_valid_from()->set_month(1);
  right.mutable_valid_from()->set_day(1);
  return officers
      .Call<egov::access::v1::GrantRightResponse>("/egov.access.v1.AccessService/GrantRight",
                                                  For("administration", {}), request)
      .status();
}

}  // namespace

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

std::vector<std::string> PersonItems() {
  return {"population.person.birth_date", "population.person.death_date",
          "population.person.identifiers", "population.person.name", "population.person.residence"};
}

Register::Register(exchange::testing::World* world, std::string name, std::string program)
    : world_(world), program_(std::move(program)), config_(world->Config(name)) {
  folder_ = std::filesystem::path(config_.data_directory()).parent_path().string();
}

Register::~Register() {
  process_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(config_.data_directory(), ignored);
}

absl::StatusOr<absl::Duration> Register::Start() {
  port_ = FreePort();
  ops_port_ = FreePort();
  config_.set_listen(absl::StrCat("127.0.0.1:", port_));
  config_.set_ops_listen(absl::StrCat("127.0.0.1:", ops_port_));
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(config_, &json).ok())
    return absl::InternalError("the configuration cannot be written");
  const std::string path = folder_ + "/population.json";
  {
    std::ofstream out(path, std::ios::trunc);
    out << R"({"register": )" << json << "}\n";
  }
  const absl::Time begun = absl::Now();
  EGOV_ASSIGN_OR_RETURN(process_,
                        Process::Start({program_, "--config", path}, folder_ + "/population.log"));
  const absl::Status ready = WaitReady(*process_, ops_port_, kStartTimeout);
  if (ready.ok()) return absl::Now() - begun;
  std::ifstream log(folder_ + "/population.log");
  std::string line, last;
  while (std::getline(log, line)) last = line;
  return absl::Status(ready.code(), absl::StrCat(ready.message(), "; it said last: ", last));
}

absl::Status Register::Stop() { return process_->Stop(); }

absl::StatusOr<std::unique_ptr<exchange::Client>> Register::Member(const std::string& xroad) {
  return exchange::Client::Open(world_->Member(xroad, config_, port_));
}

absl::Status Register::GrantAll() {
  EGOV_ASSIGN_OR_RETURN(const auto officers, Member(kOfficers));
  for (const char* method : {"RecordBirth", "LoadPeople"})
    EGOV_RETURN_IF_ERROR(Grant(*officers, kRegistrars, method, "registration", {}));
  EGOV_RETURN_IF_ERROR(Grant(*officers, kBoard, "GetPerson", "pension-payment", PersonItems()));
  EGOV_RETURN_IF_ERROR(
      Grant(*officers, kBoard, "WatchChanges", "pension-payment", {"population.change"}));
  return Grant(*officers, kBoard, "VerifyVitalStatus", "pension-payment", ctl::VitalStatusItems());
}

absl::Status Register::Load(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(const auto registrars, Member(kRegistrars));
  ctl::LoadOptions options;
  options.in = path;
  options.purpose = For("registration", {});
  return ctl::LoadPeople(*registrars, options).status();
}

absl::StatusOr<population::generator::Nation> MakeNation(uint64_t persons,
                                                         const std::string& path) {
  population::generator::Options options;
  options.persons = persons;
  options.seed = 7;
  EGOV_ASSIGN_OR_RETURN(auto nation, population::generator::Nation::Make(options));
  EGOV_RETURN_IF_ERROR(population::generator::WriteNation(nation, path, nullptr));
  return nation;
}

}  // namespace egov::load
