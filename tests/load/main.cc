// Measures the register beside its baselines. tests/load/run builds and calls it.
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/base/status.h"
#include "tests/load/echo_server.h"
#include "tests/load/rows.h"

namespace egov::load {

bool Bench::Wants(std::initializer_list<const char*> names) const {
  return std::any_of(names.begin(), names.end(), wanted);
}

std::string Bench::Folder(const std::string& name) const {
  const std::string path = absl::StrCat(world->directory(), "/", name);
  std::filesystem::create_directories(path);
  return path;
}

namespace {

constexpr char kUsage[] =
    "usage: load --population FILE --identity FOLDER [NAME...] [--json FILE] [--persons N] "
    "[--quick]\n"
    "NAME: a row, or several; none: all. --quick: few people, short rounds: shows that it runs, "
    "not how fast.\n";

absl::Status Run(Bench bench) {
  const std::string temporary = std::filesystem::temp_directory_path().string();
  constexpr long kTmpfs = 0x01021994;
  struct statfs where;
  if (statfs(temporary.c_str(), &where) == 0 && where.f_type == kTmpfs)
    std::cerr << "warning: " << temporary << " is memory: a sync costs nothing there\n";

  exchange::testing::World world;
  bench.world = &world;
  EGOV_RETURN_IF_ERROR(TrustRows(bench));
  const bool more = std::any_of(Bounds().begin(), Bounds().end(), [&](const Bound& bound) {
    return bench.wanted(bound.name) && bound.name != std::string("ocsp") &&
           bound.name != std::string("tsa");
  });
  if (!more) return absl::OkStatus();
  std::cerr << "preparing " << bench.persons << " people\n";
  bench.nation_file = bench.Folder("nation") + "/whole";
  EGOV_ASSIGN_OR_RETURN(const auto nation, MakeNation(bench.persons, bench.nation_file));
  bench.nation = &nation;
  Register big(&world, "population", bench.population);
  bench.big = &big;
  std::cerr << "measuring\n";
  EGOV_RETURN_IF_ERROR(LoadRows(&bench));
  EGOV_RETURN_IF_ERROR(StandingRows(&bench));
  EGOV_RETURN_IF_ERROR(LookupRows(bench));
  EGOV_RETURN_IF_ERROR(FeedRows(bench));
  EGOV_RETURN_IF_ERROR(VitalRows(bench));
  EGOV_RETURN_IF_ERROR(UnaryRows(bench));
  return big.Stop();
}

int Main(const std::vector<std::string>& arguments) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  if (arguments.size() == 7 && arguments[0] == "--serve-echo") {
    EchoOptions options;
    options.tls = {arguments[2], arguments[3], arguments[4], ""};
    options.parts = arguments[6];
    const bool good = absl::SimpleAtoi(arguments[1], &options.port) &&
                      absl::SimpleAtoi(arguments[5], &options.response_bytes);
    const absl::Status served = good ? ServeEcho(options) : absl::InvalidArgumentError("numbers");
    if (!served.ok()) std::cerr << served << "\n";
    return served.ok() ? 0 : 1;
  }
  Bench bench;
  Report report;
  bench.report = &report;
  bench.self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> names;
  std::string json;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool known = std::any_of(Bounds().begin(), Bounds().end(),
                                   [&](const Bound& bound) { return bound.name == argument; });
    if (argument == "--population" && i + 1 < arguments.size()) {
      bench.population = arguments[++i];
    } else if (argument == "--identity" && i + 1 < arguments.size()) {
      bench.identity = arguments[++i];
    } else if (argument == "--json" && i + 1 < arguments.size()) {
      json = arguments[++i];
    } else if (argument == "--persons" && i + 1 < arguments.size() &&
               absl::SimpleAtoi(arguments[i + 1], &bench.persons) && bench.persons >= 20000) {
      ++i;
      bench.codes = std::min(bench.codes, bench.persons / 2);
    } else if (argument == "--quick") {
      bench.persons = 20 * 1000;
      bench.codes = 2000;
      bench.rounds = 1;
      bench.round = absl::Milliseconds(200);
    } else if (known) {
      names.push_back(argument);
    } else {
      std::cerr << kUsage << "there is no row " << argument << "\n";
      return 2;
    }
  }
  if (bench.population.empty() || bench.identity.empty()) {
    std::cerr << kUsage;
    return 2;
  }
  bench.wanted = [&](const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  absl::Status status = Run(bench);
  report.Print();
  if (status.ok() && !json.empty()) status = report.WriteJson(json);
  if (status.ok()) return 0;
  std::cerr << "load: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace egov::load

int main(int argc, char** argv) { return egov::load::Main({argv + 1, argv + argc}); }
