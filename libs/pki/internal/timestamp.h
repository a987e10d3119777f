// Shared by the two sides of time-stamping.
#ifndef EGOV_LIBS_PKI_INTERNAL_TIMESTAMP_H_
#define EGOV_LIBS_PKI_INTERNAL_TIMESTAMP_H_

#include <openssl/ts.h>

#include <string>

namespace egov::pki::internal {

// The PKIFailureInfo in words, as RFC 3161 section 2.4.2 names it; "unknown" when there is none.
std::string FailureName(const TS_STATUS_INFO* status);

}  // namespace egov::pki::internal

#endif  // EGOV_LIBS_PKI_INTERNAL_TIMESTAMP_H_
