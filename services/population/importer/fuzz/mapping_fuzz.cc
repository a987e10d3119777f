// Any bytes as a mapping: refused, or usable on a table without a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "services/population/importer/importer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace importer = egov::population::importer;
  const auto mapping = importer::ParseMapping({reinterpret_cast<const char*>(data), size});
  if (!mapping.ok()) return 0;
  const auto imported = importer::Import(
      *mapping, "code,name,died\n60001019906,A B,\n,x,\n60001017869,B,2020-05\n",
      [](const std::string&) { return std::string("k,v\n1,2\n"); },
      egov::civil::Date::Parse("2026-01-01").value());
  if (imported.ok() && imported->rows.size() != 3) std::abort();
  return 0;
}
