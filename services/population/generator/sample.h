// Writing a nation to a file, and the codes that a pension board would ask about.
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_SAMPLE_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_SAMPLE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/population/generator/nation.h"

namespace egov::population::generator {

// Writes the whole nation as a stream (services/population/stream). `progress` is called now and
// then with the number written, and may be empty. Constant memory besides the nation.
absl::Status WriteNation(const Nation& nation, const std::string& path,
                         const std::function<void(uint64_t)>& progress);

// What a sample shall hold beside the living. The living are the oldest ones: whom a pension board
// pays.
struct SampleSpec {
  uint64_t size = 0;        // all codes together
  uint64_t deceased = 0;    // the most recently deceased who reached 63
  uint64_t unknown = 0;     // well formed, nobody's; at most 40,000
  uint64_t superseded = 0;  // earlier codes of people who live
  uint64_t malformed = 0;   // with every fault in turn
};
// A pension board's month: of 500,000 some 980 have died since the last one.
SampleSpec PensionBoard(uint64_t size);

struct Sample {
  std::vector<std::string> codes;  // all of them, in random order, none twice
  // What the register must answer.
  std::vector<std::string> deceased, unknown, superseded, malformed;
};

// The same nation, spec and seed give the same sample. FAILED_PRECONDITION NATION_TOO_SMALL when
// the nation does not have enough people of a kind.
absl::StatusOr<Sample> SampleCodes(const Nation& nation, const SampleSpec& spec, uint64_t seed);

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_SAMPLE_H_
