// egovctl access ...: who may ask a service for what.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "egov/access/v1/access_service.pb.h"
#include "libs/base/status.h"
#include "libs/civil/date.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/kept.h"

namespace egov::ctl {
namespace {

namespace pb = ::egov::access::v1;

constexpr char kAccess[] = "/egov.access.v1.AccessService/";

std::string Quota(uint64_t a_day) { return a_day == 0 ? "no limit" : absl::StrCat(a_day); }

Table RightsTable(const google::protobuf::RepeatedPtrField<pb::Right>& rights) {
  Table table({"Id", "Subsystem", "Method", "Purpose", "Items", "From", "To", "Calls a day",
               "Codes a day", "Time-stamp"});
  for (const pb::Right& right : rights) {
    const std::string service = right.service().substr(right.service().rfind('.') + 1);
    table.Add(
        {right.id(), right.subsystem(), absl::StrCat(service, "/", right.method()), right.purpose(),
         right.items_size() > 3 ? absl::StrCat(right.items_size(), " items")
                                : absl::StrJoin(right.items(), ","),
         DateText(right.valid_from()), DateText(right.valid_to()), Quota(right.calls_per_day()),
         Quota(right.codes_per_day()), right.time_stamp_required() ? "required" : ""});
  }
  return table;
}

template <typename Response>
absl::StatusOr<Response> CallAccess(const Arguments& arguments, const std::string& method,
                                    const google::protobuf::Message& request) {
  EGOV_ASSIGN_OR_RETURN(Caller caller, OpenCaller(arguments, {}));
  EGOV_ASSIGN_OR_RETURN(auto answer,
                        CallAndKeep<Response>(caller, absl::StrCat(kAccess, method), request));
  return std::move(answer.message);
}

absl::Status Grant(const Arguments& arguments, Output& output) {
  pb::GrantRightRequest request;
  request.set_request_id(RequestIdOf(arguments));
  pb::Right* right = request.mutable_right();
  right->set_subsystem(arguments.Get("to"));
  const std::pair<std::string, std::string> method =
      absl::StrSplit(arguments.Get("method"), absl::MaxSplits('/', 1));
  if (method.second.empty())
    return UsageError("--method takes SERVICE/METHOD, as `egovctl contract` lists them");
  right->set_service(method.first);
  right->set_method(method.second);
  right->set_purpose(arguments.Get("for"));
  for (absl::string_view item :
       absl::StrSplit(arguments.Get("items"), ',', absl::SkipWhitespace())) {
    right->add_items(std::string(item));
  }
  EGOV_ASSIGN_OR_RETURN(const auto from, DateOf(arguments.Get("from"), "from"));
  *right->mutable_valid_from() = from;
  if (from.year() == 0) {
    EGOV_ASSIGN_OR_RETURN(const civil::Date today,
                          civil::DayOf(absl::Now(), absl::LocalTimeZone()));
    right->mutable_valid_from()->set_year(today.year());
    right->mutable_valid_from()->set_month(today.month());
    right->mutable_valid_from()->set_day(today.day());
  }
  EGOV_ASSIGN_OR_RETURN(const auto until, DateOf(arguments.Get("until"), "until"));
  if (until.year() != 0) *right->mutable_valid_to() = until;
  EGOV_ASSIGN_OR_RETURN(const int64_t calls, arguments.Number("calls", 0, INT64_MAX));
  EGOV_ASSIGN_OR_RETURN(const int64_t codes, arguments.Number("codes", 0, INT64_MAX));
  right->set_calls_per_day(calls);
  right->set_codes_per_day(codes);
  right->set_time_stamp_required(arguments.Has("time-stamp-required"));
  EGOV_ASSIGN_OR_RETURN(const auto response,
                        CallAccess<pb::GrantRightResponse>(arguments, "GrantRight", request));
  output.PrintFacts({{"granted", response.right().id()}});
  return absl::OkStatus();
}

absl::Status Revoke(const Arguments& arguments, Output& output) {
  pb::RevokeRightRequest request;
  request.set_request_id(RequestIdOf(arguments));
  request.set_id(arguments.positional()[0]);
  EGOV_RETURN_IF_ERROR(
      CallAccess<pb::RevokeRightResponse>(arguments, "RevokeRight", request).status());
  output.PrintFacts({{"revoked", request.id()}});
  return absl::OkStatus();
}

absl::Status List(const Arguments& arguments, Output& output) {
  pb::ListRightsRequest request;
  request.set_subsystem(arguments.Get("of"));
  EGOV_ASSIGN_OR_RETURN(const auto response,
                        CallAccess<pb::ListRightsResponse>(arguments, "ListRights", request));
  std::string text = RightsTable(response.rights()).ToText();
  absl::StrAppend(&text, "\nOfficers\n");
  for (const std::string& officer : response.officers()) absl::StrAppend(&text, officer, "\n");
  output.Print(response, text);
  return absl::OkStatus();
}

absl::Status Appoint(const Arguments& arguments, Output& output) {
  pb::AppointOfficerRequest request;
  request.set_request_id(RequestIdOf(arguments));
  request.set_officer(arguments.positional()[0]);
  EGOV_RETURN_IF_ERROR(
      CallAccess<pb::AppointOfficerResponse>(arguments, "AppointOfficer", request).status());
  output.PrintFacts({{"appointed", request.officer()}});
  return absl::OkStatus();
}

absl::Status Dismiss(const Arguments& arguments, Output& output) {
  pb::DismissOfficerRequest request;
  request.set_request_id(RequestIdOf(arguments));
  request.set_officer(arguments.positional()[0]);
  EGOV_RETURN_IF_ERROR(
      CallAccess<pb::DismissOfficerResponse>(arguments, "DismissOfficer", request).status());
  output.PrintFacts({{"dismissed", request.officer()}});
  return absl::OkStatus();
}

}  // namespace

Command AccessCommands() {
  Command family{"access", "Grants and withdraws rights at a service"};
  family.description =
      "Every service keeps the rights to its own data. Only its officers change them: a subsystem "
      "named `officers`, the "
      "first of which the service's configuration names. A change takes effect at the very next "
      "call.";
  {
    Command c{"grant", "Lets a subsystem call a method for a purpose"};
    c.options = CallOptions(
        {{"to", "URI", "the subsystem: spiffe://ee/GOV/70000310/pensions", true},
         {"method", "SERVICE/METHOD", "the method: egov.population.v1.PopulationService/GetPerson",
          true},
         {"for", "PURPOSE", "the purpose, exactly as calls must name it", true},
         {"items", "LIST", "the data items that may leave, parted by commas"},
         {"from", "DATE", "the first day; today when left out"},
         {"until", "DATE", "the last day; until withdrawn when left out"},
         {"calls", "N", "calls a day; 0: no limit", false, "0"},
         {"codes", "N", "people asked about a day, known or not; 0: no limit", false, "0"},
         {"time-stamp-required", "", "refuse calls while no authority stamps the log"},
         RequestIdOption()});
    c.examples = {
        "egovctl access grant --as officers --to spiffe://ee/GOV/70000310/pensions --for "
        "pension-payment \\",
        "  --method egov.population.v1.PopulationService/VerifyVitalStatus --codes 2000000 \\",
        "  --items "
        "population.person.vital_status,population.person.death_date,population.person."
        "identifiers"};
    c.run = Grant;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"revoke", "Withdraws a right"};
    c.positionals = {{"ID", "the right's id, as `egovctl access list` shows it"}};
    c.options = CallOptions({RequestIdOption()});
    c.run = Revoke;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"list", "Lists rights and officers"};
    c.options = CallOptions({{"of", "URI", "only those of this subsystem"}});
    c.run = List;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"appoint", "Names a further officer"};
    c.positionals = {{"URI", "a subsystem named `officers`"}};
    c.options = CallOptions({RequestIdOption()});
    c.run = Appoint;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"dismiss", "Dismisses an officer; the last one cannot be"};
    c.positionals = {{"URI", "the officer"}};
    c.options = CallOptions({RequestIdOption()});
    c.run = Dismiss;
    family.children.push_back(std::move(c));
  }
  return family;
}

}  // namespace egov::ctl
