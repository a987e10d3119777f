// egovctl contract: what a method asks, tells and refuses, read from the descriptors that this
// program was built with.
#include "libs/disclosure/contract.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "egov/access/v1/access_service.pb.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/population/v1/population_service.pb.h"
#include "google/protobuf/descriptor.h"
#include "libs/base/status.h"
#include "libs/disclosure/describe.h"
#include "services/ctl/families.h"

namespace egov::ctl {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::vector<const ServiceDescriptor*> Services() {
  std::vector<const ServiceDescriptor*> services;
  // One message of each file makes the linker keep it.
  for (const FileDescriptor* file : {egov::population::v1::GetPersonRequest::descriptor()->file(),
                                     egov::access::v1::Right::descriptor()->file(),
                                     egov::disclosure::v1::Usage::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
  }
  return services;
}

std::string DescriptionJson(const disclosure::DescribedMethod& d) {
  auto list = [](const std::vector<std::string>& texts) {
    return absl::StrCat("[",
                        absl::StrJoin(texts, ", ",
                                      [](std::string* out, const std::string& text) {
                                        absl::StrAppend(out, JsonString(text));
                                      }),
                        "]");
  };
  std::vector<std::string> items, refusals;
  for (const auto& item : d.items) {
    items.push_back(absl::StrCat("{\"name\": ", JsonString(item.name),
                                 ", \"fields\": ", list(item.fields), "}"));
  }
  for (const auto& refusal : d.refusals) {
    refusals.push_back(absl::StrCat("{\"reason\": ", JsonString(refusal.reason),
                                    ", \"code\": ", JsonString(refusal.code),
                                    ", \"when\": ", JsonString(refusal.when), "}"));
  }
  return absl::StrCat("{\"path\": ", JsonString(d.path), ", \"shape\": ", JsonString(d.shape),
                      ", \"authority\": ", JsonString(d.authority),
                      ", \"asked_subjects\": ", list(d.asked_subjects),
                      ", \"told_subjects\": ", list(d.told_subjects),
                      ", \"silence\": ", JsonString(d.silence), ", \"items\": [",
                      absl::StrJoin(items, ", "), "], \"refusals\": [",
                      absl::StrJoin(refusals, ", "), "]}");
}

std::string DescriptionText(const disclosure::DescribedMethod& d) {
  std::string text =
      absl::StrCat(d.path, "\n  carried as  ", d.shape, "\n  caller needs  ", d.authority, "\n");
  if (!d.asked_subjects.empty())
    absl::StrAppend(&text, "  asks about  ", absl::StrJoin(d.asked_subjects, ", "), "\n");
  if (!d.told_subjects.empty())
    absl::StrAppend(&text, "  tells about  ", absl::StrJoin(d.told_subjects, ", "), "\n");
  if (!d.silence.empty()) absl::StrAppend(&text, "  tells by silence  ", d.silence, "\n");
  if (!d.items.empty()) {
    Table items({"Item", "Fields of the answer"});
    for (const auto& item : d.items)
      items.Add(
          {item.name, item.fields.empty() ? "(by silence)" : absl::StrJoin(item.fields, ", ")});
    absl::StrAppend(&text, "\n", items.ToText());
  }
  if (!d.refusals.empty()) {
    Table refusals({"Reason", "Code", "When"});
    for (const auto& refusal : d.refusals)
      refusals.Add({refusal.reason, refusal.code, refusal.when});
    absl::StrAppend(&text, "\n", refusals.ToText());
  }
  return text;
}

// Whether `wanted` names the method: by the end of its full name, by service, or everything.
bool Wanted(const MethodDescriptor* method, absl::string_view wanted) {
  if (wanted.empty()) return true;
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(wanted, absl::MaxSplits('/', 1));
  const std::string& service = method->service()->full_name();
  const bool of_service =
      service == halves.first || absl::EndsWith(service, absl::StrCat(".", halves.first));
  if (!halves.second.empty()) return of_service && method->name() == halves.second;
  return of_service || method->name() == halves.first;
}

absl::Status Contract(const Arguments& arguments, Output& output) {
  const std::string wanted = arguments.positional().empty() ? "" : arguments.positional()[0];
  std::vector<const MethodDescriptor*> methods;
  std::vector<std::string> names;
  for (const ServiceDescriptor* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      names.push_back(service->method(i)->name());
      if (Wanted(service->method(i), wanted)) methods.push_back(service->method(i));
    }
    names.push_back(service->name());
  }
  if (methods.empty()) {
    const std::string near = Nearest(wanted.substr(wanted.find('/') + 1), names);
    return UsageError(absl::StrCat("no contract has such a service or method",
                                   near.empty() ? "" : "; did you mean ", near,
                                   near.empty() ? "" : "?"));
  }
  Table table({"Method", "Shape", "Needs", "Items"});
  std::string text;
  std::vector<std::string> json;
  for (const MethodDescriptor* method : methods) {
    EGOV_ASSIGN_OR_RETURN(const auto contract, disclosure::Contract::Compile(method));
    const disclosure::DescribedMethod described = disclosure::Describe(*contract);
    std::vector<std::string> items;
    for (const auto& item : described.items) items.push_back(item.name);
    table.Add(
        {described.path.substr(1), described.shape, described.authority,
         items.size() > 3 ? absl::StrCat(items.size(), " items") : absl::StrJoin(items, ", ")});
    absl::StrAppend(&text, text.empty() ? "" : "\n", DescriptionText(described));
    json.push_back(DescriptionJson(described));
  }
  if (output.json()) {
    output.Raw(absl::StrCat("[\n  ", absl::StrJoin(json, ",\n  "), "\n]\n"));
  } else if (wanted.empty()) {
    output.Print(table);
    output.Say("\n`egovctl contract SERVICE/METHOD` tells what one asks, tells and refuses.");
  } else {
    output.Raw(text);
  }
  return absl::OkStatus();
}

}  // namespace

Command ContractCommand() {
  Command c{"contract", "Shows what methods ask, disclose and refuse"};
  c.description =
      "Reads the contracts that services, clients and gateways are bound by: for each method whose "
      "data it is about, which "
      "data items its answer holds and where, what it tells by not naming somebody, and each "
      "reason for which it refuses.";
  c.positionals = {{"SERVICE[/METHOD]", "a service, a method, or both; all when left out", false}};
  c.examples = {"egovctl contract", "egovctl contract PopulationService",
                "egovctl contract VerifyVitalStatus --json"};
  c.run = Contract;
  return c;
}

}  // namespace egov::ctl
