// A configuration is read or refused, never half read.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "google/protobuf/util/json_util.h"
#include "libs/exchange/config.pb.h"
#include "libs/exchange/register.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const path = [] {
    const char* const folder = std::getenv("TEST_TMPDIR");
    return new std::string(std::string(folder != nullptr ? folder : "/tmp") + "/config_fuzz." +
                           std::to_string(getpid()) + ".json");
  }();
  std::ofstream(*path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  egov::exchange::RegisterConfig config;
  const absl::Status read = egov::exchange::ReadConfig(*path, &config);
  unlink(path->c_str());
  if (!read.ok()) return 0;
  std::string json;
  egov::exchange::RegisterConfig again;
  if (!google::protobuf::util::MessageToJsonString(config, &json).ok()) std::abort();
  if (!google::protobuf::util::JsonStringToMessage(json, &again).ok()) std::abort();
  if (again.SerializeAsString() != config.SerializeAsString()) std::abort();
  return 0;
}
