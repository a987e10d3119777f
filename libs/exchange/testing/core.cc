#include "libs/exchange/testing/core.h"

#include <filesystem>
#include <fstream>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/ids.h"
#include "libs/proof/wire.h"
#include "libs/storage/rocksdb/rocksdb_store.h"

namespace egov::exchange::testing {
namespace {

using pki::Purpose;
using pki::testing::Must;

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::abort();
}

}  // namespace

Core::Core()
    : directory_([] {
        std::string path =
            absl::StrCat(std::filesystem::temp_directory_path().string(), "/egov-core-XXXXXX");
        if (mkdtemp(&path[0]) == nullptr) std::abort();
        return path;
      }()),
      root_(pki::testing::MakeRoot("Root", absl::Now())),
      seals_(pki::testing::MakeUnder(
          root_, pki::testing::Profile(Purpose::kAuthority, "Seal CA", absl::Now()))),
      log_seal_(
          pki::testing::MakeMember(seals_, Purpose::kLog, "ee/GOV/70000562/lending", absl::Now())) {
  std::ofstream(directory_ + "/anchors.pem") << root_.certificate.ToPem();
  std::ofstream(directory_ + "/authorities.pem") << seals_.certificate.ToPem();
  trust_ = Must(Trust::Open(trust_files()));
  storage::RocksDbOptions store;
  store.directory = directory_ + "/store";
  store.sync = false;
  store.reserve_bytes = store.last_reserve_bytes = 0;
  store_ = Must(storage::OpenRocksDb(store));
  log_ = Must(evidence::Log::Open(
      store_.get(), {"ee/GOV/70000562/lending/log/0", log_seal_.key, &base::Clock::Real()}));
  usage_ = Must(disclosure::Usage::Open(directory_ + "/usage-keys"));

  const Service service = lending_.MakeService();
  access::AccessOptions rights;
  rights.instance = "ee";
  rights.first_officer = "spiffe://ee/GOV/70000562/officers";
  rights.time_zone = absl::UTCTimeZone();
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(kLending);
  for (const auto& [name, method] : service.methods()) {
    auto bound = std::make_unique<BoundMethod>();
    bound->service = kLending;
    bound->name = name;
    bound->method = method;
    bound->contract = Must(disclosure::Contract::Compile(descriptor->FindMethodByName(name)));
    rights.methods.push_back({kLending, name, bound->contract->items()});
    methods_[name] = std::move(bound);
  }
  access_ = Must(access::Access::Open(store_.get(), std::move(rights)));
  Require(log_->State("opened"));

  PipelineParts parts;
  parts.audience = kCoreAudience;
  parts.store = store_.get();
  parts.log = log_.get();
  parts.access = access_.get();
  parts.usage = usage_.get();
  parts.trust = trust_.get();
  watched_.lending = &lending_;
  parts.subjects = &watched_;
  parts.clock = &clock_;
  parts.ids = &base::Ids::Random();
  parts.time_stamp_age = [] { return absl::ZeroDuration(); };
  parts.details = [](const absl::Status& status) { return std::string(status.message()); };
  pipeline_ = std::make_unique<Pipeline>(std::move(parts));
}

