// Metrics under the names that the gRPC ecosystem's dashboards and alerts expect. No other
// library's header is needed here.
//
// A metric is asked for once, at start, and the handle kept: looking one up takes a lock, moving
// one does not. Labels are fixed words (a method, a code, a table), never an identifier of a person
// or anything a caller sent.
#ifndef EGOV_LIBS_RPC_METRICS_H_
#define EGOV_LIBS_RPC_METRICS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::rpc {

using Labels = std::map<std::string, std::string>;

// Handles: small, copyable, thread safe; they must not outlive their Metrics. A default-made handle
// counts nothing, so that a library can be used without metrics. ~20 ns (a histogram ~60).
class Counter {
 public:
  Counter() = default;
  void Add(double by = 1);  // by >= 0
  double Value() const;

 private:
  friend class Metrics;
  void* metric_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  void Set(double value);
  void Add(double by);
  double Value() const;

 private:
  friend class Metrics;
  void* metric_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value);  // durations in seconds, sizes in bytes

 private:
  friend class Metrics;
  void* metric_ = nullptr;
};

// What is counted for one method. Every code's counter exists from the start, so a rate over it has
// a beginning.
class MethodMetrics {
 public:
  // A call has arrived.
  void Started();
  // It is over. Once for each Started.
  void Handled(absl::StatusCode code, absl::Duration took);

 private:
  friend class Metrics;
  Counter started_;
  Counter handled_[17];  // by canonical code
  Histogram seconds_;
  Gauge in_flight_;
};

// Thread safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The metric of that name and those labels, made when asked for first. `help` of the first call
  // stands. A name is one kind of metric only: asking for another kind is a bug and ends the
  // process at start.
  Counter GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram GetHistogram(const std::string& name, const std::string& help,
                         const std::vector<double>& buckets, const Labels& labels = {});

  // A gauge that is read by calling `value` when the metrics are asked for (resident memory, a
  // queue's length). `value` is called from the ops port's threads and must be quick.
  void AddGaugeFunction(const std::string& name, const std::string& help, const Labels& labels,
                        std::function<double()> value);

  // grpc_server_started_total, grpc_server_handled_total, grpc_server_handling_seconds,
  // grpc_in_flight of one method. `service` "egov.population.v1.PopulationService", `method`
  // "GetPerson", `type` "unary", "client_stream", "server_stream" or "bidi_stream". The same
  // reference for the same method; it lives as long as this.
  MethodMetrics& For(const std::string& service, const std::string& method,
                     const std::string& type);

  // All metrics in the text format of Prometheus 0.0.4.
  std::string Render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_METRICS_H_
