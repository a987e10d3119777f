#include "libs/rpc/peer.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/rpc/revocation.h"

namespace egov::rpc {
namespace {

base::Error Refused(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kUnauthenticated, reason, text);
}

class WatchingPeerCache final : public PeerCache {
 public:
  WatchingPeerCache(const PeerCacheOptions& options, const base::Clock& clock)
      : options_(options), clock_(clock) {}

  ~WatchingPeerCache() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    if (watcher_.joinable()) watcher_.join();
  }

  absl::Status Start() {
    if (options_.crl_directory.empty()) return absl::OkStatus();
    EGOV_RETURN_IF_ERROR(Reload());
    watcher_ = std::thread([this] { Watch(); });
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<const Peer>> Identify(const grpc::AuthContext& context) override {
    if (!context.IsPeerAuthenticated()) return NoCertificate();
    const std::vector<grpc::string_ref> pem =
        context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (pem.size() != 1) return NoCertificate();
    return IdentifyPem(absl::string_view(pem[0].data(), pem[0].size()));
  }

  absl::StatusOr<std::shared_ptr<const Peer>> IdentifyPem(absl::string_view pem) override {
    std::shared_ptr<const Peer> peer;
    bool revoked = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (const auto found = index_.find(pem); found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        peer = found->second->peer;
        revoked = IsRevoked(&*found->second);
      }
    }
    if (peer == nullptr) {
      EGOV_ASSIGN_OR_RETURN(Entry entry, Parse(pem));
      peer = entry.peer;
      std::lock_guard<std::mutex> lock(mutex_);
      revoked = IsRevoked(&entry);
      Remember(std::move(entry));
    }
    const absl::Time now = clock_.Now();
    if (now > peer->not_after || now < peer->not_before) {
      return Refused("CERTIFICATE_EXPIRED", "The caller's certificate is not valid at this time");
    }
    if (revoked) return Refused("CERTIFICATE_REVOKED", "The caller's certificate has been revoked");
    return peer;
  }

  absl::Status Reload() override {
    if (options_.crl_directory.empty()) return absl::OkStatus();
    auto lists = RevocationLists::Read(options_.crl_directory, options_.authorities);
    std::lock_guard<std::mutex> lock(mutex_);
    last_reload_ = lists.status();
    if (lists.ok()) {
      lists_ = *std::move(lists);
      ++generation_;
    }
    return last_reload_;
  }

  absl::Status LastReload() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return last_reload_;
  }

 private:
  struct Entry {
    std::string pem;
    std::shared_ptr<const Peer> peer;
    std::string issuer, serial;
    uint64_t generation = 0;  // of the lists that `revoked` was read from
    bool revoked = false;
  };

  static absl::Status NoCertificate() {
    return Refused("NO_CERTIFICATE",
                   "The caller has no certificate that leads to a trusted authority");
  }

  static absl::StatusOr<Entry> Parse(absl::string_view pem) {
    // gRPC hands over what the handshake verified, so a failure here is a kind of certificate that
    // we do not take.
    const auto certificate = pki::Certificate::FromPem(pem);
    if (!certificate.ok()) return NoCertificate();
    const auto& id = certificate->SpiffeId();
    if (!id.ok()) {
      return Refused("NO_SPIFFE_ID",
                     "The caller's certificate must have exactly one URI name, a SPIFFE id")
          .Expected("spiffe://instance/class/member/subsystem");
    }
    auto peer = std::make_shared<Peer>();
    peer->spiffe = id->ToUri();
    static_assert(sizeof(peer->certificate_sha256) == 32, "SHA-256");
    std::copy(certificate->fingerprint().begin(), certificate->fingerprint().end(),
              peer->certificate_sha256.begin());
    peer->not_before = certificate->not_before();
    peer->not_after = certificate->not_after();
    Entry entry;
    entry.pem = std::string(pem);
    entry.peer = std::move(peer);
    entry.issuer = certificate->issuer();
    entry.serial = certificate->serial();
    return entry;
  }

  // Under mutex_, like the next.
  bool IsRevoked(Entry* entry) const {
    if (lists_ != nullptr && entry->generation != generation_) {
      entry->revoked = lists_->IsRevoked(entry->issuer, entry->serial);
      entry->generation = generation_;
    }
    return entry->revoked;
  }

  void Remember(Entry entry) {
    if (index_.contains(entry.pem)) return;  // another call was quicker
    entries_.push_front(std::move(entry));
    index_[entries_.front().pem] = entries_.begin();
    while (entries_.size() > std::max<size_t>(1, options_.capacity)) {
      index_.erase(entries_.back().pem);
      entries_.pop_back();
    }
  }

  void Watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stop_.wait_for(lock, absl::ToChronoMilliseconds(options_.refresh),
                           [this] { return stopping_; })) {
      lock.unlock();
      (void)Reload();  // LastReload tells
      lock.lock();
    }
  }

  const PeerCacheOptions options_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::list<Entry> entries_;  // most recently used first
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator>
      index_;  // keys live in the entries
  std::shared_ptr<const RevocationLists> lists_;
  uint64_t generation_ = 0;
  absl::Status last_reload_;
  std::thread watcher_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PeerCache>> PeerCache::Create(const PeerCacheOptions& options,
                                                             const base::Clock& clock) {
  auto cache = std::make_unique<WatchingPeerCache>(options, clock);
  EGOV_RETURN_IF_ERROR(cache->Start());
  return absl::StatusOr<std::unique_ptr<PeerCache>>(std::move(cache));
}

}  // namespace egov::rpc
