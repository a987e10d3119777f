// get_person, get_person_single, record_birth, growth: single calls beside a raw echo.
#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"
#include "services/population/testing/builders.h"
#include "tests/load/drive.h"
#include "tests/load/echo_server.h"
#include "tests/load/rows.h"

namespace egov::load {
namespace {

namespace v1 = ::egov::population::v1;

constexpr int kInFlight = 64;
constexpr absl::Duration kTimeout = absl::Seconds(30);

// The baseline's server and a channel to it.
struct Echo {
  std::unique_ptr<Process> process;
  std::unique_ptr<rpc::Channels> channels;
};

absl::StatusOr<Echo> StartEcho(const Bench& bench, size_t response_bytes) {
  Echo echo;
  const exchange::RegisterConfig& config = bench.big->config();
  const int port = FreePort();
  EGOV_ASSIGN_OR_RETURN(echo.process,
                        Process::Start({bench.self, "--serve-echo", absl::StrCat(port),
                                        config.tls().key(), config.tls().certificate(),
                                        config.tls().anchors(), absl::StrCat(response_bytes), ""},
                                       bench.Folder("echo") + "/log"));
  const exchange::ClientOptions member = bench.world->Member(kBoard, config, port);
  rpc::ChannelOptions options;
  options.target = member.target;
  options.audience = member.audience;
  options.tls = member.tls;
  options.wait_for_ready = true;
  EGOV_ASSIGN_OR_RETURN(echo.channels, rpc::Channels::Create(options));
  return echo;
}

// Asks about people of the nation, each time another.
Issue GetPersonCalls(exchange::Client* client, const population::generator::Nation& nation) {
  auto requests = std::make_shared<std::vector<v1::GetPersonRequest>>();
  const uint64_t count = std::min<uint64_t>(nation.size(), 50000);
  for (uint64_t i = 0; i < count; ++i) {
    requests->emplace_back();
    *requests->back().mutable_identifier() =
        population::testing::Isikukood(nation.Code(i * 7919 % nation.size()));
  }
  auto next = std::make_shared<std::atomic<uint64_t>>(0);
  const exchange::Purpose purpose = For("pension-payment", PersonItems());
  return [client, requests, next, purpose](Done done) {
    const v1::GetPersonRequest& request = (*requests)[next->fetch_add(1) % requests->size()];
    client->CallAsync(kGetPerson, purpose, request.SerializeAsString(), kTimeout,
                      [done = std::move(done)](const absl::StatusOr<exchange::RawAnswer>& answer) {
                        v1::GetPersonResponse response;
                        if (answer.ok() && !response.ParseFromString(answer->message))
                          return done(absl::DataLossError("the answer does not parse"));
                        done(answer.status());
                      });
  };
}

// Births of people whom the nation does not have, each once.
class Births {
 public:
  Births(const population::generator::Nation& nation, uint64_t count) {
    absl::flat_hash_set<uint64_t> taken;
    uint64_t number = 0;
    for (uint64_t i = 0; i < nation.size(); ++i) {
      if (absl::SimpleAtoi(nation.Code(i), &number)) taken.insert(number);
    }
    for (const auto& [person, code] : nation.superseded()) {
      if (absl::SimpleAtoi(code, &number)) taken.insert(number);
    }
    for (uint64_t n = 0; requests_.size() < count; ++n) {
      const std::string code = population::testing::CodeNumber(n);
      if (!absl::SimpleAtoi(code, &number) || !taken.insert(number).second) continue;
      requests_.emplace_back();
      requests_.back().set_request_id(base::NewUuid());
      *requests_.back().mutable_person() = population::testing::Citizen(n);
    }
  }

  const v1::RecordBirthRequest* Next() {
    const uint64_t next = next_.fetch_add(1);
    return next < requests_.size() ? &requests_[next] : nullptr;
  }
  size_t request_bytes() const { return requests_[0].ByteSizeLong(); }

