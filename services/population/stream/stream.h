// The file of people that `egovctl population generate` and `import` write and `load` reads.
//
//   "EGOVPOP1"        magic and version
//   id[16]            names the content; `load` derives the request_id of each window from it and
//   the window's first number,
//                     so a load that was cut goes on where it was, and what was taken in is not
//                     taken in twice
//   u64 seed          of a generated nation; 0 for an import
//   u64 count         how many people follow
//   count times       varint length | egov.population.v1.Person        parents before their
//   children
//
// Integers big-endian; the varint as Protocol Buffers write it. Thread safety: one thread at a
// time. Cost: one copy through a buffer of 1 MiB. Errors: DATA_LOSS BAD_STREAM (not such a file, or
// broken), TRUNCATED_STREAM (ends before `count`); FAILED_PRECONDITION FILE_FAILED (the file system said no).
#ifndef EGOV_SERVICES_POPULATION_STREAM_STREAM_H_
#define EGOV_SERVICES_POPULATION_STREAM_STREAM_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/population/v1/person.pb.h"

namespace egov::population {

struct StreamHeader {
  std::string id;  // 16 bytes
  uint64_t seed = 0;
  uint64_t count = 0;
};

// A person's message may have at most this many bytes; a broken length cannot ask for all memory.
inline constexpr size_t kMaxPersonBytes = 1 << 20;

class StreamWriter {
 public:
  // Creates or replaces the file.
  static absl::StatusOr<StreamWriter> Create(const std::string& path, const StreamHeader& header);

  absl::Status Write(const egov::population::v1::Person& person);
  // Flushes and closes; INTERNAL BAD_COUNT when not exactly `count` were written.
  absl::Status Finish();

 private:
  struct CloseFile {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  absl::Status Flush();

  std::unique_ptr<FILE, CloseFile> file_;
  std::string buffer_;
  uint64_t left_ = 0;
};

class StreamReader {
 public:
  static absl::StatusOr<StreamReader> Open(const std::string& path);

  const StreamHeader& header() const { return header_; }
  // How many people were read or skipped.
  uint64_t position() const { return position_; }

  // Reads the next person; false after the last one.
  absl::StatusOr<bool> Next(egov::population::v1::Person* person);
  // The same without parsing; `bytes` is valid until the next call.
  absl::StatusOr<bool> NextBytes(absl::string_view* bytes);
  // Passes over the next `count` people.
  absl::Status Skip(uint64_t count);

 private:
  struct CloseFile {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  // Makes at least `size` bytes available at begin_ unless the file ends first.
  bool Fill(size_t size);

  std::unique_ptr<FILE, CloseFile> file_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  StreamHeader header_;
  uint64_t position_ = 0;
};

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_STREAM_STREAM_H_
