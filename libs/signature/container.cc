// Opening and reading; writing is in container_writer.cc.
#include "libs/signature/container.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/signature/internal/digest.h"
#include "libs/signature/internal/names.h"
#include "libs/signature/internal/xml.h"
#include "libs/signature/internal/zip.h"

namespace egov::signature {

using internal::BadContainer;

struct Container::Impl {
  ~Impl() {
    if (archive != nullptr) zip_discard(archive);
  }
  std::string bytes;  // when opened from memory; libzip reads them where they are
  zip_t* archive = nullptr;
  std::vector<DataFile> files;
  std::vector<SignatureFile> signatures;
  absl::flat_hash_map<std::string, uint64_t> index;  // of data files, in the archive
};

namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Streams one entry. What it unpacks to must be as long as the directory says, no byte more.
class EntryReader final : public DataFileReader {
 public:
  EntryReader(zip_file_t* file, uint64_t size) : file_(file), left_(size) {}
  ~EntryReader() override { zip_fclose(file_); }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const zip_int64_t got = zip_fread(file_, buffer, size);
    if (got < 0 || static_cast<uint64_t>(got) > left_ || (got == 0 && size > 0 && left_ != 0)) {
      return BadContainer("BAD_CONTAINER", "an entry's content is not what its checksum says");
    }
    left_ -= got;
    return static_cast<size_t>(got);
  }

 private:
  zip_file_t* const file_;
  uint64_t left_;
};

absl::StatusOr<std::unique_ptr<DataFileReader>> OpenEntry(zip_t* archive, uint64_t index,
                                                          uint64_t size) {
  zip_file_t* file = zip_fopen_index(archive, index, 0);
  if (file == nullptr) return BadContainer("BAD_CONTAINER", "an entry cannot be read");
  return std::make_unique<EntryReader>(file, size);
}

absl::StatusOr<std::string> ReadWhole(zip_t* archive, uint64_t index, uint64_t size) {
  EGOV_ASSIGN_OR_RETURN(const auto reader, OpenEntry(archive, index, size));
  // A byte more than expected, so that the end, and with it the checksum, is reached.
  std::string content(size + 1, '\0');
  size_t done = 0;
  for (;;) {
    EGOV_ASSIGN_OR_RETURN(const size_t got, reader->Read(&content[done], content.size() - done));
    if (got == 0) break;
    done += got;
  }
  content.resize(done);
  return content;
}

// Readers trim what editors leave around the media type; so do we.
absl::string_view TrimMediaType(absl::string_view text) {
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) text.remove_prefix(3);
  return absl::StripAsciiWhitespace(text);
}

absl::Status CheckMimetype(zip_t* archive, const internal::ZipDirectory& directory) {
  const auto at =
      std::find_if(directory.entries.begin(), directory.entries.end(),
                   [](const internal::ZipEntry& e) { return e.name == internal::kMimetype; });
  if (at == directory.entries.end()) {
    return BadContainer("MIMETYPE_MISSING", "the container does not say that it is ASiC-E");
  }
  if (at->offset != 0) return BadContainer("MIMETYPE_NOT_FIRST", "mimetype is not the first entry");
  // Programs look for it at byte 38 (EN 319 162-1 annex A.1): no extra field before it.
  if (at->deflated || at->extra != 0) {
    return BadContainer("MIMETYPE_COMPRESSED", "mimetype is compressed or has an extra field");
  }
  if (at->size > 256) return BadContainer("WRONG_MEDIA_TYPE", "mimetype is no media type");
  EGOV_ASSIGN_OR_RETURN(const std::string content,
                        ReadWhole(archive, at - directory.entries.begin(), at->size));
  if (TrimMediaType(content) != kAsicEMediaType) {
    return BadContainer("WRONG_MEDIA_TYPE", "the container is of another kind than ASiC-E");
  }
  return absl::OkStatus();
}

