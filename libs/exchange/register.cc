#include "libs/exchange/register.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "google/protobuf/descriptor.h"
#include "libs/access/access.h"
#include "libs/base/status.h"
#include "libs/disclosure/contract.h"
#include "libs/disclosure/usage.h"
#include "libs/evidence/log.h"
#include "libs/evidence/service.h"
#include "libs/evidence/stamper.h"
#include "libs/exchange/bytes.h"
#include "libs/exchange/handlers.h"
#include "libs/exchange/pipeline.h"
#include "libs/exchange/standard_services.h"
#include "libs/exchange/trust.h"
#include "libs/rpc/error_map.h"
#include "libs/rpc/server.h"
#include "libs/storage/rocksdb/rocksdb_store.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;

constexpr absl::Duration kReloadInterval = absl::Seconds(5);

absl::Status Missing(absl::string_view field, absl::string_view expected) {
  return Error(StatusCode::kInvalidArgument, "BAD_CONFIG",
               absl::StrCat("the configuration has no ", field))
      .Field(absl::StrCat("register.", field))
      .Expected(expected);
}

absl::Status CheckConfig(const RegisterConfig& config) {
  const std::pair<const char*, const std::string*> required[] = {
      {"audience", &config.audience()},
      {"listen", &config.listen()},
      {"ops_listen", &config.ops_listen()},
      {"data_directory", &config.data_directory()},
      {"tls.key", &config.tls().key()},
      {"tls.certificate", &config.tls().certificate()},
      {"tls.anchors", &config.tls().anchors()},
      {"log_key", &config.log_key()},
      {"log_certificate", &config.log_certificate()},
      {"first_officer", &config.first_officer()},
      {"time_zone", &config.time_zone()},
  };
  for (const auto& [field, value] : required) {
    if (value->empty()) return Missing(field, "a value; the register's README has an example");
  }
  return pki::SpiffeId::Parse(config.audience()).status();
}

rpc::TlsOptions Tls(const TlsConfig& config) {
  rpc::TlsOptions tls;
  tls.files = {config.key(), config.certificate(), config.anchors(), config.crl_directory()};
  tls.refresh = kReloadInterval;
  return tls;
}

// Reads what may change while the process runs, again and again.
class Reloader {
 public:
  explicit Reloader(std::function<void()> reload)
      : reload_(std::move(reload)), thread_([this] { Run(); }) {}
  ~Reloader() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    thread_.join();
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!wake_.wait_for(lock, absl::ToChronoMilliseconds(kReloadInterval),
                           [this] { return stopping_; })) {
      lock.unlock();
      reload_();
      lock.lock();
    }
  }

  const std::function<void()> reload_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

class RegisterImpl final : public Register {
 public:
  RegisterImpl(const RegisterConfig& config, RegisterParts parts)
      : config_(config), clock_(parts.clock), ids_(parts.ids), store_(std::move(parts.store)) {}

  ~RegisterImpl() override {
    Stop();
    // The store finishes what it was handed, with hooks that are still there, before they go.
    feeds_.reset();
    pipeline_.reset();
    stamper_.reset();
    store_.reset();
  }

  absl::Status Init() {
    EGOV_RETURN_IF_ERROR(CheckConfig(config_));
    rpc::LogLevel level = rpc::LogLevel::kInfo;
    if (!config_.log_level().empty())
      EGOV_RETURN_IF_ERROR(rpc::ParseLogLevel(config_.log_level(), &level));
    rpc::LogOptions log_options;
    log_options.level = level;
    logger_ = std::make_unique<rpc::Logger>(log_options, *clock_);
    EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId self, pki::SpiffeId::Parse(config_.audience()));
    self_ = self;
    EGOV_ASSIGN_OR_RETURN(trust_, Trust::Open({config_.tls().anchors(), config_.authorities(),
                                               config_.tls().crl_directory()}));
    if (!absl::LoadTimeZone(config_.time_zone(), &time_zone_)) {
      return Error(StatusCode::kInvalidArgument, "BAD_CONFIG", "there is no such time zone")
          .Field("register.time_zone")
          .Expected("a name of the time zone database, such as Europe/Tallinn");
    }
    EGOV_RETURN_IF_ERROR(OpenStore());
    EGOV_RETURN_IF_ERROR(OpenLog());
    rpc::ExecutorOptions workers;
    workers.threads =
        static_cast<int>(std::max(2u, std::min(16u, std::thread::hardware_concurrency())));
    workers.queue = 4096;
    workers_ = std::make_unique<rpc::Executor>(workers);
    rpc::ExecutorOptions evidence;
    evidence.threads = 2;
    evidence.queue = 256;
    evidence_workers_ = std::make_unique<rpc::Executor>(evidence);

