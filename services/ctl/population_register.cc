// egovctl population register ...: what happened to people, taken down.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "egov/population/v1/population_service.pb.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"
#include "services/ctl/kept.h"

namespace egov::ctl {
namespace {

namespace pb = ::egov::population::v1;

constexpr char kPopulation[] = "/egov.population.v1.PopulationService/";

// Writes one act and says what to repeat it with when its answer was lost.
template <typename Response>
absl::Status Register(const Caller& caller, const std::string& method,
                      const google::protobuf::Message& request, const std::string& request_id,
                      Output& output) {
  const auto answer = CallAndKeep<Response>(caller, absl::StrCat(kPopulation, method), request);
  if (!answer.ok()) {
    if (ExitCodeOf(answer.status()) == kExitUnreachable) {
      output.err() << "It may have been taken down all the same: repeat with --request-id "
                   << request_id << "." << std::endl;
    }
    return answer.status();
  }
  output.PrintFacts({{"registered", method},
                     {"request id", request_id},
                     {"log position", absl::StrCat(answer->exchange.receipt.index())}});
  return absl::OkStatus();
}

// --given, --family, --mononym, --script -> one name in its usual order.
std::vector<Option> NameOptions() {
  return {{"given", "NAME", "a given name", false, "", true},
          {"prefix", "WORD", "a word before the family name that does not sort: van der"},
          {"family", "NAME", "the family name"},
          {"mononym", "NAME", "the only name of a person who has one"},
          {"script", "SCRIPT", "the script, ISO 15924", false, "Latn"}};
}

void AddPart(pb::NamePartKind kind, const std::string& text, pb::Name* name) {
  if (text.empty()) return;
  pb::NamePart* part = name->add_parts();
  part->set_kind(kind);
  part->set_text(text);
}

pb::Name NameFrom(const Arguments& arguments) {
  pb::Name name;
  name.set_script(arguments.Get("script"));
  for (const std::string& given : arguments.All("given"))
    AddPart(pb::NAME_PART_KIND_GIVEN, given, &name);
  AddPart(pb::NAME_PART_KIND_PREFIX, arguments.Get("prefix"), &name);
  AddPart(pb::NAME_PART_KIND_FAMILY, arguments.Get("family"), &name);
  AddPart(pb::NAME_PART_KIND_MONONYM, arguments.Get("mononym"), &name);
  return name;
}

std::vector<Option> ResidenceOptions() {
  return {{"country", "CC", "country, ISO 3166-1 alpha-2"},
          {"region", "NAME", "county, province"},
          {"municipality", "NAME", "municipality"},
          {"locality", "NAME", "town, village or district"},
          {"street", "NAME", "street"},
          {"house", "NUMBER", "house number"},
          {"apartment", "NUMBER", "apartment"},
          {"postcode", "CODE", "post code"}};
}

pb::Residence ResidenceFrom(const Arguments& arguments) {
  pb::Residence residence;
  residence.set_country(arguments.Get("country"));
  residence.set_region(arguments.Get("region"));
  residence.set_municipality(arguments.Get("municipality"));
  residence.set_locality(arguments.Get("locality"));
  residence.set_street(arguments.Get("street"));
  residence.set_house(arguments.Get("house"));
  residence.set_apartment(arguments.Get("apartment"));
  residence.set_postcode(arguments.Get("postcode"));
  return residence;
}

absl::Status Birth(const Arguments& arguments, Output& output) {
  const std::string scheme = arguments.Get("scheme");
  pb::RecordBirthRequest request;
  pb::Person* person = request.mutable_person();
  if (arguments.Has("person")) {
    EGOV_ASSIGN_OR_RETURN(const std::string json, ReadFile(arguments.Get("person")));
    // The parser's own message repeats what it read, so it is not handed on.
    if (!google::protobuf::util::JsonStringToMessage(json, person).ok()) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PERSON",
                         "the file is not an egov.population.v1.Person in JSON")
          .Field("person");
    }
  } else {
    EGOV_ASSIGN_OR_RETURN(*person->mutable_identifier(), CodeOf(arguments));
    *person->add_names() = NameFrom(arguments);
    EGOV_ASSIGN_OR_RETURN(const auto date, DateOf(arguments.Get("born"), "born"));
    if (date.year() != 0) *person->mutable_birth()->mutable_date() = date;
    person->mutable_birth()->set_place(arguments.Get("birth-place"));
    person->mutable_birth()->set_country(arguments.Get("birth-country"));
    const std::string sex = arguments.Get("sex");
    if (sex == "female") person->set_sex(pb::SEX_FEMALE);
    if (sex == "male") person->set_sex(pb::SEX_MALE);
    if (sex == "other") person->set_sex(pb::SEX_OTHER);
    if (!sex.empty() && person->sex() == pb::SEX_UNSPECIFIED)
      return UsageError("--sex takes female, male or other");
    for (const std::string& file : arguments.All("parent-file")) {
      EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> codes, LinesOf(file));
      for (const std::string& code : codes) {
        auto* parent = person->add_parents()->mutable_identifier();
        parent->set_scheme(scheme);
        parent->set_value(code);
      }
    }
    if (!arguments.Get("municipality").empty() || !arguments.Get("country").empty()) {
      *person->mutable_residence() = ResidenceFrom(arguments);
      if (date.year() != 0) *person->mutable_residence()->mutable_valid_from() = date;
    }
  }
  request.set_request_id(RequestIdOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  return Register<pb::RecordBirthResponse>(caller, "RecordBirth", request, request.request_id(),
                                           output);
}