// Media types by name, without the entry of the container itself.
absl::StatusOr<absl::flat_hash_map<std::string, std::string>> ReadManifest(absl::string_view xml) {
  EGOV_ASSIGN_OR_RETURN(const internal::XmlDocPtr doc,
                        internal::ParseXml(xml, "BAD_MANIFEST", "the manifest"));
  const xmlNode* root = xmlDocGetRootElement(doc.get());
  if (!internal::Is(root, internal::kManifest, "manifest")) {
    return BadContainer("BAD_MANIFEST", "the manifest is of another kind");
  }
  absl::flat_hash_map<std::string, std::string> types;
  for (const xmlNode* entry : internal::Children(root)) {
    const auto path = internal::Attribute(entry, internal::kManifest, "full-path");
    const auto type = internal::Attribute(entry, internal::kManifest, "media-type");
    if (!internal::Is(entry, internal::kManifest, "file-entry") || !path || !type) {
      return BadContainer("BAD_MANIFEST", "the manifest has an entry without a path or type");
    }
    if (!types.emplace(*path, *type).second) {
      return BadContainer("MANIFEST_DUPLICATE", "the manifest names an entry twice");
    }
  }
  const auto itself = types.find("/");
  if (itself == types.end() || itself->second != kAsicEMediaType) {
    return BadContainer("BAD_MANIFEST", "the manifest does not give the container's media type");
  }
  types.erase(itself);
  return types;
}

}  // namespace

bool internal::IsDataFileName(absl::string_view name) {
  if (name.empty() || name.size() > 1024 || !IsUtf8(name) || name == kMimetype) return false;
  if (name.front() == '/' || name.back() == '/' || absl::StartsWithIgnoreCase(name, kMeta)) {
    return false;
  }
  if (absl::EqualsIgnoreCase(name, "META-INF")) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') return false;
  }
  // A drive's letter, a stream of a file.
  if (absl::StrContains(name, ":")) return false;
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

namespace {

// Before libzip sees the file, which says no more of this than that something is wrong.
absl::Status CheckNames(const internal::ZipDirectory& directory) {
  std::set<std::string> seen;
  for (const internal::ZipEntry& entry : directory.entries) {
    if (!seen.insert(absl::AsciiStrToLower(entry.name)).second) {
      return BadContainer("DUPLICATE_NAME", "two entries have one name");
    }
    if (entry.name == internal::kMimetype || entry.name == internal::kMeta) continue;
    const bool meta = absl::StartsWith(entry.name, internal::kMeta);
    if (!internal::IsDataFileName(
            absl::string_view(entry.name).substr(meta ? internal::kMeta.size() : 0))) {
      return BadContainer("BAD_NAME", "an entry has a name that no file may have");
    }
    if (!meta && entry.size == 0) return BadContainer("EMPTY_FILE", "a data file is empty");
  }
  return absl::OkStatus();
}

// Sorts the entries out: data files against the manifest, signatures.
absl::Status Sort(const internal::ZipDirectory& directory, const ContainerLimits& limits,
                  zip_t* archive, absl::flat_hash_map<std::string, uint64_t>* index,
                  std::vector<DataFile>* files, std::vector<SignatureFile>* signatures) {
  absl::optional<std::string> manifest;
  for (size_t i = 0; i < directory.entries.size(); ++i) {
    const internal::ZipEntry& entry = directory.entries[i];
    if (entry.name == internal::kMimetype) continue;
    if (!absl::StartsWith(entry.name, internal::kMeta)) {
      files->push_back({entry.name, "", entry.size});
      index->emplace(entry.name, i);
    } else if (entry.name == internal::kManifestName) {
      if (entry.size > limits.max_manifest) {
        return BadContainer("TOO_LARGE", "the manifest is too large");
      }
      EGOV_ASSIGN_OR_RETURN(manifest, ReadWhole(archive, i, entry.size));
    } else if (internal::IsSignatureName(entry.name)) {
      if (entry.size > limits.max_signature) {
        return BadContainer("TOO_LARGE", "a signature is too large");
      }
      if (signatures->size() == limits.max_signatures) {
        return BadContainer("TOO_MANY_ENTRIES", "the container has too many signatures");
      }
      EGOV_ASSIGN_OR_RETURN(std::string xml, ReadWhole(archive, i, entry.size));
      signatures->push_back({entry.name, std::move(xml)});
    }
    // Other things in META-INF (a folder's own entry, an archive manifest) are nobody's data.
  }
  if (files->empty()) return BadContainer("NO_FILES", "the container has no data file");
  if (!manifest) return BadContainer("NO_MANIFEST", "the container has no manifest");
  EGOV_ASSIGN_OR_RETURN(auto types, ReadManifest(*manifest));
  for (DataFile& file : *files) {
    const auto type = types.find(file.name);
    if (type == types.end()) {
      return BadContainer("NOT_IN_MANIFEST", "the manifest lacks a data file");
    }
    file.media_type = type->second;
    types.erase(type);
  }
  if (!types.empty()) {
    return BadContainer("MANIFEST_DANGLING", "the manifest names a file that is not there");
  }
  return absl::OkStatus();
}

}  // namespace

