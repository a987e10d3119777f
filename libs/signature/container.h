// An ASiC-E container with XAdES signatures (ETSI EN 319 162-1 clause 4.4): a ZIP file of data
// files, a manifest and META-INF/*signatures*.xml. Opening one proves nothing about its signatures:
// see validate.h.
//
// What is opened comes from strangers, so everything that two readers could understand differently
// is refused: see Container::Open. Contents stream; no data file is ever held whole.
//
// Thread safety: a Container belongs to one thread at a time; the rest are values and free
// functions. Cost: opening reads the directory, the manifest and the signatures; data files are
// read when asked for, about 280 MB/s.
#ifndef EGOV_LIBS_SIGNATURE_CONTAINER_H_
#define EGOV_LIBS_SIGNATURE_CONTAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::signature {

constexpr absl::string_view kAsicEMediaType = "application/vnd.etsi.asic-e+zip";

// What a container may cost its reader.
struct ContainerLimits {
  uint64_t max_bytes = uint64_t{2} << 30;     // of the container itself
  uint64_t max_unpacked = uint64_t{2} << 30;  // of everything in it together
  size_t max_entries = 1000;
  // An entry that unpacks to more than a megabyte may be so many times as large as it is packed
  // (DEFLATE itself reaches 1,032).
  uint64_t max_ratio = 100;
  size_t max_manifest = size_t{1} << 20;
  size_t max_signature = size_t{4} << 20;  // one signature file, its revocation data included
  size_t max_signatures = 100;
};

enum class Hash { kSha256, kSha384, kSha512 };

struct DataFile {
  std::string name;        // UTF-8, '/' between folders
  std::string media_type;  // as the manifest says
  uint64_t size = 0;       // bytes, never zero
};

struct SignatureFile {
  std::string name;  // "META-INF/signatures0.xml"
  std::string xml;
};

// One data file, read in pieces.
class DataFileReader {
 public:
  virtual ~DataFileReader() = default;
  // Fills up to `size` bytes and returns how many; zero at the end. BAD_CONTAINER when the content
  // does not agree with its checksum or size.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

class Container {
 public:
  // Errors are INVALID_ARGUMENT unless said otherwise, by reason:
  //   BAD_CONTAINER         not a ZIP file, or one whose parts contradict each other; ZIP64,
  //                         encryption, other methods than stored and deflated, split archives
  //   TOO_LARGE, TOO_MANY_ENTRIES, ZIP_BOMB   beyond the limits; entries that share their bytes
  //   BAD_NAME              leads out of the folder it is unpacked in, or cannot be a file's name
  //   DUPLICATE_NAME        two entries of one name, letter case aside
  //   EMPTY_FILE, NO_FILES  a data file without content; no data file
  //   MIMETYPE_MISSING, MIMETYPE_NOT_FIRST, MIMETYPE_COMPRESSED, WRONG_MEDIA_TYPE
  //                         EN 319 162-1 annex A.1
  //   NO_MANIFEST, BAD_MANIFEST, MANIFEST_DUPLICATE, NOT_IN_MANIFEST, MANIFEST_DANGLING
  //                         META-INF/manifest.xml and the data files must name each other, each
  //                         once
  static absl::StatusOr<Container> FromBytes(std::string bytes, const ContainerLimits& limits = {});
  // The same of a file, which must stay as it is. NOT_FOUND/NO_FILE when it cannot be read.
  static absl::StatusOr<Container> Open(const std::string& path,
                                        const ContainerLimits& limits = {});
  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  ~Container();

  const std::vector<DataFile>& files() const;
  const std::vector<SignatureFile>& signatures() const;

  // Opens a data file for reading from its beginning; the reader must not outlive the container.
  // NOT_FOUND/NO_FILE.
  absl::StatusOr<std::unique_ptr<DataFileReader>> OpenFile(absl::string_view name) const;
  // The digest of a whole data file.
  absl::StatusOr<std::string> Digest(absl::string_view name, Hash hash) const;

 private:
  struct Impl;
  explicit Container(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A data file for a new container: bytes at hand, or a file that is read while the container is
// written.
struct NewFile {
  std::string name;
  std::string media_type;
  std::string bytes;
  std::string path;  // read instead of `bytes` when not empty
};

// A container without signatures. The rules of Container::Open hold; BAD_NAME, DUPLICATE_NAME,
// EMPTY_FILE, NO_FILES, WRONG_MEDIA_TYPE, TOO_LARGE, NOT_FOUND/NO_FILE say what does not fit.
absl::StatusOr<std::string> CreateContainer(const std::vector<NewFile>& files);
// The same as a file: written beside it, synced, renamed into place. UNAVAILABLE/NOT_WRITTEN.
absl::Status CreateContainerFile(const std::string& path, const std::vector<NewFile>& files);

// The container with one more signature file. Every byte before the ZIP's central directory stays
// as it was, so no other signature and no data file can be touched. The container must open; the
// signature must be one (sign.h): BAD_SIGNATURE_FILE, or an error of Container::Open.
absl::StatusOr<std::string> WithSignature(absl::string_view container, absl::string_view xml);
// The same in place: written beside it, synced, renamed.
absl::Status AddSignature(const std::string& path, absl::string_view xml);

}  // namespace egov::signature

#endif  // EGOV_LIBS_SIGNATURE_CONTAINER_H_
