#include "libs/signature/internal/zip.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::signature::internal {
namespace {

constexpr absl::string_view kLocal = "PK\x03\x04";
constexpr absl::string_view kCentral = "PK\x01\x02";
constexpr absl::string_view kEnd = "PK\x05\x06";
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
constexpr uint16_t kEncrypted = 1 << 0, kDescriptor = 1 << 3, kStrongEncryption = 1 << 6,
                   kUtf8 = 1 << 11, kMasked = 1 << 13;
constexpr uint32_t kZip64 = 0xFFFFFFFF;

uint32_t Number(absl::string_view bytes, size_t at, int size) {
  uint32_t value = 0;
  for (int i = size - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}
uint16_t Two(absl::string_view bytes, size_t at) { return Number(bytes, at, 2); }
uint32_t Four(absl::string_view bytes, size_t at) { return Number(bytes, at, 4); }

void Put(uint32_t value, int size, std::string* out) {
  for (int i = 0; i < size; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

absl::Status Bad(absl::string_view why) {
  return BadContainer("BAD_CONTAINER", absl::StrCat("not a sound ZIP file: ", why));
}

// The end record: the last one whose comment ends with the file.
absl::StatusOr<std::string> FindEnd(uint64_t size, const ReadAt& read) {
  const size_t tail_size = static_cast<size_t>(std::min<uint64_t>(size, kEndSize + 0xFFFF));
  const std::string tail = read(size - tail_size, tail_size);
  if (tail.size() != tail_size || tail_size < kEndSize) return Bad("too short");
  for (size_t at = tail.size() - kEndSize + 1; at-- > 0;) {
    if (tail.compare(at, 4, kEnd.data(), 4) != 0) continue;
    if (at + kEndSize + Two(tail, at + 20) == tail.size()) return tail.substr(at);
    break;  // an end record inside the comment of another could be read either way
  }
  return Bad("no end of its directory");
}

absl::StatusOr<ZipEntry> ReadCentral(absl::string_view central, size_t* at) {
  if (central.size() - *at < kCentralSize || central.substr(*at, 4) != kCentral) {
    return Bad("its directory is malformed");
  }
  const absl::string_view record = central.substr(*at);
  const size_t name = Two(record, 28), extra = Two(record, 30), comment = Two(record, 32);
  if (record.size() < kCentralSize + name + extra + comment) return Bad("its directory ends early");
  const uint16_t flags = Two(record, 8), method = Two(record, 10);
  if ((flags & (kEncrypted | kStrongEncryption | kMasked)) != 0) return Bad("it is encrypted");
  if (method != 0 && method != Z_DEFLATED) return Bad("neither stored nor deflated");
  ZipEntry entry;
  entry.name = std::string(record.substr(kCentralSize, name));
  entry.deflated = method == Z_DEFLATED;
  entry.crc = Four(record, 16);
  entry.packed = Four(record, 20);
  entry.size = Four(record, 24);
  entry.offset = Four(record, 42);
  if (Two(record, 34) != 0) return Bad("it is split");
  if (entry.packed == kZip64 || entry.size == kZip64 || entry.offset == kZip64) {
    return Bad("ZIP64 is not accepted");
  }
  if (!entry.deflated && entry.packed != entry.size) return Bad("a stored entry has two sizes");
  *at += kCentralSize + name + extra + comment;
  return entry;
}

// The local header has to say the same; with a descriptor its sizes may be zero. Returns where the
// entry's data ends.
absl::StatusOr<uint64_t> CheckLocal(const ReadAt& read, ZipEntry* entry) {
  const std::string header = read(entry->offset, kLocalSize + entry->name.size());
  if (header.size() != kLocalSize + entry->name.size() ||
      header.compare(0, 4, kLocal.data(), 4) != 0) {
    return Bad("an entry is not where the directory says");
  }
  if (Two(header, 26) != entry->name.size() || header.substr(kLocalSize) != entry->name) {
    return Bad("an entry has two names");
  }
  const uint16_t flags = Two(header, 6);
  if ((flags & (kEncrypted | kStrongEncryption | kMasked)) != 0) return Bad("it is encrypted");
  if (Two(header, 8) != (entry->deflated ? Z_DEFLATED : 0)) return Bad("an entry has two methods");
  const bool later = (flags & kDescriptor) != 0;
  const auto agrees = [&](size_t at, uint64_t value) {
    return Four(header, at) == value || (later && Four(header, at) == 0);
  };
  if (!agrees(14, entry->crc) || !agrees(18, entry->packed) || !agrees(22, entry->size)) {
    return Bad("an entry has two sizes");
  }
  entry->extra = Two(header, 28);
  return entry->offset + kLocalSize + entry->name.size() + entry->extra + entry->packed;
}

std::string Deflate(absl::string_view content) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(&packed[0]);
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

absl::Status BadContainer(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}

absl::StatusOr<ZipDirectory> ReadZipDirectory(uint64_t size, const ReadAt& read,
                                              const ContainerLimits& limits) {
  if (size > limits.max_bytes) return BadContainer("TOO_LARGE", "the container is too large");
  EGOV_ASSIGN_OR_RETURN(const std::string end, FindEnd(size, read));
  const size_t count = Two(end, 10);
  if (Two(end, 4) != 0 || Two(end, 6) != 0 || Two(end, 8) != count) return Bad("it is split");
  if (count == 0xFFFF || Four(end, 12) == kZip64 || Four(end, 16) == kZip64) {
    return Bad("ZIP64 is not accepted");
  }
  if (count > limits.max_entries) {
    return BadContainer("TOO_MANY_ENTRIES", "the container has too many entries");
  }
  ZipDirectory directory;
  directory.begin = Four(end, 16);
  directory.comment = end.substr(kEndSize);
  // Nothing between directory and end record, nothing before the first entry: no other ZIP hides.
  if (directory.begin + Four(end, 12) + end.size() != size) return Bad("bytes that belong nowhere");
  directory.central = read(directory.begin, Four(end, 12));
  if (directory.central.size() != Four(end, 12)) return Bad("its directory ends early");
  uint64_t unpacked = 0;
  for (size_t at = 0; at < directory.central.size();) {
    EGOV_ASSIGN_OR_RETURN(ZipEntry entry, ReadCentral(directory.central, &at));
    unpacked += entry.size;
    if (unpacked > limits.max_unpacked) {
      return BadContainer("ZIP_BOMB", "the container unpacks to too much");
    }
    if (entry.size > (uint64_t{1} << 20) && entry.size / limits.max_ratio > entry.packed) {
      return BadContainer("ZIP_BOMB", "an entry unpacks to too many times its size");
    }
    directory.entries.push_back(std::move(entry));
  }
  if (directory.entries.size() != count) return Bad("its directory has another length");

  std::vector<ZipEntry*> in_order;
  for (ZipEntry& entry : directory.entries) in_order.push_back(&entry);
  std::sort(in_order.begin(), in_order.end(),
            [](const ZipEntry* a, const ZipEntry* b) { return a->offset < b->offset; });
  uint64_t free_from = 0;
  for (ZipEntry* entry : in_order) {
    if (entry->offset < free_from) return BadContainer("ZIP_BOMB", "entries share their bytes");
    // A descriptor of 12 or 16 bytes may stand between two entries; more would be a hidden one.
    if (entry->offset - free_from > (free_from == 0 ? 0 : 16)) {
      return Bad("bytes that belong nowhere");
    }
    EGOV_ASSIGN_OR_RETURN(free_from, CheckLocal(read, entry));
  }
  if (free_from > directory.begin || directory.begin - free_from > 16) {
    return Bad("bytes that belong nowhere");
  }
  return directory;
}

absl::StatusOr<std::string> ZipTailWith(const ZipDirectory& directory, absl::string_view name,
                                        absl::string_view content) {
  const std::string packed = Deflate(content);
  const uint32_t crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  const uint64_t central = directory.begin + kLocalSize + name.size() + packed.size();
  if (central + directory.central.size() + kCentralSize + name.size() >= kZip64) {
    return BadContainer("TOO_LARGE", "the container would need ZIP64");
  }
  // From "version needed" to "extra length", the same in both headers.
  std::string common;
  Put(20, 2, &common);
  Put(kUtf8, 2, &common);
  Put(Z_DEFLATED, 2, &common);
  Put(0, 2, &common);     // 00:00, on
  Put(0x21, 2, &common);  // 1980-01-01: the signature says when
  Put(crc, 4, &common);
  Put(static_cast<uint32_t>(packed.size()), 4, &common);
  Put(static_cast<uint32_t>(content.size()), 4, &common);
  Put(static_cast<uint32_t>(name.size()), 2, &common);
  Put(0, 2, &common);

  std::string tail = absl::StrCat(kLocal, common, name, packed, directory.central);
  std::string record(kCentral);
  Put(20, 2, &record);
  record += common;
  Put(0, 2, &record);  // comment
  Put(0, 2, &record);  // disk
  Put(0, 2, &record);  // internal attributes
  Put(0, 4, &record);  // external attributes
  Put(static_cast<uint32_t>(directory.begin), 4, &record);
  absl::StrAppend(&tail, record, name);
  absl::StrAppend(&tail, kEnd);
  Put(0, 4, &tail);
  const uint32_t count = static_cast<uint32_t>(directory.entries.size() + 1);
  Put(count, 2, &tail);
  Put(count, 2, &tail);
  Put(static_cast<uint32_t>(directory.central.size() + record.size() + name.size()), 4, &tail);
  Put(static_cast<uint32_t>(central), 4, &tail);
  Put(static_cast<uint32_t>(directory.comment.size()), 2, &tail);
  tail += directory.comment;
  return tail;
}

}  // namespace egov::signature::internal