Container::Container(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

absl::StatusOr<Container> Container::FromBytes(std::string bytes, const ContainerLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->bytes = std::move(bytes);
  const std::string& all = impl->bytes;
  EGOV_ASSIGN_OR_RETURN(const internal::ZipDirectory directory,
                        internal::ReadZipDirectory(
                            all.size(),
                            [&](uint64_t offset, size_t size) {
                              return offset > all.size() ? "" : all.substr(offset, size);
                            },
                            limits));
  EGOV_RETURN_IF_ERROR(CheckNames(directory));
  zip_source_t* source = zip_source_buffer_create(all.data(), all.size(), 0, nullptr);
  impl->archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
  if (impl->archive == nullptr) {
    zip_source_free(source);
    return BadContainer("BAD_CONTAINER", "not a sound ZIP file");
  }
  EGOV_RETURN_IF_ERROR(CheckMimetype(impl->archive, directory));
  EGOV_RETURN_IF_ERROR(
      Sort(directory, limits, impl->archive, &impl->index, &impl->files, &impl->signatures));
  return Container(std::move(impl));
}

absl::StatusOr<Container> Container::Open(const std::string& path, const ContainerLimits& limits) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (fd.get() < 0 || fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return base::Error(absl::StatusCode::kNotFound, "NO_FILE", "the container cannot be read");
  }
  EGOV_ASSIGN_OR_RETURN(const internal::ZipDirectory directory,
                        internal::ReadZipDirectory(
                            static_cast<uint64_t>(facts.st_size),
                            [&](uint64_t offset, size_t size) {
                              std::string bytes(size, '\0');
                              size_t done = 0;
                              while (done < size) {
                                const ssize_t got =
                                    pread(fd.get(), &bytes[done], size - done, offset + done);
                                if (got <= 0) break;
                                done += got;
                              }
                              bytes.resize(done);
                              return bytes;
                            },
                            limits));
  EGOV_RETURN_IF_ERROR(CheckNames(directory));
  auto impl = std::make_unique<Impl>();
  // libzip closes what it is given.
  const int own = dup(fd.get());
  impl->archive = zip_fdopen(own, ZIP_CHECKCONS, nullptr);
  if (impl->archive == nullptr) {
    close(own);
    return BadContainer("BAD_CONTAINER", "not a sound ZIP file");
  }
  EGOV_RETURN_IF_ERROR(CheckMimetype(impl->archive, directory));
  EGOV_RETURN_IF_ERROR(
      Sort(directory, limits, impl->archive, &impl->index, &impl->files, &impl->signatures));
  return Container(std::move(impl));
}

const std::vector<DataFile>& Container::files() const { return impl_->files; }
const std::vector<SignatureFile>& Container::signatures() const { return impl_->signatures; }

absl::StatusOr<std::unique_ptr<DataFileReader>> Container::OpenFile(absl::string_view name) const {
  for (const DataFile& file : impl_->files) {
    if (file.name == name) return OpenEntry(impl_->archive, impl_->index.at(file.name), file.size);
  }
  return base::Error(absl::StatusCode::kNotFound, "NO_FILE", "the container has no such data file");
}

absl::StatusOr<std::string> Container::Digest(absl::string_view name, Hash hash) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, OpenFile(name));
  internal::Digester digester(hash);
  std::string buffer(size_t{64} << 10, '\0');
  for (;;) {
    EGOV_ASSIGN_OR_RETURN(const size_t got, reader->Read(&buffer[0], buffer.size()));
    if (got == 0) return digester.Finish();
    digester.Update(absl::string_view(buffer).substr(0, got));
  }
}

}  // namespace egov::signature
