#include "libs/rpc/metrics.h"

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace egov::rpc {
namespace {

// The words of the Go library, which dashboards match.
constexpr const char* kCodeNames[17] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const std::vector<double>& SecondsBuckets() {
  static const auto* const buckets = new std::vector<double>{
      .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30};
  return *buckets;
}

}  // namespace

void Counter::Add(double by) {
  if (metric_ != nullptr) static_cast<prometheus::Counter*>(metric_)->Increment(by);
}
double Counter::Value() const {
  return metric_ == nullptr ? 0 : static_cast<prometheus::Counter*>(metric_)->Value();
}
void Gauge::Set(double value) {
  if (metric_ != nullptr) static_cast<prometheus::Gauge*>(metric_)->Set(value);
}
void Gauge::Add(double by) {
  if (metric_ != nullptr) static_cast<prometheus::Gauge*>(metric_)->Increment(by);
}
double Gauge::Value() const {
  return metric_ == nullptr ? 0 : static_cast<prometheus::Gauge*>(metric_)->Value();
}
void Histogram::Observe(double value) {
  if (metric_ != nullptr) static_cast<prometheus::Histogram*>(metric_)->Observe(value);
}

void MethodMetrics::Started() {
  started_.Add();
  in_flight_.Add(1);
}

void MethodMetrics::Handled(absl::StatusCode code, absl::Duration took) {
  const int number = static_cast<int>(code);
  handled_[number >= 0 && number <= 16 ? number : 2].Add();
  seconds_.Observe(absl::ToDoubleSeconds(took));
  in_flight_.Add(-1);
}

struct Metrics::Impl {
  prometheus::Registry registry;
  mutable std::mutex mutex;
  std::map<std::string, std::unique_ptr<MethodMetrics>> methods;
  std::vector<std::pair<Gauge, std::function<double()>>> functions;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::GetCounter(const std::string& name, const std::string& help,
                            const Labels& labels) {
  Counter handle;
  handle.metric_ =
      &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels);
  return handle;
}

Gauge Metrics::GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  Gauge handle;
  handle.metric_ =
      &prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels);
  return handle;
}

Histogram Metrics::GetHistogram(const std::string& name, const std::string& help,
                                const std::vector<double>& buckets, const Labels& labels) {
  Histogram handle;
  handle.metric_ = &prometheus::BuildHistogram()
                        .Name(name)
                        .Help(help)
                        .Register(impl_->registry)
                        .Add(labels, buckets);
  return handle;
}

void Metrics::AddGaugeFunction(const std::string& name, const std::string& help,
                               const Labels& labels, std::function<double()> value) {
  const Gauge gauge = GetGauge(name, help, labels);
  std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->functions.emplace_back(gauge, std::move(value));
}

MethodMetrics& Metrics::For(const std::string& service, const std::string& method,
                            const std::string& type) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  std::unique_ptr<MethodMetrics>& entry =
      impl_->methods[absl::StrCat(type, "/", service, "/", method)];
  if (entry == nullptr) {
    entry = std::make_unique<MethodMetrics>();
    const Labels labels = {{"grpc_service", service}, {"grpc_method", method}, {"grpc_type", type}};
    entry->started_ = GetCounter("grpc_server_started_total", "Calls that arrived.", labels);
    entry->in_flight_ = GetGauge("grpc_in_flight", "Calls being handled.", labels);
    entry->seconds_ = GetHistogram("grpc_server_handling_seconds",
                                   "Time from a call's arrival to its status, in seconds.",
                                   SecondsBuckets(), labels);
    for (int code = 0; code < 17; ++code) {
      Labels with_code = labels;
      with_code["grpc_code"] = kCodeNames[code];
      entry->handled_[code] = GetCounter("grpc_server_handled_total",
                                         "Calls that were answered, by status.", with_code);
    }
  }
  return *entry;
}

std::string Metrics::Render() const {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    for (auto& [gauge, value] : impl_->functions) gauge.Set(value());
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace egov::rpc
