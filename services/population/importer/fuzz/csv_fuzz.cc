// Any bytes as a table, in three dialects: a table comes out whose fields can all be read, or an
// error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "services/population/importer/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace importer = egov::population::importer;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  importer::Dialect plain, semicolons, wide;
  semicolons.set_separator(";");
  semicolons.set_quote("none");
  wide.set_encoding(importer::UTF16LE);
  for (const importer::Dialect* dialect : {&plain, &semicolons, &wide}) {
    const auto table = importer::CsvTable::Parse(bytes, *dialect);
    if (!table.ok()) continue;
    const auto column = table->Column("a");
    for (size_t row = 0; row < table->rows(); ++row) {
      if (table->complete(row) && column.ok()) (void)table->Get(row, *column);
      if (table->line(row) < 2) std::abort();
    }
  }
  return 0;
}