    rpc::ServerOptions server;
    server.listen = config_.listen();
    server.ops_listen = config_.ops_listen();
    server.tls = Tls(config_.tls());
    server.reflection = config_.reflection();
    EGOV_ASSIGN_OR_RETURN(server_, rpc::Server::Create(server, logger_.get(), &metrics_, *clock_));
    rpc::AdmissionOptions admission;
    if (config_.max_calls() > 0) admission.max_calls = config_.max_calls();
    admission.calls_per_second = config_.calls_per_second();
    admission_ = std::make_unique<rpc::Admission>(admission);
    return absl::OkStatus();
  }

  storage::Store& store() override { return *store_; }
  evidence::Log& log() override { return *log_; }
  rpc::Metrics& metrics() override { return metrics_; }
  rpc::Logger& logger() override { return *logger_; }
  void set_subjects(Subjects* subjects) override { subjects_ = subjects; }

  absl::Status Add(Service service) override {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service.full_name());
    if (descriptor == nullptr) {
      return Error(StatusCode::kFailedPrecondition, "UNKNOWN_SERVICE",
                   absl::StrCat("there is no contract of ", service.full_name()));
    }
    if (service.methods().size() > static_cast<size_t>(descriptor->method_count())) {
      return Error(StatusCode::kFailedPrecondition, "UNKNOWN_METHOD",
                   absl::StrCat("more methods are bound than the contract of ", service.full_name(),
                                " has"));
    }
    std::vector<std::unique_ptr<BoundMethod>> bound;
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const google::protobuf::MethodDescriptor* const method = descriptor->method(i);
      const auto it = service.methods().find(method->name());
      if (it == service.methods().end()) {
        return Error(StatusCode::kFailedPrecondition, "UNBOUND_METHOD",
                     absl::StrCat("no command is bound to ", method->full_name()));
      }
      EGOV_ASSIGN_OR_RETURN(auto contract, disclosure::Contract::Compile(method));
      EGOV_RETURN_IF_ERROR(CheckShape(*contract, it->second));
      auto one = std::make_unique<BoundMethod>();
      one->service = service.full_name();
      one->name = method->name();
      one->method = it->second;
      one->contract = std::move(contract);
      bound.push_back(std::move(one));
    }
    for (auto& one : bound) services_[service.full_name()].push_back(std::move(one));
    return absl::OkStatus();
  }

  absl::Status Start() override {
    EGOV_RETURN_IF_ERROR(OpenAccess());
    EGOV_ASSIGN_OR_RETURN(
        usage_, disclosure::Usage::Open(absl::StrCat(config_.data_directory(), "/usage-keys")));
    EGOV_RETURN_IF_ERROR(Add(MakeAccessService(access_.get())));
    EGOV_RETURN_IF_ERROR(Add(MakeUsageService(usage_.get(), log_.get())));
    if (log_->Newest().size == 0) {
      EGOV_RETURN_IF_ERROR(log_->State(
          absl::StrCat("opened ", log_->origin(), "; first officer ", config_.first_officer())));
    }
    EGOV_RETURN_IF_ERROR(StartStamper());
    StartPipeline();
    HandlerParts handlers;
    handlers.pipeline = pipeline_.get();
    handlers.peers = &server_->peers();
    handlers.admission = admission_.get();
    handlers.workers = workers_.get();
    handlers.waker = feeds_.get();
    handlers.store = store_.get();
    handlers.logger = logger_.get();
    handlers.metrics = &metrics_;
    handlers.clock = clock_;
    handlers.short_name = self_.subsystem();
    handlers.log_certificates = log_certificate_->ToDer();
    std::vector<const BoundMethod*> all;
    for (const auto& [name, methods] : services_) {
      std::vector<const BoundMethod*> list;
      for (const auto& method : methods) list.push_back(method.get());
      server_->Add(NewExchangeService(list, handlers), name);
      all.insert(all.end(), list.begin(), list.end());
    }
    server_->Add(NewBundleService(all, handlers), kBundleService);
    // Waiting for a slow time-stamping authority must not keep windows and feeds from their
    // workers.
    handlers.workers = evidence_workers_.get();
    server_->Add(NewPlainService(EvidenceMethods(), handlers), kEvidenceService);
    // A feed would outlast any drain; its reader resumes it elsewhere.
    server_->OnDraining([this] { feeds_->Stop(); });
    AddReadiness();
    reloader_ = std::make_unique<Reloader>([this] {
      const absl::Status reloaded = trust_->Reload();
      if (!reloaded.ok())
        logger_->Warning("trust could not be read again", {{"error", reloaded.message()}});
    });
    EGOV_RETURN_IF_ERROR(server_->Start());
    logger_->Info("serving", {{"audience", config_.audience()},
                              {"port", server_->port()},
                              {"log_size", log_->Newest().size}});
    return absl::OkStatus();
  }

  int port() const override { return server_->port(); }
  int ops_port() const override { return server_->ops_port(); }

  int Run() override { return server_->RunUntilSignalled(); }

  void Stop() override {
    reloader_.reset();
    if (feeds_ != nullptr) feeds_->Stop();
    if (server_ != nullptr) server_->Drain(absl::ZeroDuration(), absl::Seconds(5));
    if (workers_ != nullptr) workers_->Stop();
    if (evidence_workers_ != nullptr) evidence_workers_->Stop();
  }

 private:
  absl::Status OpenStore() {
    std::error_code failed;
    std::filesystem::create_directories(config_.data_directory(), failed);
    if (failed) {
      return Error(StatusCode::kFailedPrecondition, "BAD_CONFIG",
                   "the data directory cannot be made")
          .Field("register.data_directory");
    }
    if (store_ != nullptr) return absl::OkStatus();
    storage::RocksDbOptions options;
    options.directory = absl::StrCat(config_.data_directory(), "/store");
    if (config_.cache_mib() > 0) options.block_cache_bytes = uint64_t{config_.cache_mib()} << 20;
    options.on_state = [this](storage::StoreState state, const absl::Status& why) {
      logger_->Error("the store's state has changed",
                     {{"state", static_cast<int>(state)}, {"why", why.ToString()}});
    };
    EGOV_ASSIGN_OR_RETURN(store_, storage::OpenRocksDb(options));
    return absl::OkStatus();
  }

  absl::Status OpenLog() {
    EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::LoadFile(config_.log_key()));
    EGOV_ASSIGN_OR_RETURN(const std::string pem,
                          ReadFile(config_.log_certificate(), "log_certificate"));
    EGOV_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain,
                          pki::Certificate::ChainFromPem(pem));
    if (chain[0].public_key() != key.public_key()) {
      return Error(StatusCode::kFailedPrecondition, "LOG_KEY_MISMATCH",
                   "the log key is not its certificate's")
          .Field("register.log_key");
    }
    // A log that names another service would write receipts that nobody can verify.
    EGOV_ASSIGN_OR_RETURN(const auto signer,
                          trust_->Check(chain[0], pki::Purpose::kLog, clock_->Now()));
    if (signer->spiffe != config_.audience()) {
      return Error(StatusCode::kFailedPrecondition, "LOG_CERTIFICATE_MISMATCH",
                   "the log certificate names another service")
          .Field("register.log_certificate")
          .Expected(config_.audience());
    }
    log_certificate_ = std::make_unique<pki::Certificate>(chain[0]);
    evidence::LogOptions options{absl::StrCat(self_.Escaped(), "/log/0"), std::move(key), clock_};
    EGOV_ASSIGN_OR_RETURN(log_, evidence::Log::Open(store_.get(), std::move(options)));
    std::vector<pki::Certificate> own = signer->chain;
    if (own.size() > 1) own.pop_back();  // the anchor, which everybody has
    EGOV_RETURN_IF_ERROR(log_->KeepOwnCertificates(own));
    return absl::OkStatus();
  }

  // A bound method must be what its contract says.
  static absl::Status CheckShape(const disclosure::Contract& contract, const Method& bound) {
    const google::protobuf::MethodDescriptor& method = contract.method();
    using namespace egov::exchange::v1;  // NOLINT: names of shapes
    const bool streams =
        bound.shape == SHAPE_QUERY || bound.shape == SHAPE_LOAD || bound.shape == SHAPE_FEED;
    const bool act = bound.shape == SHAPE_WRITE || bound.shape == SHAPE_LOAD;
    const auto wrong = [&](absl::string_view what) {
      return Error(StatusCode::kFailedPrecondition, "WRONG_SHAPE",
                   absl::StrCat(method.full_name(), " ", what))
          .status();
    };
    if (contract.options().shape() != bound.shape)
      return wrong("is bound with another shape than its contract's");
    if (method.client_streaming() != streams || method.server_streaming() != streams) {
      return wrong(streams ? "must stream both ways" : "must not stream");
    }
    if (method.input_type() != bound.request->GetDescriptor() ||
        method.output_type() != bound.response->GetDescriptor()) {
      return wrong("is bound with other messages than its contract's");
    }
    if (act) {
      const auto* field = method.input_type()->FindFieldByName("request_id");
      if (field == nullptr ||
          field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
        return wrong("is an act, and its request has no string request_id");
      }
    }
    for (const auto* type : {method.input_type(), method.output_type()}) {
      const auto* end = type->FindFieldByNumber(15);
      const bool has_end =
          end != nullptr && end->name() == "end" && end->message_type() == WindowEnd::descriptor();
      if (streams != has_end)
        return wrong("has messages that cannot end a window (WindowEnd end = 15)");
    }
    return absl::OkStatus();
  }

  absl::Status OpenAccess() {
    access::AccessOptions options;
    options.instance = self_.instance();
    options.first_officer = config_.first_officer();
    options.time_zone = time_zone_;
    for (const auto& [name, methods] : services_) {
      for (const auto& method : methods)
        options.methods.push_back({name, method->name, method->contract->items()});
    }
    options.methods.push_back({kUsageServiceName, "FindUsage", {"disclosure.usage"}});
    options.methods.push_back({kEvidenceService, "audit", {}});
    EGOV_ASSIGN_OR_RETURN(access_, access::Access::Open(store_.get(), std::move(options)));
    return absl::OkStatus();
  }

  absl::Status StartStamper() {
    evidence::StamperOptions options;
    for (const TimeStampingConfig& one : config_.time_stamping())
      options.authorities.push_back({one.url(), trust_->verifier()});
    if (config_.stamp_interval_seconds() > 0)
      options.interval = absl::Seconds(config_.stamp_interval_seconds());
    options.clock = clock_;
    options.on_passed_over = [this](const std::string& url, const absl::Status& why) {
      logger_->Warning("a time-stamping authority was passed over",
                       {{"url", url}, {"why", why.message()}});
    };
    EGOV_ASSIGN_OR_RETURN(stamper_, evidence::Stamper::Start(log_.get(), std::move(options)));
    return absl::OkStatus();
  }

  // How long the oldest record without a time-stamp has been waiting.
  absl::Duration Unstamped() const {
    const absl::StatusOr<absl::Duration> waiting = stamper_->WaitingFor();
    return waiting.ok() ? *waiting : absl::InfiniteDuration();
  }

  void StartPipeline() {
    PipelineParts parts;
    parts.audience = config_.audience();
    parts.store = store_.get();
    parts.log = log_.get();
    parts.access = access_.get();
    parts.usage = usage_.get();
    parts.trust = trust_.get();
    parts.subjects = subjects_;
    parts.workers = workers_.get();
    parts.clock = clock_;
    parts.ids = ids_;
    if (config_.time_stamp_grace_seconds() > 0)
      parts.time_stamp_grace = absl::Seconds(config_.time_stamp_grace_seconds());
    parts.time_stamp_age = [this] { return Unstamped(); };
    parts.details = [name = self_.subsystem()](const absl::Status& status) {
      return rpc::ToGrpc(status, name).error_details();
    };
    pipeline_ = std::make_unique<Pipeline>(std::move(parts));
    feeds_ = std::make_unique<FeedWaker>(store_.get(), workers_.get());
  }

  // Binds one method of EvidenceService.
  template <typename Request, typename Response>
  PlainMethod Evidence(const char* name,
                       absl::StatusOr<Response> (evidence::EvidenceService::*method)(
                           const Request&, const evidence::Asker&) const) {
    return {kEvidenceService, name, &Request::default_instance(), &Response::default_instance(),
            [this, method](absl::string_view caller, absl::Time deadline,
                           const google::protobuf::Message& question,
                           google::protobuf::Message* answer) {
              evidence::Asker asker{std::string(caller), MayAudit(caller), deadline};
              absl::StatusOr<Response> told =
                  (evidence_.get()->*method)(static_cast<const Request&>(question), asker);
              if (told.ok()) static_cast<Response*>(answer)->Swap(&*told);
              return told.status();
            }};
  }

  std::vector<PlainMethod> EvidenceMethods() {
    using evidence::EvidenceService;
    std::vector<pki::Certificate> certificates = trust_->authorities();
    certificates.insert(certificates.begin(), *log_certificate_);
    evidence_ =
        std::make_unique<EvidenceService>(log_.get(), stamper_.get(), std::move(certificates));
    return {Evidence("GetReceipt", &EvidenceService::GetReceipt),
            Evidence("GetConsistency", &EvidenceService::GetConsistency),
            Evidence("Stamp", &EvidenceService::Stamp),
            Evidence("GetCertificates", &EvidenceService::GetCertificates),
            Evidence("ListEntries", &EvidenceService::ListEntries)};
  }

  // Officers may knock anywhere; the log is for who has the right.
  bool MayAudit(absl::string_view caller) {
    const std::unique_ptr<storage::Transaction> look = store_->Begin();
    access::Asked asked;
    asked.caller = caller;
    asked.service = kEvidenceService;
    asked.method = "audit";
    asked.purpose = "audit";
    asked.now = clock_->Now();
    return access_->Authorize(*look, asked).ok();
  }

  void AddReadiness() {
    rpc::Readiness& readiness = server_->readiness();
    readiness.Add("store", [this]() -> absl::Status {
      if (store_->state() != storage::StoreState::kFailed) return absl::OkStatus();
      return Error(StatusCode::kUnavailable, "STORE_FAILED", "the store has stopped");
    });
    readiness.Add("evidence_log", [this]() -> absl::Status {
      const storage::StoreState state = store_->state();
      if (state == storage::StoreState::kWritable || state == storage::StoreState::kReserveOnly)
        return absl::OkStatus();
      return Error(StatusCode::kUnavailable, "LOG_NOT_WRITABLE", "no record can be written");
    });
    readiness.Add("log_certificate", [this]() -> absl::Status {
      if (clock_->Now() <= log_certificate_->not_after()) return absl::OkStatus();
      return Error(StatusCode::kUnavailable, "LOG_CERTIFICATE_EXPIRED",
                   "the log's certificate has expired");
    });
    metrics_.AddGaugeFunction("egov_log_size", "Records in the evidence log.", {},
                              [this] { return static_cast<double>(log_->Newest().size); });
    metrics_.AddGaugeFunction("egov_unstamped_seconds",
                              "How long the oldest record without a time-stamp has been waiting.",
                              {}, [this] { return absl::ToDoubleSeconds(Unstamped()); });
    metrics_.AddGaugeFunction("egov_store_commits", "Transactions made durable since the start.",
                              {},
                              [this] { return static_cast<double>(store_->Statistics().commits); });
    metrics_.AddGaugeFunction("egov_store_flushes", "Syncs since the start.", {},
                              [this] { return static_cast<double>(store_->Statistics().groups); });
    metrics_.AddGaugeFunction("egov_store_disk_bytes", "Size of the store's files.", {}, [this] {
      return static_cast<double>(store_->Statistics().disk_bytes);
    });
    metrics_.AddGaugeFunction("egov_calls_admitted", "Calls in flight.", {},
                              [this] { return static_cast<double>(admission_->calls()); });
  }

  const RegisterConfig config_;
  const base::Clock* const clock_;
  base::Ids* const ids_;
  rpc::Metrics metrics_;
  std::unique_ptr<rpc::Logger> logger_;
  pki::SpiffeId self_;
  absl::TimeZone time_zone_;
  std::unique_ptr<Trust> trust_;
  std::unique_ptr<evidence::Log> log_;  // hooks of the store outlive it
  std::unique_ptr<access::Access> access_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<pki::Certificate> log_certificate_;
  std::unique_ptr<disclosure::Usage> usage_;
  Subjects* subjects_ = nullptr;
  std::map<std::string, std::vector<std::unique_ptr<BoundMethod>>> services_;
  std::unique_ptr<rpc::Executor> workers_;
  std::unique_ptr<rpc::Executor> evidence_workers_;
  std::unique_ptr<rpc::Admission> admission_;
  std::unique_ptr<evidence::Stamper> stamper_;
  std::unique_ptr<evidence::EvidenceService> evidence_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<FeedWaker> feeds_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Reloader> reloader_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Register>> Register::Open(const RegisterConfig& config,
                                                         RegisterParts parts) {
  auto opened = std::make_unique<RegisterImpl>(config, std::move(parts));
  EGOV_RETURN_IF_ERROR(opened->Init());
  return std::unique_ptr<Register>(std::move(opened));
}

}  // namespace egov::exchange
