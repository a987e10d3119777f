// Certificates, lists, signing requests and keys come from others: reading them may fail, nothing
// else.
#include <cstdint>
#include <cstdlib>

#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"
#include "libs/pki/issue.h"
#include "libs/pki/key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::pki;  // NOLINT: a fuzz target has no other names
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto certificate = Certificate::FromDer(bytes);
  if (certificate.ok()) {
    // What was accepted can be written and read again, and is the same.
    const auto again = Certificate::FromPem(certificate->ToPem());
    if (!again.ok() || *again != *certificate) std::abort();
    for (const Purpose purpose : {Purpose::kTransport, Purpose::kSeal, Purpose::kLog,
                                  Purpose::kTimeStamp, Purpose::kSignature, Purpose::kAuthority}) {
      (void)certificate->CheckPurpose(purpose);
    }
  }
  const auto list = Crl::FromDer(bytes);
  if (list.ok()) (void)list->Find("1");
  (void)Csr::FromDer(bytes);
  (void)PublicKey::FromDer(bytes);
  (void)Certificate::ChainFromPem(bytes);
  return 0;
}
