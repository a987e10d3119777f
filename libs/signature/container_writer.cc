// Writing containers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/signature/container.h"
#include "libs/signature/internal/names.h"
#include "libs/signature/internal/xades.h"
#include "libs/signature/internal/xml.h"
#include "libs/signature/internal/zip.h"

namespace egov::signature {

using internal::BadContainer;

namespace {

// "type/subtype", what else it says is the sender's affair (RFC 6838 section 4.2).
bool IsMediaType(absl::string_view type) {
  const size_t slash = type.find('/');
  if (slash == absl::string_view::npos || slash == 0 || slash + 1 == type.size()) return false;
  for (const char c : type) {
    if (!absl::ascii_isgraph(c) && c != ' ') return false;
  }
  return type.size() <= 255;
}

absl::Status Check(const std::vector<NewFile>& files) {
  if (files.empty()) return BadContainer("NO_FILES", "a container needs a data file");
  if (files.size() + 2 > ContainerLimits().max_entries) {
    return BadContainer("TOO_MANY_ENTRIES", "too many data files");
  }
  std::set<std::string> seen;
  uint64_t total = 0;
  for (const NewFile& file : files) {
    if (!internal::IsDataFileName(file.name)) {
      return BadContainer("BAD_NAME", "a data file cannot have this name");
    }
    if (!seen.insert(absl::AsciiStrToLower(file.name)).second) {
      return BadContainer("DUPLICATE_NAME", "two data files have one name");
    }
    if (!IsMediaType(file.media_type)) {
      return BadContainer("WRONG_MEDIA_TYPE", "a data file has no media type");
    }
    uint64_t size = file.bytes.size();
    if (!file.path.empty()) {
      struct stat facts {};
      if (stat(file.path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        return base::Error(absl::StatusCode::kNotFound, "NO_FILE", "a data file cannot be read");
      }
      size = static_cast<uint64_t>(facts.st_size);
    }
    if (size == 0) return BadContainer("EMPTY_FILE", "a data file is empty");
    total += size;
  }
  if (total > ContainerLimits().max_unpacked) {
    return BadContainer("TOO_LARGE", "the data files are too large together");
  }
  return absl::OkStatus();
}

std::string ManifestOf(const std::vector<NewFile>& files) {
  std::string xml = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest:manifest xmlns:manifest=\"",
      internal::kManifest, "\" manifest:version=\"1.2\">\n");
  const auto add = [&](absl::string_view path, absl::string_view type) {
    absl::StrAppend(&xml, "  <manifest:file-entry manifest:full-path=\"", internal::Escape(path),
                    "\" manifest:media-type=\"", internal::Escape(type), "\"/>\n");
  };
  add("/", kAsicEMediaType);
  for (const NewFile& file : files) add(file.name, file.media_type);
  return xml + "</manifest:manifest>\n";
}

// Adds everything to an archive that is open for writing; libzip reads the sources when it closes.
bool Fill(zip_t* archive, const std::vector<NewFile>& files, const std::string& manifest,
          zip_int32_t method) {
  const auto add = [&](const std::string& name, zip_source_t* source, zip_int32_t how) {
    if (source == nullptr) return false;
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return false;
    }
    return zip_set_file_compression(archive, index, how, 0) == 0;
  };
  const auto of_bytes = [&](absl::string_view bytes) {
    return zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  };
  if (!add(std::string(internal::kMimetype), of_bytes(kAsicEMediaType), ZIP_CM_STORE)) return false;
  for (const NewFile& file : files) {
    zip_source_t* source = file.path.empty() ? of_bytes(file.bytes)
                                             : zip_source_file(archive, file.path.c_str(), 0, -1);
    if (!add(file.name, source, method)) return false;
  }
  return add(std::string(internal::kManifestName), of_bytes(manifest), ZIP_CM_DEFLATE);
}

absl::Status NotWritten() {
  return base::Error(absl::StatusCode::kUnavailable, "NOT_WRITTEN",
                     "the container could not be written");
}

// A file beside `path`, removed unless it is renamed into place.
class Replacement {
 public:
  explicit Replacement(const std::string& path) : path_(path) {
    char random[8];
    base::RandomBytes(random, sizeof(random));
    temporary_ = absl::StrCat(path, ".", base::ToHex(absl::string_view(random, 8)), ".part");
  }
  ~Replacement() {
    if (!done_) unlink(temporary_.c_str());
  }
  const std::string& temporary() const { return temporary_; }

  absl::Status Commit() {
    const int fd = open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (!synced || rename(temporary_.c_str(), path_.c_str()) != 0) return NotWritten();
    done_ = true;
    const size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const int folder_fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool named = folder_fd >= 0 && fsync(folder_fd) == 0;
    if (folder_fd >= 0) close(folder_fd);
    return named ? absl::OkStatus() : NotWritten();
  }

 private:
  const std::string path_;
  std::string temporary_;
  bool done_ = false;
};

// The first of "META-INF/signatures0.xml", "...1.xml" that is free.
std::string FreeName(const internal::ZipDirectory& directory) {
  std::set<std::string> taken;
  for (const auto& entry : directory.entries) taken.insert(absl::AsciiStrToLower(entry.name));
  for (int i = 0;; ++i) {
    const std::string name = absl::StrCat(internal::kMeta, "signatures", i, ".xml");
    if (taken.count(absl::AsciiStrToLower(name)) == 0) return name;
  }
}

absl::Status CheckRoom(const Container& container, absl::string_view xml) {
  const auto signature = internal::ParseSignature(xml);
  if (!signature.ok()) {
    return BadContainer("BAD_SIGNATURE_FILE",
                        absl::StrCat("not a signature: ", signature.status().message()));
  }
  if (xml.size() > ContainerLimits().max_signature) {
    return BadContainer("TOO_LARGE", "the signature is too large");
  }
  if (container.signatures().size() >= ContainerLimits().max_signatures) {
    return BadContainer("TOO_MANY_ENTRIES", "the container has no room for another signature");
  }
  return absl::OkStatus();
}

}  // namespace