Core::~Core() {
  pipeline_.reset();
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TrustFiles Core::trust_files() const {
  return {directory_ + "/anchors.pem", directory_ + "/authorities.pem", ""};
}

const CoreMember& Core::Member(const std::string& xroad) {
  auto it = members_.find(xroad);
  if (it == members_.end()) {
    it = members_
             .emplace(xroad, CoreMember{"spiffe://" + xroad,
                                        pki::testing::MakeMember(seals_, Purpose::kSeal, xroad,
                                                                 absl::Now())})
             .first;
  }
  return it->second;
}

std::string Core::Grant(const std::string& xroad, const std::string& method,
                        const std::string& purpose, const std::vector<std::string>& items) {
  egov::access::v1::Right right;
  right.set_subsystem("spiffe://" + xroad);
  right.set_service(kLending);
  right.set_method(method);
  right.set_purpose(purpose);
  for (const std::string& item : items) right.add_items(item);
  right.mutable_valid_from()->set_year(2020);
  right.mutable_valid_from()->set_month(1);
  right.mutable_valid_from()->set_day(1);
  const std::string id = base::NewUuid();
  for (;;) {
    auto transaction = store_->Begin();
    absl::Status done = access_->GrantRight(*transaction, right, id).status();
    if (done.ok()) done = store_->CommitAndWait(std::move(transaction)).status();
    if (storage::IsConflict(done)) continue;
    Require(done);
    return id;
  }
}

absl::Status Core::Revoke(const std::string& right_id) {
  for (;;) {
    auto transaction = store_->Begin();
    absl::Status done = access_->RevokeRight(*transaction, right_id);
    if (done.ok()) done = store_->CommitAndWait(std::move(transaction)).status();
    if (!storage::IsConflict(done)) return done;
  }
}

egov::exchange::v1::Header Core::Header(const CoreMember& member, const std::string& method,
                                        const std::string& purpose,
                                        const std::vector<std::string>& items,
                                        const std::string& request, const std::string& salt) const {
  egov::exchange::v1::Header header;
  header.set_id(base::RandomBytes(proof::kMessageIdSize));
  header.set_caller(member.spiffe);
  header.set_audience(kCoreAudience);
  header.set_method(absl::StrCat("/", kLending, "/", method));
  header.set_issued_micros(absl::ToUnixMicros(absl::Now()));
  header.set_purpose(purpose);
  for (const std::string& item : items) header.add_items(item);
  header.set_request(std::string(pki::AsBytes(proof::Commit(salt, request))));
  header.set_last(true);
  header.set_algorithm(egov::exchange::v1::ALGORITHM_ECDSA_P256_SHA256);
  header.set_seal_certificate(std::string(pki::AsBytes(member.seal.certificate.fingerprint())));
  return header;
}

Question Core::Seal(const CoreMember& member, const std::string& method,
                    const egov::exchange::v1::Header& header, const std::string& request,
                    const std::string& salt) const {
  egov::exchange::v1::SealedHeader sealed;
  sealed.set_header(header.SerializeAsString());
  sealed.set_size(1);
  sealed.set_signature(
      Must(member.seal.key.Sign(proof::SealedBytes(1, proof::HeaderLeaf(sealed.header())))));
  Question question;
  question.method = methods_.at(method).get();
  question.caller = member.spiffe;
  question.sealed_header = sealed.SerializeAsString();
  question.salt = salt;
  question.certificate = member.seal.certificate.ToDer();
  question.parts = {request};
  question.received = absl::Now();
  return question;
}

Reply Core::Serve(Question question) {
  std::promise<Reply> promise;
  pipeline_->Serve(std::move(question), [&](Reply reply) { promise.set_value(std::move(reply)); });
  return promise.get_future().get();
}

std::shared_ptr<Pipeline::Attempt> Core::Prepare(Question question) {
  return pipeline_->Prepare(std::move(question));
}

Reply Core::Serve(std::shared_ptr<Pipeline::Attempt> prepared) {
  std::promise<Reply> promise;
  pipeline_->Serve(std::move(prepared), [&](Reply reply) { promise.set_value(std::move(reply)); });
  return promise.get_future().get();
}

Reply Core::Ask(const CoreMember& member, const std::string& method, const std::string& purpose,
                const std::vector<std::string>& items, const google::protobuf::Message& request) {
  const std::string bytes = request.SerializeAsString();
  const std::string salt = base::RandomBytes(proof::kSaltSize);
  return Serve(
      Seal(member, method, Header(member, method, purpose, items, bytes, salt), bytes, salt));
}

}  // namespace egov::exchange::testing
