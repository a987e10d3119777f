// What a run found: rows beside their baselines, as a table for people and as JSON for machines.
#ifndef EGOV_TESTS_LOAD_REPORT_H_
#define EGOV_TESTS_LOAD_REPORT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace egov::load {

// A row of the specification.
struct Bound {
  const char* name;
  const char* what;  // the ratio in words
  bool at_least;     // whether a greater ratio is better
  double must;
  double aim;
};

// All rows, in the order in which they are printed.
const std::vector<Bound>& Bounds();

struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  double baseline = 0;
  double ratio = 0;
  std::string notes;  // for people
};

class Report {
 public:
  void Add(Row row);

  // The table, with must, aim and whether they were met. To standard output.
  void Print() const;
  // An array of {name, value, unit, baseline, ratio}.
  absl::Status WriteJson(const std::string& path) const;

 private:
  std::vector<Row> rows_;
};

// The middle one; of an even number the mean of the two middle ones.
double Median(std::vector<double> values);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_REPORT_H_
