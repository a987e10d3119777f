// The services that every register has: who may ask (AccessService), who asked (UsageService).
// Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_STANDARD_SERVICES_H_
#define EGOV_LIBS_EXCHANGE_STANDARD_SERVICES_H_

#include "libs/access/access.h"
#include "libs/disclosure/usage.h"
#include "libs/evidence/log.h"
#include "libs/exchange/service.h"

namespace egov::exchange {

constexpr char kAccessService[] = "egov.access.v1.AccessService";
constexpr char kUsageServiceName[] = "egov.disclosure.v1.UsageService";
constexpr char kEvidenceService[] = "egov.evidence.v1.EvidenceService";

// What they are given outlives them.
Service MakeAccessService(access::Access* access);
Service MakeUsageService(disclosure::Usage* usage, const evidence::Log* log);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_STANDARD_SERVICES_H_
