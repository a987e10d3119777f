#include <cstdio>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status.h"
#include "libs/pki/sha256.h"
#include "services/population/importer/importer.h"
#include "services/population/stream/stream.h"

namespace egov::population::importer {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return base::Error(absl::StatusCode::kNotFound, "NO_FILE", "The file cannot be opened.")
        .With("path", path);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad())
    return base::Error(absl::StatusCode::kUnavailable, "FILE_IO", "The file cannot be read.")
        .With("path", path);
  return bytes;
}

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (!out)
    return base::Error(absl::StatusCode::kUnavailable, "FILE_IO", "The file cannot be written.")
        .With("path", path);
  return absl::OkStatus();
}

}  // namespace

std::string ReportTsv(const std::vector<RowReport>& rows) {
  std::string out = "line\toutcome\treason\tcolumn\tnotes\n";
  for (const RowReport& row : rows) {
    const char* outcome = row.outcome == Outcome::kImported  ? "imported"
                          : row.outcome == Outcome::kHistory ? "history"
                                                             : "refused";
    absl::StrAppend(&out, row.line, "\t", outcome, "\t", row.reason, "\t", row.column, "\t",
                    absl::StrJoin(row.notes, "; "), "\n");
  }
  return out;
}

absl::StatusOr<Summary> ImportFiles(const Files& files) {
  EGOV_ASSIGN_OR_RETURN(const std::string json, ReadFile(files.mapping));
  EGOV_ASSIGN_OR_RETURN(const Mapping mapping, ParseMapping(json));
  EGOV_ASSIGN_OR_RETURN(const std::string input, ReadFile(files.in));
  const std::string folder = files.in.substr(0, files.in.rfind('/') + 1);
  EGOV_ASSIGN_OR_RETURN(
      const Imported imported,
      Import(
          mapping, input, [&](const std::string& file) { return ReadFile(folder + file); },
          files.today));
  if (!files.report.empty())
    EGOV_RETURN_IF_ERROR(WriteFile(files.report, ReportTsv(imported.rows)));
  if (!files.out.empty()) {
    // Names the content: the same file read by the same mapping is the same load.
    pki::Sha256 hash;
    hash.Update("egov.population.importer.1");
    for (const v1::Person& person : imported.people) hash.Update(person.SerializeAsString());
    const pki::Digest digest = hash.Finish();
    StreamHeader header;
    header.id = std::string(pki::AsBytes(digest).substr(0, 16));
    header.count = imported.people.size();
    EGOV_ASSIGN_OR_RETURN(StreamWriter writer, StreamWriter::Create(files.out, header));
    for (const v1::Person& person : imported.people) EGOV_RETURN_IF_ERROR(writer.Write(person));
    EGOV_RETURN_IF_ERROR(writer.Finish());
  }
  return imported.summary;
}

}  // namespace egov::population::importer
