// A log in a real store in a directory of its own, and a time-stamping authority on loopback that
// can be made to misbehave.
#ifndef EGOV_LIBS_EVIDENCE_TESTING_FIXTURE_H_
#define EGOV_LIBS_EVIDENCE_TESTING_FIXTURE_H_

#include <civetweb.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/evidence/log.h"
#include "libs/evidence/stamper.h"
#include "libs/proof/testing/house.h"
#include "libs/storage/rocksdb/rocksdb_store.h"

namespace egov::evidence::testing {

using pki::testing::Must;
using proof::testing::House;

// Answers time-stamp requests over HTTP.
class TsaServer {
 public:
  // What it answers to a request; the default grants with the house's authority at the machine's
  // time.
  using Answer = std::function<std::string(const std::string& request)>;

  explicit TsaServer(Answer answer) : answer_(std::move(answer)) {
    mg_init_library(0);
    const char* options[] = {"listening_ports", "127.0.0.1:0", "num_threads", "8", nullptr};
    mg_callbacks callbacks{};
    callbacks.begin_request = [](mg_connection* connection) {
      return static_cast<TsaServer*>(mg_get_request_info(connection)->user_data)
          ->Handle(connection);
    };
    server_ = mg_start(&callbacks, this, options);
    if (server_ == nullptr) std::abort();
    mg_server_port port{};
    mg_get_server_ports(server_, 1, &port);
    port_ = port.port;
    url_ = absl::StrCat("http://127.0.0.1:", port_, "/tsa");
  }
  ~TsaServer() {
    // It looks only every two seconds whether it is to stop, or when somebody knocks.
    std::atomic<bool> stopped{false};
    std::thread knocking([&] {
      while (!stopped) {
        char why[128];
        mg_connection* knock = mg_connect_client("127.0.0.1", port_, 0, why, sizeof(why));
        if (knock != nullptr) mg_close_connection(knock);
        absl::SleepFor(absl::Milliseconds(10));
      }
    });
    mg_stop(server_);
    stopped = true;
    knocking.join();
  }

  const std::string& url() const { return url_; }
  int requests() const { return requests_; }

 private:
  int Handle(mg_connection* connection) {
    ++requests_;
    char buffer[4096];
    const int size = mg_read(connection, buffer, sizeof(buffer));
    const std::string answer = answer_(std::string(buffer, size > 0 ? size : 0));
    mg_printf(connection,
              "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n"
              "Content-Length: %zu\r\nConnection: close\r\n\r\n",
              answer.size());
    mg_write(connection, answer.data(), answer.size());
    return 200;
  }

  Answer answer_;
  mg_context* server_ = nullptr;
  int port_ = 0;
  std::string url_;
  std::atomic<int> requests_{0};
};

inline std::shared_ptr<const pki::ChainVerifier> Trust(const House& house) {
  return std::make_shared<const pki::ChainVerifier>(
      Must(pki::ChainVerifier::Create(house.anchors)));
}

// A store with its log, in a temporary directory.
class LogOnDisk {
 public:
  explicit LogOnDisk(const House& house, const base::Clock* clock)
      : key_(house.log.key), clock_(clock) {
    std::string name = absl::StrCat(std::getenv("TEST_TMPDIR"), "/evidence.XXXXXX");
    directory_ = mkdtemp(name.data());
    Must(Reopen());
  }
  ~LogOnDisk() {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  // Goes on with another key.
  absl::StatusOr<bool> Reopen(const pki::PrivateKey& key) {
    key_ = key;
    return Reopen();
  }

  absl::StatusOr<bool> Reopen() {
    store_.reset();
    log_.reset();
    storage::RocksDbOptions options;
    options.directory = directory_ + "/store";
    options.sync = false;
    options.reserve_bytes = options.last_reserve_bytes = 0;
    EGOV_ASSIGN_OR_RETURN(store_, storage::OpenRocksDb(options));
    EGOV_ASSIGN_OR_RETURN(log_, Log::Open(store_.get(), {proof::testing::kOrigin, key_, clock_}));
    return true;
  }

  std::unique_ptr<LogEntry> Append(const std::string& id, const std::string& record,
                                   const std::string& sealed_header) {
    auto entry = std::make_unique<LogEntry>();
    entry->id = id;
    entry->record = record;
    entry->sealed_header = sealed_header;
    auto transaction = store_->Begin();
    transaction->Append(std::move(entry));
    auto result = Must(store_->CommitAndWait(std::move(transaction)));
    return std::unique_ptr<LogEntry>(static_cast<LogEntry*>(result.entry.release()));
  }

  // An exchange as a service records it: its sealed header and record are in the entry.
  std::unique_ptr<LogEntry> AppendExchange(const House& house, exchange::v1::Header header,
                                           exchange::v1::Record record = {}) {
    if (header.request().empty()) header.set_request(std::string(32, 'q'));
    const std::string sealed = proof::testing::SealBatch({header}, house.seal.key)[0];
    record.set_request(std::string(pki::AsBytes(pki::Sha256Of(sealed))));
    if (record.response().empty()) record.set_response(std::string(32, 'a'));
    record.set_received_micros(absl::ToUnixMicros(house.now));
    record.set_revocation(std::string(pki::AsBytes(house.crl.digest())));
    return Append(header.id(), record.SerializeAsString(), sealed);
  }

  Log& log() { return *log_; }
  storage::Store& store() { return *store_; }

 private:
  pki::PrivateKey key_;
  const base::Clock* const clock_;
  std::string directory_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<storage::Store> store_;
};

}  // namespace egov::evidence::testing

#endif  // EGOV_LIBS_EVIDENCE_TESTING_FIXTURE_H_
