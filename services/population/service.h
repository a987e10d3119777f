// The population register's methods, each bound to its command.
#ifndef EGOV_SERVICES_POPULATION_SERVICE_H_
#define EGOV_SERVICES_POPULATION_SERVICE_H_

#include "libs/exchange/service.h"
#include "services/population/commands/commands.h"
#include "services/population/store.h"

namespace egov::population {

// `store` must outlive the service. `recorded` tells the record time of a position of the log.
exchange::Service MakeService(Store& store, commands::RecordTimes recorded);

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_SERVICE_H_