 private:
  std::vector<v1::RecordBirthRequest> requests_;
  std::atomic<uint64_t> next_{0};
};

Issue RecordBirthCalls(exchange::Client* client, Births* births) {
  const exchange::Purpose purpose = For("registration", {});
  return [client, births, purpose](Done done) {
    const v1::RecordBirthRequest* request = births->Next();
    if (request == nullptr) return done(absl::OutOfRangeError("nobody is left to be born"));
    client->CallAsync(kRecordBirth, purpose, request->SerializeAsString(), kTimeout,
                      [done = std::move(done)](const absl::StatusOr<exchange::RawAnswer>& answer) {
                        done(answer.status());
                      });
  };
}

// One call, for the size of its answer.
absl::StatusOr<exchange::RawAnswer> Once(exchange::Client& client, const std::string& method,
                                         const exchange::Purpose& purpose,
                                         const std::string& request) {
  return client.CallRaw(method, purpose, request, kTimeout);
}

// p50 of a write of a record's size with a sync, in milliseconds.
absl::StatusOr<double> SyncPut(rocksdb::DB* db, absl::Duration time) {
  rocksdb::WriteOptions options;
  options.sync = true;
  std::vector<double> millis;
  const std::string value(1500, 'x');
  const absl::Time until = absl::Now() + time;
  while (absl::Now() < until) {
    const absl::Time begun = absl::Now();
    if (!db->Put(options, absl::StrCat("row ", millis.size()), value).ok())
      return absl::UnavailableError("the disk did not take a row");
    millis.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
  }
  return Median(millis);
}

absl::Status Beside(const Bench& bench, const char* name, const Issue& call, const Issue& raw,
                    const Process& raw_server) {
  std::vector<Cost> calls, raws;
  for (int round = 0; round < bench.rounds; ++round) {
    EGOV_ASSIGN_OR_RETURN(const Cost echo, Drive(raw, raw_server, kInFlight, bench.round));
    EGOV_ASSIGN_OR_RETURN(const Cost cost,
                          Drive(call, bench.big->process(), kInFlight, bench.round));
    raws.push_back(echo);
    calls.push_back(cost);
  }
  const Cost cost = MedianOf(calls), echo = MedianOf(raws);
  bench.report->Add({name, cost.cpu_us, "us CPU", echo.cpu_us, echo.cpu_us / cost.cpu_us,
                     absl::StrCat(Say(cost), "; raw: ", Say(echo))});
  return absl::OkStatus();
}

absl::Status Single(const Bench& bench, const Issue& call, const Issue& raw,
                    const Process& raw_server) {
  const std::string folder = bench.Folder("puts");
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(storage::internal::TunedOptions(64 << 20, rocksdb::Env::Default()), folder,
                         &opened)
           .ok()) {
    return absl::UnavailableError("a database for single writes cannot be opened");
  }
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::vector<Cost> calls, raws;
  std::vector<double> puts;
  for (int round = 0; round < bench.rounds; ++round) {
    EGOV_ASSIGN_OR_RETURN(const Cost echo, Drive(raw, raw_server, 1, bench.round / 2));
    EGOV_ASSIGN_OR_RETURN(const Cost cost, Drive(call, bench.big->process(), 1, bench.round / 2));
    EGOV_ASSIGN_OR_RETURN(const double put, SyncPut(db.get(), bench.round / 4));
    raws.push_back(echo);
    calls.push_back(cost);
    puts.push_back(put);
  }
  const Cost cost = MedianOf(calls), echo = MedianOf(raws);
  const double put = Median(puts), rest = cost.p50_ms - echo.p50_ms - put;
  constexpr double kAllowed = 0.25;
  bench.report->Add({"get_person_single", rest, "ms", kAllowed, rest / kAllowed,
                     absl::StrFormat("%s; raw: %s; one sync %.3f ms", Say(cost), Say(echo), put)});
  return absl::OkStatus();
}

// The same call where a tenth as many people are.
absl::Status Growth(const Bench& bench, const Issue& call) {
  const std::string path = bench.Folder("nation") + "/tenth";
  EGOV_ASSIGN_OR_RETURN(const auto nation, MakeNation(bench.persons / 10, path));
  Register small(bench.world, "province", bench.population);
  EGOV_RETURN_IF_ERROR(small.Start().status());
  EGOV_RETURN_IF_ERROR(small.GrantAll());
  EGOV_RETURN_IF_ERROR(small.Load(path));
  EGOV_ASSIGN_OR_RETURN(const auto client, small.Member(kBoard));
  const Issue small_call = GetPersonCalls(client.get(), nation);
  std::vector<Cost> bigs, smalls;
  for (int round = 0; round < bench.rounds; ++round) {
    EGOV_ASSIGN_OR_RETURN(const Cost big,
                          Drive(call, bench.big->process(), kInFlight, bench.round));
    EGOV_ASSIGN_OR_RETURN(const Cost little,
                          Drive(small_call, small.process(), kInFlight, bench.round));
    bigs.push_back(big);
    smalls.push_back(little);
  }
  const Cost big = MedianOf(bigs), little = MedianOf(smalls);
  bench.report->Add({"growth", big.cpu_us, "us CPU", little.cpu_us, big.cpu_us / little.cpu_us,
                     absl::StrCat(Say(big), "; a tenth: ", Say(little))});
  return absl::OkStatus();
}

}  // namespace

absl::Status UnaryRows(const Bench& bench) {
  if (bench.Wants({"get_person", "get_person_single", "growth"})) {
    EGOV_ASSIGN_OR_RETURN(const auto board, bench.big->Member(kBoard));
    v1::GetPersonRequest request;
    *request.mutable_identifier() = population::testing::Isikukood(bench.nation->Code(0));
    const std::string question = request.SerializeAsString();
    EGOV_ASSIGN_OR_RETURN(
        const exchange::RawAnswer answer,
        Once(*board, kGetPerson, For("pension-payment", PersonItems()), question));
    EGOV_ASSIGN_OR_RETURN(const Echo echo, StartEcho(bench, answer.message.size()));
    const Issue raw = EchoCalls(echo.channels.get(), question.size());
    const Issue call = GetPersonCalls(board.get(), *bench.nation);
    if (bench.Wants({"get_person"}))
      EGOV_RETURN_IF_ERROR(Beside(bench, "get_person", call, raw, *echo.process));
    if (bench.Wants({"get_person_single"}))
      EGOV_RETURN_IF_ERROR(Single(bench, call, raw, *echo.process));
    if (bench.Wants({"growth"})) EGOV_RETURN_IF_ERROR(Growth(bench, call));
  }
  if (bench.Wants({"record_birth"})) {
    EGOV_ASSIGN_OR_RETURN(const auto registrars, bench.big->Member(kRegistrars));
    // More than can be born in the time.
    const double seconds = absl::ToDoubleSeconds(bench.round) * 1.2 * bench.rounds + 1;
    Births births(*bench.nation, static_cast<uint64_t>(seconds * 40000));
    EGOV_ASSIGN_OR_RETURN(const exchange::RawAnswer answer,
                          Once(*registrars, kRecordBirth, For("registration", {}),
                               births.Next()->SerializeAsString()));
    EGOV_ASSIGN_OR_RETURN(const Echo echo, StartEcho(bench, answer.message.size()));
    EGOV_RETURN_IF_ERROR(Beside(bench, "record_birth", RecordBirthCalls(registrars.get(), &births),
                                EchoCalls(echo.channels.get(), births.request_bytes()),
                                *echo.process));
  }
  return absl::OkStatus();
}

}  // namespace egov::load
