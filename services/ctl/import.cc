// egovctl population import: people out of another registry's file.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/civil/date.h"
#include "services/ctl/families.h"
#include "services/population/importer/importer.h"

namespace egov::ctl {
namespace {

absl::Status Import(const Arguments& arguments, Output& output) {
  population::importer::Files files;
  files.mapping = arguments.Get("mapping");
  files.in = arguments.Get("in");
  files.out = arguments.Get("out");
  files.report = arguments.Get("report");
  EGOV_ASSIGN_OR_RETURN(files.today, civil::DayOf(absl::Now(), absl::LocalTimeZone()));
  EGOV_ASSIGN_OR_RETURN(const auto summary, population::importer::ImportFiles(files));
  std::vector<std::pair<std::string, std::string>> facts = {
      {"rows", absl::StrCat(summary.imported + summary.history + summary.refused)},
      {"imported", absl::StrCat(summary.imported)},
      {"history", absl::StrCat(summary.history)},
      {"refused", absl::StrCat(summary.refused)}};
  for (const auto& [reason, rows] : summary.refused_by_reason) {
    facts.emplace_back(absl::StrCat("  ", reason), absl::StrCat(rows));
  }
  facts.emplace_back("notes", absl::StrCat(summary.notes));
  output.PrintFacts(facts);
  return absl::OkStatus();
}

}  // namespace

Command ImportCommand() {
  Command c{"import", "Reads another registry's file by a mapping"};
  c.description =
      "A mapping (JSON; services/population/importer says how) tells which columns hold what. "
      "Every row of the file ends in "
      "the report as imported, history (an earlier row of a person, kept in the source for later) "
      "or refused with its "
      "reason. What was imported goes to --out, for `load`.";
  c.options = {
      {"mapping", "FILE", "the mapping", true},
      {"in", "FILE", "the registry's file; lists of codes are looked for in its folder", true},
      {"out", "FILE", "the file of people; none is written when left out"},
      {"report", "FILE", "what became of each row", true}};
  c.examples = {
      "egovctl population import --mapping services/population/importer/brp.mapping.json \\",
      "  --in persons.csv --out persons.people --report report.tsv",
      "egovctl population load --in persons.people --as registrar"};
  c.run = Import;
  return c;
}

}  // namespace egov::ctl
