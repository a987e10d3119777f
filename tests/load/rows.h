// The rows, group by group. Each adds what it measured to the report.
#ifndef EGOV_TESTS_LOAD_ROWS_H_
#define EGOV_TESTS_LOAD_ROWS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/population/generator/nation.h"
#include "tests/load/house.h"
#include "tests/load/report.h"

namespace egov::load {

struct Bench {
  // What is measured.
  std::function<bool(const std::string&)> wanted;
  uint64_t persons = 1000 * 1000;
  uint64_t codes = 500 * 1000;  // of a mass question
  int rounds = 5;
  absl::Duration round = absl::Seconds(2);
  std::string self;        // this program, for the baseline's server
  std::string population;  // the register's
  std::string identity;    // the folder of the trust services' binaries: ca/egov-ca and so on

  exchange::testing::World* world = nullptr;
  Report* report = nullptr;
  const population::generator::Nation* nation = nullptr;
  std::string nation_file;
  Register* big = nullptr;  // runs, with the nation in it
  std::string frozen;       // a copy of its store, as it was after the load

  bool Wants(std::initializer_list<const char*> names) const;
  // A folder of this run's, made when it is missing.
  std::string Folder(const std::string& name) const;
};

// Loads the nation into bench->big, for the row `load` several times; leaves it running, restarted,
// and its store's copy in `frozen`.
absl::Status LoadRows(Bench* bench);
absl::Status UnaryRows(const Bench& bench);   // get_person, get_person_single, record_birth, growth
absl::Status VitalRows(const Bench& bench);   // vital_status
absl::Status LookupRows(const Bench& bench);  // lookup
absl::Status FeedRows(const Bench& bench);    // feed
absl::Status StandingRows(Bench* bench);      // resident, start
absl::Status TrustRows(const Bench& bench);   // ocsp, tsa; need no nation

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_ROWS_H_
