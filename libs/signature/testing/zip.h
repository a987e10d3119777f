// ZIP files with any entries, for tests of what must be refused.
#ifndef EGOV_LIBS_SIGNATURE_TESTING_ZIP_H_
#define EGOV_LIBS_SIGNATURE_TESTING_ZIP_H_

#include <zip.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace egov::signature::testing {

struct Entry {
  std::string name, content;
  bool deflated = true;
};

inline std::string Manifest(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string xml =
      "<?xml version=\"1.0\"?><manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:"
      "xmlns:manifest:1.0\" manifest:version=\"1.2\">";
  for (const auto& [path, type] : entries) {
    absl::StrAppend(&xml, "<manifest:file-entry manifest:full-path=\"", path,
                    "\" manifest:media-type=\"", type, "\"/>");
  }
  return xml + "</manifest:manifest>";
}

// Whatever entries are asked for, as libzip writes them.
inline std::string Zip(const std::vector<Entry>& entries) {
  zip_source_t* source = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(source);
  zip_t* archive = zip_open_from_source(source, ZIP_TRUNCATE, nullptr);
  for (const Entry& entry : entries) {
    const auto at =
        zip_file_add(archive, entry.name.c_str(),
                     zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0),
                     ZIP_FL_ENC_UTF_8);
    zip_set_file_compression(archive, at, entry.deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  if (zip_close(archive) != 0) std::abort();
  zip_stat_t facts;
  zip_source_stat(source, &facts);
  zip_source_open(source);
  std::string bytes(facts.size, '\0');
  zip_source_read(source, &bytes[0], bytes.size());
  zip_source_close(source);
  zip_source_free(source);
  return bytes;
}

}  // namespace egov::signature::testing

#endif  // EGOV_LIBS_SIGNATURE_TESTING_ZIP_H_