absl::Status Death(const Arguments& arguments, Output& output) {
  pb::RecordDeathRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_identifier(), CodeOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const auto date, DateOf(arguments.Get("date"), "date"));
  if (date.year() != 0) *request.mutable_death()->mutable_date() = date;
  request.mutable_death()->set_place(arguments.Get("place"));
  request.mutable_death()->set_country(arguments.Get("country"));
  request.set_request_id(RequestIdOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  return Register<pb::RecordDeathResponse>(caller, "RecordDeath", request, request.request_id(),
                                           output);
}

absl::Status AnnulDeath(const Arguments& arguments, Output& output) {
  pb::AnnulDeathRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_identifier(), CodeOf(arguments));
  request.set_decision(arguments.Get("decision"));
  request.set_request_id(RequestIdOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  return Register<pb::AnnulDeathResponse>(caller, "AnnulDeath", request, request.request_id(),
                                          output);
}

absl::Status NameChange(const Arguments& arguments, Output& output) {
  pb::RecordNameChangeRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_identifier(), CodeOf(arguments));
  *request.add_names() = NameFrom(arguments);
  EGOV_ASSIGN_OR_RETURN(*request.mutable_valid_from(), DateOf(arguments.Get("from"), "from"));
  request.set_request_id(RequestIdOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  return Register<pb::RecordNameChangeResponse>(caller, "RecordNameChange", request,
                                                request.request_id(), output);
}

absl::Status ResidenceChange(const Arguments& arguments, Output& output) {
  pb::RecordResidenceChangeRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_identifier(), CodeOf(arguments));
  *request.mutable_residence() = ResidenceFrom(arguments);
  EGOV_ASSIGN_OR_RETURN(*request.mutable_residence()->mutable_valid_from(),
                        DateOf(arguments.Get("from"), "from"));
  request.set_request_id(RequestIdOf(arguments));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  return Register<pb::RecordResidenceChangeResponse>(caller, "RecordResidenceChange", request,
                                                     request.request_id(), output);
}

absl::Status ReplaceIdentifier(const Arguments& arguments, Output& output) {
  const std::string scheme = arguments.Get("scheme");
  EGOV_ASSIGN_OR_RETURN(const auto from, DateOf(arguments.Get("from"), "from"));
  EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> lines, LinesOf(arguments.Get("in")));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  uint64_t line_number = 0;
  Progress progress(&output, "codes replaced", lines.size());
  for (const std::string& line : lines) {
    ++line_number;
    const std::vector<std::string> codes =
        absl::StrSplit(line, absl::ByAnyChar("\t "), absl::SkipEmpty());
    if (codes.size() != 2 && codes.size() != 3) {
      return base::Error(
          absl::StatusCode::kInvalidArgument, "BAD_LINE",
          absl::StrCat("line ", line_number, " is not: code, successor[, request id]"));
    }
    pb::ReplaceIdentifierRequest request;
    request.set_request_id(codes.size() == 3 ? codes[2] : base::NewUuid());
    request.mutable_identifier()->set_scheme(scheme);
    request.mutable_identifier()->set_value(codes[0]);
    request.mutable_successor()->set_scheme(scheme);
    request.mutable_successor()->set_value(codes[1]);
    *request.mutable_valid_from() = from;
    const auto answer = CallAndKeep<pb::ReplaceIdentifierResponse>(
        caller, absl::StrCat(kPopulation, "ReplaceIdentifier"), request);
    if (!answer.ok()) {
      output.err() << "line " << line_number << " of " << lines.size()
                   << " was refused; those before it are done" << std::endl;
      return answer.status();
    }
    progress.Add(1);
  }
  output.PrintFacts({{"replaced", absl::StrCat(lines.size())}});
  return absl::OkStatus();
}

