// load and vital_status: a whole nation, and half of it asked about.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/identifiers/identifiers.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"
#include "rocksdb/sst_file_writer.h"
#include "services/ctl/vital_status.h"
#include "services/population/generator/sample.h"
#include "tests/load/raw_store.h"
#include "tests/load/rows.h"

namespace egov::load {
namespace {

// services/population/narrow.h and schemes.h; a wrong one would find nobody.
constexpr char kNarrowTable[] = {1, 2};
constexpr uint16_t kIsikukood = 1;

// All rows of a store, table by table, each in the order of its keys.
using Rows = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

absl::StatusOr<Rows> ReadRows(const std::string& directory) {
  EGOV_ASSIGN_OR_RETURN(const auto db, OpenFrozen(directory));
  Rows rows;
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(rocksdb::ReadOptions()));
  for (at->SeekToFirst(); at->Valid(); at->Next())
    rows[at->key().ToString().substr(0, 2)].emplace_back(at->key().ToString(),
                                                         at->value().ToString());
  if (!at->status().ok()) return absl::DataLossError("the store cannot be read");
  return rows;
}

// Sorted ingestion into an empty database with the register's options: a file for each table, all
// at once.
absl::StatusOr<double> Ingest(const Rows& rows, const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  const rocksdb::Options options =
      storage::internal::TunedOptions(kCacheBytes, rocksdb::Env::Default());
  const absl::Time begun = absl::Now();
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, directory, &opened).ok())
    return absl::UnavailableError("an empty database cannot be opened");
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::vector<std::string> paths;
  for (const auto& [table, table_rows] : rows) {
    rocksdb::SstFileWriter file(rocksdb::EnvOptions(), options);
    paths.push_back(absl::StrCat(directory, "/", paths.size(), ".bulk"));
    rocksdb::Status status = file.Open(paths.back());
    for (const auto& [key, value] : table_rows) {
      if (status.ok()) status = file.Put(key, value);
    }
    if (status.ok()) status = file.Finish();
    if (!status.ok()) return absl::UnavailableError("a file of rows cannot be written");
  }
  rocksdb::IngestExternalFileOptions ingestion;
  ingestion.move_files = true;
  if (!db->IngestExternalFile(paths, ingestion).ok())
    return absl::UnavailableError("the rows cannot be ingested");
  return absl::ToDoubleSeconds(absl::Now() - begun);
}

// Merges the codes with the narrow table: how many there are in it.
uint64_t Merge(rocksdb::DB* db, const std::vector<std::string>& sorted) {
  uint64_t found = 0;
  rocksdb::ReadOptions options;
  const std::string prefix(kNarrowTable, sizeof(kNarrowTable));
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options));
  if (sorted.empty()) return 0;
  at->Seek(sorted[0]);
  for (const std::string& key : sorted) {
    // Near ones are stepped to; a seek costs as much as some ten steps.
    int steps = 0;
    while (at->Valid() && at->key().compare(key) < 0) {
      if (++steps > 10) {
        at->Seek(key);
        break;
      }
      at->Next();
    }
    if (!at->Valid()) break;
    if (at->key() == rocksdb::Slice(key)) ++found;
  }
  return found;
}

absl::Status WriteCodes(const std::vector<std::string>& codes, const std::string& path) {
  std::ofstream out(path, std::ios::trunc);
  for (const std::string& code : codes) out << code << '\n';
  return out.flush() ? absl::OkStatus() : absl::UnavailableError("cannot write the codes");
}

