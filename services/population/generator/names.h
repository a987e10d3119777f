// Names of an invented nation: given names by generation, family names composed. Estonian and
// Russian ones, as the country has.
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_NAMES_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_NAMES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace egov::population::generator {

// All names, taken apart once. Immutable afterwards. Cost: some 3,000 short strings.
class NameBook {
 public:
  NameBook();

  // Given names that parents chose around `birth_year`.
  const std::vector<absl::string_view>& Given(bool russian, bool female, int birth_year) const;

  // Family names are numbered: the Estonian ones first, then the Russian ones.
  size_t estonian_family_names() const { return estonian_; }
  size_t family_names() const { return male_.size(); }
  // The name as a man or a woman bears it (Ivanov, Ivanova; Tamm, Tamm).
  const std::string& Family(size_t number, bool female) const {
    return female ? female_[number] : male_[number];
  }

 private:
  std::vector<absl::string_view> given_[2][2][3];
  size_t estonian_ = 0;
  std::vector<std::string> male_;
  std::vector<std::string> female_;
};

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_NAMES_H_
