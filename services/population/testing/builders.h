// People and acts for tests, plausible and invented; and a register of one's own to try them on.
#ifndef EGOV_SERVICES_POPULATION_TESTING_BUILDERS_H_
#define EGOV_SERVICES_POPULATION_TESTING_BUILDERS_H_

#include <cstdint>
#include <string>

#include "egov/population/v1/population_service.pb.h"

namespace egov::population::testing {

namespace v1 = ::egov::population::v1;

egov::identifiers::v1::Identifier Isikukood(const std::string& value);
egov::identifiers::v1::Identifier BsnIdentifier(const std::string& value);

// The n-th of 150 million well-formed codes, all of people born in the 20th century; the same n,
// the same code.
std::string CodeNumber(uint64_t n);

// A BSN, the n-th well-formed one from 100000000 on.
std::string BsnNumber(uint64_t n);

egov::civil::v1::PartialDate Date(uint32_t year, uint32_t month = 0, uint32_t day = 0);

v1::Name LatinName(const std::string& given, const std::string& family);

// A living person with everything that a registrar must know, born on the day.
v1::Person SomePerson(const std::string& code, const egov::civil::v1::PartialDate& born);

// The person of CodeNumber(n): name, birth, residence; no parents. About 300 bytes.
v1::Person Citizen(uint64_t n);

}  // namespace egov::population::testing

#endif  // EGOV_SERVICES_POPULATION_TESTING_BUILDERS_H_