absl::StatusOr<std::vector<pki::Certificate>> Anchors(const std::string& path) {
  std::ifstream in(path);
  const std::string pem((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return pki::Certificate::ChainFromPem(pem);
}

}  // namespace

absl::Status LoadRows(Bench* bench) {
  const int rounds = bench->Wants({"load"}) ? std::min(bench->rounds, 3) : 1;
  std::vector<double> loads, baselines, cpus;
  Rows rows;
  for (int round = 0; round < rounds; ++round) {
    Register& reg = *bench->big;
    if (round > 0) {
      EGOV_RETURN_IF_ERROR(reg.Stop());
      std::filesystem::remove_all(reg.config().data_directory());
    }
    EGOV_RETURN_IF_ERROR(reg.Start().status());
    EGOV_RETURN_IF_ERROR(reg.GrantAll());
    const absl::Duration cpu = OwnCpu() + reg.process().Cpu();
    const absl::Time begun = absl::Now();
    EGOV_RETURN_IF_ERROR(reg.Load(bench->nation_file));
    loads.push_back(absl::ToDoubleSeconds(absl::Now() - begun));
    cpus.push_back(absl::ToDoubleSeconds(OwnCpu() + reg.process().Cpu() - cpu));
    if (!bench->Wants({"load"})) break;
    if (rows.empty()) {
      EGOV_RETURN_IF_ERROR(reg.Stop());
      EGOV_ASSIGN_OR_RETURN(rows, ReadRows(reg.store_directory()));
    }
    EGOV_ASSIGN_OR_RETURN(const double ingested, Ingest(rows, bench->Folder("ingest")));
    baselines.push_back(ingested);
  }
  if (!baselines.empty()) {
    size_t count = 0;
    for (const auto& [table, table_rows] : rows) count += table_rows.size();
    const double load = Median(loads), baseline = Median(baselines);
    bench->report->Add(
        {"load", load, "s", baseline, load / baseline,
         absl::StrFormat("%d people in %d rows: %.0f people/s, %.1f s of CPU", bench->persons,
                         count, static_cast<double>(bench->persons) / load, Median(cpus))});
  }
  return absl::OkStatus();
}

absl::Status VitalRows(const Bench& bench) {
  if (!bench.Wants({"vital_status"})) return absl::OkStatus();
  EGOV_ASSIGN_OR_RETURN(const population::generator::Sample sample,
                        population::generator::SampleCodes(
                            *bench.nation, population::generator::PensionBoard(bench.codes), 7));
  const std::string folder = bench.Folder("vital");
  EGOV_RETURN_IF_ERROR(WriteCodes(sample.codes, folder + "/codes.txt"));
  std::vector<std::string> sorted;
  const identifiers::Scheme* const scheme = identifiers::Find("ee-isikukood");
  for (const std::string& code : sample.codes) {
    uint64_t packed = 0;
    if (scheme->Pack(code, &packed) != identifiers::Fault::kNone) continue;
    std::string key(kNarrowTable, sizeof(kNarrowTable));
    base::AppendU16(kIsikukood, &key);
    base::AppendU64(packed, &key);
    sorted.push_back(std::move(key));
  }
  std::sort(sorted.begin(), sorted.end());

  EGOV_ASSIGN_OR_RETURN(const auto db, OpenFrozen(bench.frozen));
  EGOV_ASSIGN_OR_RETURN(const auto anchors, Anchors(bench.world->anchors()));
  EGOV_ASSIGN_OR_RETURN(const auto board, bench.big->Member(kBoard));
  ctl::VitalStatusOptions options;
  options.in = folder + "/codes.txt";
  options.out = folder + "/answer";
  options.purpose = For("pension-payment", ctl::VitalStatusItems());
  std::vector<double> asked, merged, exchange, proof, files, cpus;
  const uint64_t known = sample.codes.size() - sample.unknown.size() - sample.malformed.size();
  // The first round warms up both.
  const std::string answers = options.out;
  for (int round = 0; round <= bench.rounds; ++round) {
    options.out = absl::StrCat(answers, "/", round);
    const absl::Duration cpu = OwnCpu() + bench.big->process().Cpu();
    absl::Time begun = absl::Now();
    EGOV_ASSIGN_OR_RETURN(const ctl::VitalStatusSummary summary,
                          ctl::AskVitalStatus(*board, anchors, options));
    const double question = absl::ToDoubleMilliseconds(absl::Now() - begun);
    const absl::Duration spent = OwnCpu() + bench.big->process().Cpu() - cpu;
    if (summary.deceased != sample.deceased.size() || summary.unknown != sample.unknown.size() ||
        summary.superseded != sample.superseded.size() ||
        summary.malformed != sample.malformed.size()) {
      return absl::InternalError(absl::StrCat(
          "the register answered wrongly: ", summary.deceased, " deceased, ", summary.unknown,
          " unknown, ", summary.superseded, " superseded, ", summary.malformed, " malformed"));
    }
    begun = absl::Now();
    const uint64_t found = Merge(db.get(), sorted);
    const double merge = absl::ToDoubleMilliseconds(absl::Now() - begun);
    if (found != known)
      return absl::InternalError(absl::StrCat("the merge found ", found, " codes, not ", known));
    if (round == 0) continue;
    asked.push_back(question);
    merged.push_back(merge);
    exchange.push_back(absl::ToDoubleMilliseconds(summary.exchange));
    proof.push_back(absl::ToDoubleMilliseconds(summary.proof));
    files.push_back(absl::ToDoubleMilliseconds(summary.files));
    cpus.push_back(absl::ToDoubleMilliseconds(spent));
  }
  const double value = Median(asked), baseline = Median(merged);
  bench.report->Add(
      {"vital_status", value, "ms", baseline, value / baseline,
       absl::StrFormat("%d codes: exchange %.0f ms, proof %.0f ms, files %.0f ms; %.0f ms of CPU",
                       sample.codes.size(), Median(exchange), Median(proof), Median(files),
                       Median(cpus))});
  return absl::OkStatus();
}

}  // namespace egov::load
