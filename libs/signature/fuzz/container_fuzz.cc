// A container comes from strangers: opening and reading it may fail, nothing else.
#include <cstdint>
#include <string>

#include "libs/signature/container.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::signature;  // NOLINT: a fuzz target has no other names
  ContainerLimits limits;
  limits.max_unpacked = 4 << 20;
  const auto container =
      Container::FromBytes(std::string(reinterpret_cast<const char*>(data), size), limits);
  if (!container.ok()) return 0;
  for (const DataFile& file : container->files()) (void)container->Digest(file.name, Hash::kSha256);
  return 0;
}
