// Counties, municipalities, villages and streets of the country, in the manner of its address data
// system (ADS).
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_PLACES_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_PLACES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace egov::population::generator {

struct Municipality {
  absl::string_view county;  // "Harju maakond"
  std::string name;          // "Tallinn", "Rae vald"
  bool town = false;         // streets and flats; else villages and farms
  int people = 0;            // hundreds; the odds of living there
  int postcode = 0;          // first of some hundred
};

// Immutable after construction.
class PlaceBook {
 public:
  PlaceBook();

  const std::vector<Municipality>& municipalities() const { return municipalities_; }
  // The municipality in which hundred number `n` of total_people() lives.
  uint8_t At(int n) const;
  int total_people() const { return total_; }

  const std::vector<absl::string_view>& districts_of_tallinn() const { return districts_; }
  const std::vector<absl::string_view>& streets() const { return streets_; }
  const std::vector<std::string>& villages() const { return villages_; }
  const std::vector<absl::string_view>& farms() const { return farms_; }

 private:
  std::vector<Municipality> municipalities_;
  std::vector<int> upto_;
  int total_ = 0;
  std::vector<absl::string_view> districts_;
  std::vector<absl::string_view> streets_;
  std::vector<std::string> villages_;
  std::vector<absl::string_view> farms_;
};

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_PLACES_H_
