// egovctl population get, vital-status, changes, usage.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"
#include "services/ctl/kept.h"
#include "services/ctl/people.h"
#include "services/ctl/vital_status.h"

namespace egov::ctl {
namespace {

namespace pb = ::egov::population::v1;

constexpr char kPopulation[] = "/egov.population.v1.PopulationService/";
constexpr char kItemPrefix[] = "population.person.";
constexpr char kAllItems[] =
    "birth_date,birth_place,death_date,death_place,identifiers,name,parents,residence,sex";

// "name,sex" -> "population.person.name", "population.person.sex"; names with a dot are full
// already.
std::vector<std::string> ItemsOf(absl::string_view text) {
  std::vector<std::string> items;
  for (absl::string_view item : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    items.push_back(absl::StrContains(item, '.') ? std::string(item)
                                                 : absl::StrCat(kItemPrefix, item));
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

absl::Status Get(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(Caller caller, OpenCaller(arguments, ItemsOf(arguments.Get("items"))));
  if (arguments.Has("in")) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> codes, LinesOf(arguments.Get("in")));
    pb::BatchGetPersonsRequest request;
    for (const std::string& code : codes) {
      auto* identifier = request.add_identifiers();
      identifier->set_scheme(arguments.Get("scheme"));
      identifier->set_value(code);
    }
    EGOV_ASSIGN_OR_RETURN(const auto answer,
                          CallAndKeep<pb::BatchGetPersonsResponse>(
                              caller, absl::StrCat(kPopulation, "BatchGetPersons"), request));
    std::string text;
    for (const pb::Person& person : answer.message.persons())
      absl::StrAppend(&text, PersonText(person), "\n");
    for (const auto& unknown : answer.message.unknown())
      absl::StrAppend(&text, unknown.value(), "  unknown\n");
    for (const auto& malformed : answer.message.malformed()) {
      absl::StrAppend(&text, malformed.value(), "  malformed: ", malformed.reason(), "\n");
    }
    output.Print(answer.message, text);
    return absl::OkStatus();
  }
  pb::GetPersonRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_identifier(), CodeOf(arguments));
  EGOV_ASSIGN_OR_RETURN(
      const auto answer,
      CallAndKeep<pb::GetPersonResponse>(caller, absl::StrCat(kPopulation, "GetPerson"), request));
  output.Print(answer.message.person(), PersonText(answer.message.person()));
  return absl::OkStatus();
}

absl::Status VitalStatus(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(Caller caller, OpenCaller(arguments, VitalStatusItems()));
  VitalStatusOptions options;
  options.in = arguments.Get("in");
  options.out = arguments.Get("out");
  options.scheme = arguments.Get("scheme");
  options.purpose = caller.purpose;
  options.warn = caller.warn;
  options.timeout = caller.timeout;
  Progress progress(&output, "codes answered", 0);
  options.progress = [&](uint64_t codes) { progress.Add(codes); };
  EGOV_ASSIGN_OR_RETURN(const VitalStatusSummary summary,
                        AskVitalStatus(*caller.client, caller.anchors, options));
  output.PrintFacts({{"asked", absl::StrCat(summary.asked)},
                     {"deceased", absl::StrCat(summary.deceased)},
                     {"unknown", absl::StrCat(summary.unknown)},
                     {"superseded", absl::StrCat(summary.superseded)},
                     {"malformed", absl::StrCat(summary.malformed)},
                     {"alive and known", absl::StrCat(summary.alive)},
                     {"exchange ms", absl::StrCat(absl::ToInt64Milliseconds(summary.exchange))},
                     {"proof ms", absl::StrCat(absl::ToInt64Milliseconds(summary.proof))},
                     {"files ms", absl::StrCat(absl::ToInt64Milliseconds(summary.files))}});
  output.Say(absl::StrCat("Lists and evidence are in ", options.out,
                          "; `egovctl evidence verify` says what they prove."));
  return absl::OkStatus();
}

absl::Status PrintChanges(const pb::WatchChangesResponse& part, Output& output) {
  for (const pb::Change& change : part.changes()) {
    const std::string kind = KindText(change.kind());
    if (output.json()) {
      output.Raw(absl::StrCat(
          "{\"position\": ", change.position(),
          ", \"recorded\": ", JsonString(TimeText(change.recorded_micros())),
          ", \"kind\": ", JsonString(kind), ", \"scheme\": ", JsonString(change.person().scheme()),
          ", \"value\": ", JsonString(change.person().value()),
          ", \"valid_from\": ", JsonString(DateText(change.valid_from())), "}\n"));
    } else {
      output.Raw(absl::StrCat(change.position(), "\t", TimeText(change.recorded_micros()), "\t",
                              kind, "\t", change.person().value(), "\t",
                              DateText(change.valid_from()), "\n"));
    }
  }
  output.out().flush();
  return absl::OkStatus();
}

absl::Status Changes(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(Caller caller, OpenCaller(arguments, {"population.change"}));
  pb::WatchChangesRequest request;
  const std::string cursor_file = arguments.Get("cursor-file");
  if (arguments.Has("cursor")) {
    if (!absl::Base64Unescape(arguments.Get("cursor"), request.mutable_cursor())) {
      return UsageError("--cursor takes a cursor as it was printed");
    }
  } else if (!cursor_file.empty() && FileExists(cursor_file)) {
    EGOV_ASSIGN_OR_RETURN(*request.mutable_cursor(), ReadFile(cursor_file));
  }
  for (const std::string& kind : arguments.All("kind")) {
    EGOV_ASSIGN_OR_RETURN(const pb::ChangeKind value, KindOf(kind));
    request.add_kinds(value);
  }
  request.set_until_now(!arguments.Has("follow"));
  const absl::Duration timeout = arguments.Has("follow") ? absl::Hours(24) : caller.timeout;
  std::string cursor = request.cursor();
  do {
    request.set_cursor(cursor);
    EGOV_ASSIGN_OR_RETURN(
        const auto stream,
        caller.client->Open(absl::StrCat(kPopulation, "WatchChanges"), caller.purpose, timeout));
    EGOV_RETURN_IF_ERROR(stream->Send({request.SerializeAsString()}, /*last=*/true));
    for (;;) {
      const absl::StatusOr<exchange::Exchange> window = stream->Receive();
      if (!window.ok()) {
        const auto detail = base::DetailOf(window.status());
        if (detail && detail->reason == "END_OF_STREAM") break;
        // A feed lives as long as its connection; where it goes on is known.
        if (arguments.Has("follow") && ExitCodeOf(window.status()) == kExitUnreachable) break;
        return window.status();
      }
      EGOV_RETURN_IF_ERROR(CheckLog(*caller.client, caller.warn));
      for (const std::string& bytes : window->response_parts) {
        pb::WatchChangesResponse part;
        if (!part.ParseFromString(bytes)) return absl::DataLossError("the answer does not parse");
        EGOV_RETURN_IF_ERROR(PrintChanges(part, output));
        if (!part.next_cursor().empty()) cursor = part.next_cursor();
      }
      // Kept after it was printed: what is printed twice does no harm, what is left out does.
      if (!cursor_file.empty()) EGOV_RETURN_IF_ERROR(WriteFile(cursor_file, {cursor}));
    }
  } while (arguments.Has("follow"));
  if (cursor_file.empty()) output.err() << "cursor: " << absl::Base64Escape(cursor) << std::endl;
  return absl::OkStatus();
}

absl::Status Usage(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(Caller caller, OpenCaller(arguments, {"disclosure.usage"}));
  EGOV_ASSIGN_OR_RETURN(const int64_t limit, arguments.Number("limit", 1, 100000));
  egov::disclosure::v1::FindUsageRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_person(), CodeOf(arguments));
  Table table({"When", "Who", "Purpose", "Legal basis", "What", "Case", "Mass query"});
  int64_t left = limit;
  do {
    request.set_page_size(static_cast<int>(std::min<int64_t>(left, 1000)));
    EGOV_ASSIGN_OR_RETURN(const auto answer,
                          CallAndKeep<egov::disclosure::v1::FindUsageResponse>(
                              caller, "/egov.disclosure.v1.UsageService/FindUsage", request));
    for (const egov::disclosure::v1::Usage& usage : answer.message.usages()) {
      std::vector<std::string> items;
      for (const std::string& item : usage.items()) {
        items.emplace_back(absl::StripPrefix(absl::StripPrefix(item, "population."), "person."));
      }
      const auto& basis = usage.legal_basis();
      table.Add({TimeText(usage.time_micros()), usage.caller(), usage.purpose(),
                 absl::StrJoin(std::vector<std::string>{basis.act(), basis.provision()}, " "),
                 absl::StrJoin(items, ", "), usage.case_reference(),
                 usage.mass_query() ? "yes" : "no"});
    }
    left -= answer.message.usages_size();
    request.set_page_token(answer.message.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  output.Print(table);
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> PopulationReadCommands() {
  std::vector<Command> commands;
  {
    Command c{"get", "Gets one person, or up to 1,000"};
    c.description =
        "Asks for the items named with --items; the right must cover each of them. A code that was "
        "replaced leads to its "
        "holder. A person's usage list shows this question.";
    c.positionals = {{"CODE", "the personal code; see --code-file", false}};
    c.options = CallOptions(CodeOptions());
    c.options.push_back({"items", "LIST", "what to ask for", false, kAllItems});
    c.options.push_back({"in", "FILE", "ask for all codes of a file instead, one a line"});
    c.examples = {"egovctl population get --code-file code.txt --items name,birth_date",
                  "echo 49805140247 | egovctl population get - --json"};
    c.run = Get;
    commands.push_back(std::move(c));
  }
  {
    Command c{"vital-status", "Finds out who of many has died, with proof"};
    c.description =
        "Sends a file of codes, any number, in sealed windows; writes who has died, who is "
        "unknown, whose code was "
        "replaced and which codes are malformed. Who is not listed, or only as replaced, is alive "
        "and "
        "known; a code that stands twice in the file is listed once. The "
        "evidence is checked before "
        "anything is written, and proves question, answer and time to anybody, offline.";
    c.options = CallOptions(
        {{"in", "FILE", "the codes, one a line; \"-\": stdin", true},
         {"out", "DIR", "folder of lists and evidence, of its own for each answer", true},
         {"scheme", "SCHEME", "what the codes are: ee-isikukood, nl-bsn", false, "ee-isikukood"},
         {"timeout", "SECONDS", "how long to wait", false, "600"}});
    c.examples = {"egovctl population vital-status --in codes.txt --out answer",
                  "egovctl evidence verify answer/evidence.egov --trust anchors.pem",
                  "openssl ts -verify -data answer/checkpoint.txt -in answer/checkpoint.tsr "
                  "-CAfile anchors.pem"};
    c.run = VitalStatus;
    commands.push_back(std::move(c));
  }
  {
    Command c{"changes", "Tells what changed since a cursor"};
    c.description =
        "Each change at least once and none left out, in the order of the register's log. With "
        "--cursor-file the place is "
        "kept, and the next call goes on there.";
    c.options = CallOptions(
        {{"cursor-file", "FILE", "where the place is kept"},
         {"cursor", "CURSOR", "go on here; empty: from the beginning"},
         {"kind", "KIND",
          "only these: loaded, birth, death, death-annulled, name, residence, identifier-replaced",
          false, "", true},
         {"follow", "", "wait for more, until interrupted"}});
    c.examples = {
        "egovctl population changes --kind death --kind death-annulled --cursor-file "
        "pensions.cursor"};
    c.run = Changes;
    commands.push_back(std::move(c));
  }
  {
    Command c{"usage", "Shows who looked at a person's data"};
    c.description =
        "Lists every disclosure, newest first, mass queries included: when, which agency, what, "
        "what for, by which "
        "provision, in which case. With purpose own-data the question itself is not listed.";
    c.positionals = {{"CODE", "the personal code; see --code-file", false}};
    c.options = CallOptions(CodeOptions());
    c.options.push_back({"limit", "N", "at most so many", false, "100"});
    c.examples = {"egovctl population usage --code-file code.txt --as portal"};
    c.run = Usage;
    commands.push_back(std::move(c));
  }
  return commands;
}

}  // namespace egov::ctl