Command Act(std::string name, std::string summary, std::vector<Option> options,
            std::function<absl::Status(const Arguments&, Output&)> run, std::string example) {
  Command c{std::move(name), std::move(summary)};
  c.positionals = {{"CODE", "the personal code; see --code-file", false}};
  c.options = CallOptions(CodeOptions());
  for (Option& option : options) c.options.push_back(std::move(option));
  c.options.push_back(RequestIdOption());
  c.examples = {std::move(example)};
  c.run = std::move(run);
  return c;
}

std::vector<Option> operator+(std::vector<Option> a, const std::vector<Option>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Command PopulationRegisterCommands() {
  Command family{"register", "Takes down what happened to a person"};
  family.description =
      "Each act has a request id: repeated with the same one it happens once and is answered as at "
      "first. A day may be "
      "known in part: 1985-03, 1985.";
  family.children = {
      Act("birth", "A new person",
          NameOptions() +
              std::vector<Option>{
                  {"sex", "SEX", "female, male or other"},
                  {"born", "DATE", "the day"},
                  {"birth-place", "NAME", "the place"},
                  {"birth-country", "CC", "its country, ISO 3166-1 alpha-2"},
                  {"parent-file", "FILE", "file with the parents' codes, one a line", false, "",
                   true},
                  {"person", "FILE", "instead of all these: egov.population.v1.Person as JSON"}} +
              ResidenceOptions(),
          Birth,
          "egovctl population register birth --code-file new.txt --given Mari --family Tamm --sex "
          "female --born 2026-11-20"),
      Act("death", "A death",
          {{"date", "DATE", "the day, as far as known", true},
           {"place", "NAME", "the place"},
           {"country", "CC", "its country"}},
          Death, "egovctl population register death --code-file code.txt --date 2026-11-20"),
      Act("annul-death", "A recorded death did not happen",
          {{"decision", "NUMBER", "the decision's number at the court or office", true}},
          AnnulDeath,
          "egovctl population register annul-death --code-file code.txt --decision 2-26-1234"),
      Act("name", "A change of name",
          NameOptions() + std::vector<Option>{{"from", "DATE", "from when it is borne", true}},
          NameChange,
          "egovctl population register name --code-file code.txt --given Mari --family Kask --from "
          "2026-11-20"),
      Act("residence", "A change of residence",
          ResidenceOptions() +
              std::vector<Option>{{"from", "DATE", "from when the person lives there", true}},
          ResidenceChange,
          "egovctl population register residence --code-file code.txt --country EE --region "
          "\"Tartu maakond\" --municipality Tartu --from 2026-11-20"),
  };
  Command replace{"replace-identifier",
                  "Codes are replaced; the old ones lead to the new for ever"};
  replace.description =
      "Reads pairs from a file, never from the command line. Stops at the first refusal; with "
      "request ids in the file the "
      "same file can be given again.";
  replace.options = CallOptions(
      {{"in", "FILE",
        "lines of: code, successor[, request id], parted by tab or blank; \"-\": stdin", true},
       {"scheme", "SCHEME", "what the codes are", false, "ee-isikukood"},
       {"from", "DATE", "from when", true}});
  replace.examples = {
      "egovctl population register replace-identifier --in pairs.tsv --from 2026-11-20"};
  replace.run = ReplaceIdentifier;
  family.children.push_back(std::move(replace));
  return family;
}

}  // namespace egov::ctl
