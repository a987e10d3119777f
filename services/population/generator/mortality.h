// How long people of an invented nation live: a table of death by age, sex and time, in whole
// numbers (no libm, so the same everywhere). Shaped after Estonia's: many children died before the
// war, men die younger, 1941 to 1944 took young men.
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_MORTALITY_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_MORTALITY_H_

#include <cstdint>
#include <vector>

namespace egov::population::generator {

class Mortality {
 public:
  static constexpr int kOldest = 110;

  // For births in first_year..last_year.
  Mortality(int first_year, int last_year);

  // Completed years at death of somebody born in `year`, for a lot drawn from all 32-bit numbers.
  int AgeAtDeath(bool female, int year, uint32_t lot) const;

 private:
  int first_year_;
  std::vector<uint32_t> dead_by_[2];  // (kOldest + 1) for each year: share of 2^32 that has died by
                                      // the end of that age
};

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_MORTALITY_H_
