// Any bytes: no scheme may crash, and what one accepts comes back from its packed form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "libs/identifiers/identifiers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace id = egov::identifiers;
  const absl::string_view value(reinterpret_cast<const char*>(data), size);
  for (const id::Scheme* scheme : {&id::Isikukood(), &id::Bsn()}) {
    uint64_t packed = 0;
    const id::Fault fault = scheme->Pack(value, &packed);
    if (fault == id::Fault::kNone && scheme->Unpack(packed) != value) std::abort();
    if (scheme->Check(value).ok() != (fault == id::Fault::kNone)) std::abort();
  }
  if (id::ClaimsOf(value).ok() != (id::Isikukood().Examine(value) == id::Fault::kNone)) {
    std::abort();
  }
  return 0;
}
