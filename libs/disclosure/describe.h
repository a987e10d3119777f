// A contract in words: what `egovctl contract` prints for a method, as data.
#ifndef EGOV_LIBS_DISCLOSURE_DESCRIBE_H_
#define EGOV_LIBS_DISCLOSURE_DESCRIBE_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "egov/exchange/v1/contract.pb.h"
#include "libs/disclosure/contract.h"

namespace egov::disclosure {

struct DescribedItem {
  std::string name;
  std::vector<std::string> fields;  // of the answer, by path; empty: told by silence only
};

struct DescribedRefusal {
  std::string reason, code, when;
  bool common = false;  // every method with this authority has it
};

struct DescribedMethod {
  std::string path;                         // "/egov.population.v1.PopulationService/GetPerson"
  std::string shape;                        // "read", "write", "query", "load", "feed"
  std::string authority;                    // "right", "officer"
  std::vector<std::string> asked_subjects;  // fields of the question that name whom it is about
  std::vector<std::string> told_subjects;   // fields of the answer that name whom it tells about
  std::vector<DescribedItem> items;         // sorted
  std::string silence;                      // the item told by not being named; mostly empty
  std::vector<DescribedRefusal> refusals;   // its own first
};

// The refusals of libs/access that a method of this authority has.
std::vector<egov::exchange::v1::Refusal> AccessRefusals(egov::exchange::v1::Authority authority);

// `common`: refusals of the exchange itself, which every method has besides those of access.
DescribedMethod Describe(const Contract& contract,
                         absl::Span<const egov::exchange::v1::Refusal> common = {});

}  // namespace egov::disclosure

#endif  // EGOV_LIBS_DISCLOSURE_DESCRIBE_H_
