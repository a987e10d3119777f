// egovctl population generate, load, import: many people at once.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "services/ctl/calls.h"
#include "services/ctl/context.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"
#include "services/ctl/load.h"
#include "services/population/generator/nation.h"
#include "services/population/generator/sample.h"
#include "services/population/stream/stream.h"

namespace egov::ctl {
namespace {

namespace generator = ::egov::population::generator;

std::string Lines(std::vector<std::string> codes) {
  std::sort(codes.begin(), codes.end());
  return codes.empty() ? "" : absl::StrCat(absl::StrJoin(codes, "\n"), "\n");
}

// The codes a pension board would ask about, and what must be answered.
absl::Status WriteSample(const generator::Nation& nation, const Arguments& arguments,
                         Output& output) {
  EGOV_ASSIGN_OR_RETURN(const int64_t size, arguments.Number("sample-size", 1, 20'000'000));
  EGOV_ASSIGN_OR_RETURN(
      const generator::Sample sample,
      generator::SampleCodes(nation, generator::PensionBoard(size), nation.seed()));
  EGOV_RETURN_IF_ERROR(
      WriteFile(arguments.Get("sample"), {absl::StrCat(absl::StrJoin(sample.codes, "\n"), "\n")}));
  if (arguments.Has("expected")) {
    const std::string folder = arguments.Get("expected");
    EGOV_RETURN_IF_ERROR(MakeFolder(folder));
    EGOV_RETURN_IF_ERROR(WriteFile(folder + "/deceased.txt", {Lines(sample.deceased)}));
    EGOV_RETURN_IF_ERROR(WriteFile(folder + "/unknown.txt", {Lines(sample.unknown)}));
    EGOV_RETURN_IF_ERROR(WriteFile(folder + "/superseded.txt", {Lines(sample.superseded)}));
    EGOV_RETURN_IF_ERROR(WriteFile(folder + "/malformed.txt", {Lines(sample.malformed)}));
  }
  output.Say(absl::StrCat("sample: ", sample.codes.size(), " codes; ", sample.deceased.size(),
                          " of people who died, ", sample.unknown.size(), " unknown, ",
                          sample.superseded.size(), " superseded, ", sample.malformed.size(),
                          " malformed"));
  return absl::OkStatus();
}

absl::Status Generate(const Arguments& arguments, Output& output) {
  generator::Options options;
  EGOV_ASSIGN_OR_RETURN(options.persons, arguments.Number("persons", 1, generator::kMaxPersons));
  EGOV_ASSIGN_OR_RETURN(options.seed, arguments.Number("seed", 0, INT64_MAX));
  options.scheme = arguments.Get("scheme");
  options.day = arguments.Get("day");
  if (arguments.Has("sample") != arguments.Has("sample-size")) {
    return UsageError("--sample and --sample-size go together");
  }
  if (!arguments.Has("out") && !arguments.Has("sample"))
    return UsageError("--out or --sample says what to write");
  EGOV_ASSIGN_OR_RETURN(const generator::Nation nation, generator::Nation::Make(options));
  if (arguments.Has("out")) {
    Progress progress(&output, "people written", nation.size());
    uint64_t before = 0;
    EGOV_RETURN_IF_ERROR(
        generator::WriteNation(nation, arguments.Get("out"), [&](uint64_t written) {
          progress.Add(written - before);
          before = written;
        }));
  }
  output.PrintFacts(
      {{"people", absl::StrCat(nation.size())}, {"nation", base::ToHex(nation.id())}});
  return arguments.Has("sample") ? WriteSample(nation, arguments, output) : absl::OkStatus();
}

absl::Status Load(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  LoadOptions options;
  options.in = arguments.Get("in");
  options.purpose = caller.purpose;
  options.warn = caller.warn;
  options.place = arguments.Has("again") ? "" : arguments.Get("in") + ".loaded";
  const absl::Time started = absl::Now();
  EGOV_ASSIGN_OR_RETURN(const population::StreamReader file,
                        population::StreamReader::Open(options.in));
  auto progress = std::make_unique<Progress>(&output, "people loaded", file.header().count);
  options.progress = [&](uint64_t people) { progress->Add(people); };
  const absl::StatusOr<LoadSummary> summary = LoadPeople(*caller.client, options);
  progress.reset();
  if (!summary.ok()) return summary.status();
  output.PrintFacts(
      {{"people", absl::StrCat(summary->people)},
       {"loaded before", absl::StrCat(summary->passed)},
       {"windows sent", absl::StrCat(summary->windows)},
       {"seconds", absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - started) / 1000.0)}});
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> PopulationDataCommands() {
  std::vector<Command> commands;
  {
    Command c{"generate", "Makes an invented nation as a file that `load` takes"};
    c.description =
        "Families, names, addresses of the country, births since 1905 and deaths by age: "
        "plausible, and nobody in it exists. "
        "The same seed gives the same nation.\n"
        "--sample writes the codes that a pension board would ask about, and --expected what the "
        "register must answer.";
    c.options = {{"persons", "N", "how many people, the dead among them", true},
                 {"seed", "S", "names the nation", false, "1"},
                 {"out", "FILE", "the file of people"},
                 {"scheme", "SCHEME", "their codes: ee-isikukood or nl-bsn", false, "ee-isikukood"},
                 {"day", "DATE", "the last day of the nation's history", false, "2026-01-01"},
                 {"sample", "FILE", "a file of codes to ask about"},
                 {"sample-size", "N", "how many codes"},
                 {"expected", "DIR", "folder of the lists that must be answered to the sample"}};
    c.examples = {
        "egovctl population generate --persons 1000000 --seed 1 --out nation.people",
        "egovctl population generate --persons 1000000 --sample codes.txt --sample-size 500000"};
    c.run = Generate;
    commands.push_back(std::move(c));
  }
  {
    Command c{"load", "Takes in a file of people, window by window"};
    c.description =
        "Each window is one act: all of it is taken in, or nothing. Where it got to is kept beside "
        "the file, so the same "
        "command goes on after an interruption; nobody is taken in twice.";
    c.options = CallOptions(
        {{"in", "FILE", "what `generate` or `import` wrote", true},
         {"again", "", "send everything; what is there already is not taken in twice"}});
    c.examples = {"egovctl population load --in nation.people --as registrar"};
    c.run = Load;
    commands.push_back(std::move(c));
  }
  commands.push_back(ImportCommand());
  return commands;
}

Command PopulationCommands() {
  Command family{"population", "Asks and feeds the population register"};
  family.children = PopulationReadCommands();
  family.children.push_back(PopulationRegisterCommands());
  for (Command& command : PopulationDataCommands()) family.children.push_back(std::move(command));
  return family;
}

}  // namespace egov::ctl
