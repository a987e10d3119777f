// Whole files. What egovctl writes is about people: only its owner may read it.
//
// Thread safety: free functions; a NewFile belongs to one thread at a time. Errors: NOT_FOUND
// NO_FILE, FAILED_PRECONDITION FILE_FAILED; they name the path.
#ifndef EGOV_SERVICES_CTL_FILES_H_
#define EGOV_SERVICES_CTL_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::ctl {

// Whether the bytes are UTF-8.
bool IsText(absl::string_view bytes);

// What some editors put before a text.
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// "-" is stdin.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// A file that was written beside its place and has not got its name yet. Without it, it goes.
class NewFile {
 public:
  // Writes the pieces; `durable`: and syncs them, for what cannot be made again.
  static absl::StatusOr<NewFile> Write(const std::string& path,
                                       const std::vector<absl::string_view>& pieces,
                                       bool durable = false);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  // Gives it its name, in place of the file that had it.
  absl::Status Publish();

 private:
  explicit NewFile(const std::string& path);

  std::string path_;
  std::string beside_;  // where it is; empty once it is there no more
};

// A new file, published at once.
absl::Status WriteFile(const std::string& path, const std::vector<absl::string_view>& pieces,
                       bool durable = false);

// Makes a folder and those above it, for the owner only.
absl::Status MakeFolder(const std::string& path);

bool FileExists(const std::string& path);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_FILES_H_
