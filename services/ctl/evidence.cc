// egovctl evidence ...: what is proven, offline and along a log.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/proof/verify.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

absl::Status Verify(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::string file, ReadFile(arguments.positional()[0]));
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(arguments.Get("trust")));
  EGOV_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> anchors,
                        pki::Certificate::ChainFromPem(pem));
  proof::VerifyOptions options;
  options.partial = arguments.Has("partial");
  const auto report = proof::Verify(file, anchors, absl::Now(), options);
  if (!report.ok()) return NotProven(report.status());
  output.Raw(output.json() ? report->ToJson() : report->ToText());
  return absl::OkStatus();
}

}  // namespace

Command EvidenceCommands() {
  Command family{"evidence", "Makes and checks proof of what was asked and answered"};
  {
    Command c{"verify", "Says offline what an evidence file proves"};
    c.description =
        "Needs nothing but the file and the trust anchors: who asked whom what and when, what was "
        "answered, between which "
        "time-stamps, and what the file does not prove. A changed byte anywhere makes it fail, "
        "with exit code 4.";
    c.positionals = {{"FILE", "the evidence file"}};
    c.options = {
        {"trust", "FILE", "trust anchors, PEM", true},
        {"partial", "", "accept an exchange that goes on after the file's last window (a feed)"}};
    c.examples = {"egovctl evidence verify answer/evidence.egov --trust anchors.pem"};
    c.run = Verify;
    family.children.push_back(std::move(c));
  }
  return family;
}

}  // namespace egov::ctl
