// Messages in a file, each behind its length.
#ifndef EGOV_TESTS_LOAD_PARTS_H_
#define EGOV_TESTS_LOAD_PARTS_H_

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace egov::load {

inline absl::Status WriteParts(const std::vector<std::string>& parts, const std::string& path) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (const std::string& part : parts) out << part.size() << '\n' << part;
  return out.flush() ? absl::OkStatus()
                     : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

inline absl::StatusOr<std::vector<std::string>> ReadParts(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> parts;
  size_t size = 0;
  while (in >> size) {
    in.get();
    std::string part(size, '\0');
    if (!in.read(&part[0], static_cast<std::streamsize>(size)))
      return absl::DataLossError(absl::StrCat("cut: ", path));
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_PARTS_H_
