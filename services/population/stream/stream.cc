#include "services/population/stream/stream.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::population {
namespace {

constexpr absl::string_view kMagic = "EGOVPOP1";
constexpr size_t kHeaderSize = 8 + 16 + 8 + 8;
constexpr size_t kBufferSize = 1 << 20;
constexpr size_t kMaxVarint = 5;

absl::Status StreamIo() {
  return base::Error(
      absl::StatusCode::kFailedPrecondition, "FILE_FAILED",
      absl::StrCat("The file of people cannot be opened, read or written: ", std::strerror(errno)));
}

absl::Status BadStream() {
  return base::Error(absl::StatusCode::kDataLoss, "BAD_STREAM",
                     "This is not a file of people, or it is broken.");
}

}  // namespace

absl::StatusOr<StreamWriter> StreamWriter::Create(const std::string& path,
                                                  const StreamHeader& header) {
  if (header.id.size() != 16) {
    return base::Error(absl::StatusCode::kInternal, "BAD_STREAM_ID", "A stream's id has 16 bytes.");
  }
  StreamWriter writer;
  writer.file_.reset(std::fopen(path.c_str(), "wb"));
  if (!writer.file_) return StreamIo();
  writer.left_ = header.count;
  writer.buffer_.append(kMagic.data(), kMagic.size());
  writer.buffer_ += header.id;
  base::AppendU64(header.seed, &writer.buffer_);
  base::AppendU64(header.count, &writer.buffer_);
  return writer;
}

absl::Status StreamWriter::Write(const v1::Person& person) {
  if (left_ == 0)
    return base::Error(absl::StatusCode::kInternal, "BAD_COUNT", "More people than announced.");
  size_t size = person.ByteSizeLong();
  for (; size >= 0x80; size >>= 7) buffer_.push_back(static_cast<char>(size | 0x80));
  buffer_.push_back(static_cast<char>(size));
  person.AppendToString(&buffer_);
  --left_;
  return buffer_.size() < kBufferSize ? absl::OkStatus() : Flush();
}

absl::Status StreamWriter::Flush() {
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size())
    return StreamIo();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status StreamWriter::Finish() {
  EGOV_RETURN_IF_ERROR(Flush());
  if (left_ != 0)
    return base::Error(absl::StatusCode::kInternal, "BAD_COUNT", "Fewer people than announced.");
  return std::fclose(file_.release()) == 0 ? absl::OkStatus() : StreamIo();
}

absl::StatusOr<StreamReader> StreamReader::Open(const std::string& path) {
  StreamReader reader;
  reader.file_.reset(std::fopen(path.c_str(), "rb"));
  if (!reader.file_) return StreamIo();
  std::setvbuf(reader.file_.get(), nullptr, _IONBF, 0);  // our own buffer is enough
  reader.buffer_.resize(kBufferSize + kMaxPersonBytes);
  if (!reader.Fill(kHeaderSize)) return BadStream();
  const absl::string_view bytes(reader.buffer_.data(), kHeaderSize);
  if (bytes.substr(0, 8) != kMagic) return BadStream();
  reader.header_.id = std::string(bytes.substr(8, 16));
  reader.header_.seed = base::ReadU64(bytes.substr(24));
  reader.header_.count = base::ReadU64(bytes.substr(32));
  reader.begin_ += kHeaderSize;
  return reader;
}

bool StreamReader::Fill(size_t size) {
  if (end_ - begin_ >= size) return true;
  std::memmove(&buffer_[0], buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < size) {
    const size_t got = std::fread(&buffer_[end_], 1, buffer_.size() - end_, file_.get());
    if (got == 0) return false;
    end_ += got;
  }
  return true;
}

absl::StatusOr<bool> StreamReader::NextBytes(absl::string_view* bytes) {
  const base::Error truncated(absl::StatusCode::kDataLoss, "TRUNCATED_STREAM",
                              "The file ends before its last person.");
  if (position_ == header_.count) return Fill(1) ? absl::StatusOr<bool>(BadStream()) : false;
  size_t size = 0;
  for (size_t i = 0;; ++i) {
    if (i == kMaxVarint) return BadStream();
    if (!Fill(1)) return truncated;
    const uint8_t byte = static_cast<uint8_t>(buffer_[begin_++]);
    size |= static_cast<size_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) break;
  }
  if (size > kMaxPersonBytes) return BadStream();
  if (!Fill(size)) return truncated;
  *bytes = absl::string_view(buffer_.data() + begin_, size);
  begin_ += size;
  ++position_;
  return true;
}

absl::StatusOr<bool> StreamReader::Next(v1::Person* person) {
  absl::string_view bytes;
  EGOV_ASSIGN_OR_RETURN(const bool more, NextBytes(&bytes));
  if (!more) return false;
  if (!person->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return BadStream();
  return true;
}

absl::Status StreamReader::Skip(uint64_t count) {
  absl::string_view bytes;
  for (; count > 0; --count) {
    EGOV_ASSIGN_OR_RETURN(const bool more, NextBytes(&bytes));
    if (!more)
      return base::Error(absl::StatusCode::kDataLoss, "TRUNCATED_STREAM",
                         "There are fewer people.");
  }
  return absl::OkStatus();
}

}  // namespace egov::population