namespace {

absl::StatusOr<std::string> Write(const std::vector<NewFile>& files, zip_int32_t method) {
  const std::string manifest = ManifestOf(files);
  zip_source_t* source = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  // The archive takes our reference; another one outlives its closing.
  zip_source_keep(source);
  zip_t* archive = zip_open_from_source(source, ZIP_TRUNCATE, nullptr);
  absl::StatusOr<std::string> bytes = NotWritten();
  if (archive == nullptr) {
    zip_source_free(source);
  } else if (!Fill(archive, files, manifest, method) || zip_close(archive) != 0) {
    zip_discard(archive);
  } else if (zip_stat_t facts;
             zip_source_stat(source, &facts) == 0 && zip_source_open(source) == 0) {
    std::string content(facts.size, '\0');
    const zip_int64_t got = zip_source_read(source, &content[0], content.size());
    if (got == static_cast<zip_int64_t>(content.size())) bytes = std::move(content);
    zip_source_close(source);
  }
  zip_source_free(source);
  // As others will see it.
  if (bytes.ok()) EGOV_RETURN_IF_ERROR(Container::FromBytes(*bytes).status());
  return bytes;
}

absl::Status WriteFile(const std::string& path, const std::vector<NewFile>& files,
                       zip_int32_t method) {
  const std::string manifest = ManifestOf(files);
  Replacement file(path);
  zip_t* archive = zip_open(file.temporary().c_str(), ZIP_CREATE | ZIP_EXCL, nullptr);
  if (archive == nullptr) return NotWritten();
  if (!Fill(archive, files, manifest, method) || zip_close(archive) != 0) {
    zip_discard(archive);
    return NotWritten();
  }
  EGOV_RETURN_IF_ERROR(Container::Open(file.temporary()).status());
  return file.Commit();
}

// A file of one repeated line packs so well that readers take it for a bomb.
bool PacksTooWell(const absl::Status& status) {
  const auto detail = base::DetailOf(status);
  return detail && detail->reason == "ZIP_BOMB";
}

}  // namespace

absl::StatusOr<std::string> CreateContainer(const std::vector<NewFile>& files) {
  EGOV_RETURN_IF_ERROR(Check(files));
  auto bytes = Write(files, ZIP_CM_DEFLATE);
  return PacksTooWell(bytes.status()) ? Write(files, ZIP_CM_STORE) : bytes;
}

absl::Status CreateContainerFile(const std::string& path, const std::vector<NewFile>& files) {
  EGOV_RETURN_IF_ERROR(Check(files));
  const absl::Status written = WriteFile(path, files, ZIP_CM_DEFLATE);
  return PacksTooWell(written) ? WriteFile(path, files, ZIP_CM_STORE) : written;
}

absl::StatusOr<std::string> WithSignature(absl::string_view container, absl::string_view xml) {
  EGOV_ASSIGN_OR_RETURN(const Container opened, Container::FromBytes(std::string(container)));
  EGOV_RETURN_IF_ERROR(CheckRoom(opened, xml));
  EGOV_ASSIGN_OR_RETURN(
      const internal::ZipDirectory directory,
      internal::ReadZipDirectory(
          container.size(),
          [&](uint64_t offset, size_t size) { return std::string(container.substr(offset, size)); },
          ContainerLimits()));
  EGOV_ASSIGN_OR_RETURN(const std::string tail,
                        internal::ZipTailWith(directory, FreeName(directory), xml));
  return absl::StrCat(container.substr(0, directory.begin), tail);
}

absl::Status AddSignature(const std::string& path, absl::string_view xml) {
  EGOV_ASSIGN_OR_RETURN(const Container opened, Container::Open(path));
  EGOV_RETURN_IF_ERROR(CheckRoom(opened, xml));
  const int from = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (from < 0 || fstat(from, &facts) != 0) {
    if (from >= 0) close(from);
    return base::Error(absl::StatusCode::kNotFound, "NO_FILE", "the container cannot be read");
  }
  const auto read = [&](uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    const ssize_t got = pread(from, &bytes[0], size, offset);
    bytes.resize(got < 0 ? 0 : got);
    return bytes;
  };
  Replacement file(path);
  const auto write_all = [&]() -> absl::Status {
    EGOV_ASSIGN_OR_RETURN(const internal::ZipDirectory directory,
                          internal::ReadZipDirectory(facts.st_size, read, ContainerLimits()));
    EGOV_ASSIGN_OR_RETURN(const std::string tail,
                          internal::ZipTailWith(directory, FreeName(directory), xml));
    const int to = open(file.temporary().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                        facts.st_mode & 0777);
    if (to < 0) return NotWritten();
    bool ok = true;
    const auto put = [&](absl::string_view bytes) {
      while (ok && !bytes.empty()) {
        const ssize_t put = write(to, bytes.data(), bytes.size());
        ok = put > 0;
        if (ok) bytes.remove_prefix(put);
      }
    };
    for (uint64_t at = 0; ok && at < directory.begin;) {
      const std::string piece =
          read(at, static_cast<size_t>(std::min<uint64_t>(directory.begin - at, 1 << 20)));
      ok = !piece.empty();
      put(piece);
      at += piece.size();
    }
    put(tail);
    ok = close(to) == 0 && ok;
    return ok ? absl::OkStatus() : NotWritten();
  };
  const absl::Status written = write_all();
  close(from);
  EGOV_RETURN_IF_ERROR(written);
  return file.Commit();
}

}  // namespace egov::signature
