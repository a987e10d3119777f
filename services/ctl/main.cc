// egovctl: works with the registers of a digital government from a terminal or a script.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <iostream>

#include "services/ctl/families.h"

namespace {

constexpr char kVersion[] = "0.1.0";

}  // namespace

int main(int argc, char** argv) {
  using namespace egov::ctl;  // NOLINT: this file is only a list
  Command root{"egovctl", "Works with the registers of a digital government"};
  root.description =
      "Everything asked is sealed by the asker's own certificate and answered with a receipt that "
      "is checked before the "
      "answer is shown. As whom and where to ask is in ${EGOV_HOME}/ctl.json; --as chooses.";
  root.children = {PopulationCommands(), EvidenceCommands(),  AccessCommands(), ContractCommand(),
                   MemberCommands(),     DirectoryCommands(), PkiCommands()};
  google::protobuf::SetLogHandler(nullptr);  // what does not parse is told by its error
  Output output(&std::cout, &std::cerr, isatty(STDERR_FILENO) == 1);
  return RunCommandLine(root, kVersion, std::vector<std::string>(argv + 1, argv + argc), &output);
}
