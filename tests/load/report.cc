#include "tests/load/report.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace egov::load {

const std::vector<Bound>& Bounds() {
  static const std::vector<Bound>& bounds = *new std::vector<Bound>{
      {"get_person", "CPU of a raw echo / CPU of a call", true, 0.45, 0.55},
      {"get_person_single", "(p50 - raw p50 - one sync) / 0.25 ms", false, 1.0, 0.7},
      {"record_birth", "CPU of a raw echo / CPU of an event", true, 0.3, 0.4},
      {"vital_status", "file to stamped evidence / merge in RocksDB", false, 1.0, 0.6},
      {"load", "loading / sorted ingestion of the same rows", false, 3.0, 1.5},
      {"growth", "CPU of a call, all people / a tenth", false, 1.15, 1.05},
      {"lookup", "Table::Get / RocksDB's Get", false, 1.2, 1.1},
      {"feed", "changes/s / a plain gRPC stream of them", true, 0.6, 0.8},
      {"resident", "memory of the register / 1 GiB", false, 1.0, 0.5},
      {"start", "exec to ready / 2 s", false, 1.0, 0.5},
      {"ocsp", "answers/s / signatures/s, both cores", true, 0.25, 0.35},
      {"tsa", "stamps/s / signatures/s, both cores", true, 0.2, 0.25},
  };
  return bounds;
}

void Report::Add(Row row) {
  std::cerr << absl::StrFormat("  %s: ratio %.3f\n", row.name, row.ratio) << std::flush;
  rows_.push_back(std::move(row));
}

void Report::Print() const {
  std::cout << absl::StrFormat("\n%-18s %12s %12s %-10s %7s %7s %7s  %-8s %s\n", "row", "value",
                               "baseline", "unit", "ratio", "must", "aim", "met", "the ratio of");
  for (const Bound& bound : Bounds()) {
    for (const Row& row : rows_) {
      if (row.name != bound.name) continue;
      const auto met = [&](double limit) {
        return bound.at_least ? row.ratio >= limit : row.ratio <= limit;
      };
      const char* verdict = met(bound.aim) ? "aim" : met(bound.must) ? "must" : "no";
      const char* sign = bound.at_least ? ">=" : "<=";
      std::cout << absl::StrFormat("%-18s %12.4g %12.4g %-10s %7.3f %7s %7s  %-8s %s\n", row.name,
                                   row.value, row.baseline, row.unit, row.ratio,
                                   absl::StrCat(sign, bound.must), absl::StrCat(sign, bound.aim),
                                   verdict, bound.what);
      if (!row.notes.empty()) std::cout << "    " << row.notes << "\n";
    }
  }
  std::cout << std::flush;
}

absl::Status Report::WriteJson(const std::string& path) const {
  std::ofstream out(path, std::ios::trunc);
  out << "[";
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    out << (i == 0 ? "\n" : ",\n")
        << absl::StrFormat(
               R"(  {"name": "%s", "value": %.6g, "unit": "%s", "baseline": %.6g, "ratio": %.6g})",
               row.name, row.value, row.unit, row.baseline, row.ratio);
  }
  out << "\n]\n";
  if (!out.flush()) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace egov::load
