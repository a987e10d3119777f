// The families of commands, one file each.
#ifndef EGOV_SERVICES_CTL_FAMILIES_H_
#define EGOV_SERVICES_CTL_FAMILIES_H_

#include <vector>

#include "services/ctl/command.h"

namespace egov::ctl {

Command PkiCommands();
Command DirectoryCommands();
Command MemberCommands();
Command ContractCommand();
Command PopulationCommands();
Command AccessCommands();
Command EvidenceCommands();

// Parts of `population`.
std::vector<Command> PopulationReadCommands();  // get, vital-status, changes, usage
Command PopulationRegisterCommands();           // register birth, death ...
Command ImportCommand();
std::vector<Command> PopulationDataCommands();  // generate, load, import

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_FAMILIES_H_
