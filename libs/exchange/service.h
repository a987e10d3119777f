// Binds the methods of a contract to a register's commands. Reads like a table of contents:
//
//   exchange::Service service("egov.population.v1.PopulationService");
//   service.Read<GetPersonRequest, GetPersonResponse>("GetPerson", commands::GetPerson(store));
//   service.Write<RecordBirthRequest, RecordBirthResponse>("RecordBirth", ...);
//
// Everything else - who may, seals, evidence, disclosure, windows - is the way of a request
// (register.h) and the same for all. The start fails when a method of the contract is not bound, is
// bound with another shape or other messages than the contract says, or has an answer with an
// unmarked field.
//
// Thread safety: bind from one thread, then hand it to Register::Add.
#ifndef EGOV_LIBS_EXCHANGE_SERVICE_H_
#define EGOV_LIBS_EXCHANGE_SERVICE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/message.h"
#include "libs/exchange/call.h"

namespace egov::exchange {

// A method with the types taken away, as the pipeline runs it.
struct Method {
  egov::exchange::v1::Shape shape = egov::exchange::v1::SHAPE_UNSPECIFIED;
  const google::protobuf::Message* request = nullptr;  // prototypes
  const google::protobuf::Message* response = nullptr;

  using Part = const google::protobuf::Message*;
  using EmitPart = absl::FunctionRef<absl::Status(std::unique_ptr<google::protobuf::Message>)>;
  // Serves one window. Read, Write and Load emit exactly one part on success.
  std::function<absl::Status(storage::Transaction&, const Call&, absl::Span<const Part>, EmitPart)>
      run;
  // Of a load instead of `run`: its first step, and what that returns.
  using Prepared = std::function<absl::Status(storage::Transaction&, EmitPart)>;
  std::function<absl::StatusOr<Prepared>(const Call&, NextPart<google::protobuf::Message>)> prepare;
  // Serves one step of a feed.
  std::function<absl::StatusOr<FeedStep>(storage::Reader&, const Call&, Part, std::string*,
                                         EmitPart)>
      step;
};

class Service {
 public:
  explicit Service(absl::string_view full_name) : full_name_(full_name) {}

  template <typename Request, typename Response>
  Service& Read(absl::string_view method, ReadCommand<Request, Response> command) {
    return Unary<Request, Response>(egov::exchange::v1::SHAPE_READ, method, std::move(command));
  }
  template <typename Request, typename Response>
  Service& Write(absl::string_view method, WriteCommand<Request, Response> command) {
    return Unary<Request, Response>(egov::exchange::v1::SHAPE_WRITE, method, std::move(command));
  }

  template <typename Request, typename Response>
  Service& Query(absl::string_view method, QueryCommand<Request, Response> command) {
    Method bound = Prototype<Request, Response>(egov::exchange::v1::SHAPE_QUERY);
    bound.run = [command = std::move(command)](storage::Transaction& transaction, const Call& call,
                                               absl::Span<const Method::Part> parts,
                                               Method::EmitPart emit) {
      return command(transaction, call, Typed<Request>(parts), Emitter<Response>(emit));
    };
    return Bind(method, std::move(bound));
  }

  template <typename Request, typename Response>
  Service& Load(absl::string_view method, LoadCommand<Request, Response> command) {
    Method bound = Prototype<Request, Response>(egov::exchange::v1::SHAPE_LOAD);
    bound.prepare =
        [command = std::move(command)](
            const Call& call,
            NextPart<google::protobuf::Message> next) -> absl::StatusOr<Method::Prepared> {
      absl::StatusOr<LoadStep<Response>> step =
          command(call, [next] { return static_cast<const Request*>(next()); });
      if (!step.ok()) return step.status();
      return Method::Prepared([step = *std::move(step)](storage::Transaction& transaction,
                                                        Method::EmitPart emit) -> absl::Status {
        absl::StatusOr<Response> response = step(transaction);
        if (!response.ok()) return response.status();
        return emit(std::make_unique<Response>(*std::move(response)));
      });
    };
    return Bind(method, std::move(bound));
  }

  template <typename Request, typename Response>
  Service& Feed(absl::string_view method, FeedCommand<Request, Response> command) {
    Method bound = Prototype<Request, Response>(egov::exchange::v1::SHAPE_FEED);
    bound.step = [command = std::move(command)](storage::Reader& reader, const Call& call,
                                                Method::Part request, std::string* cursor,
                                                Method::EmitPart emit) {
      return command(reader, call, static_cast<const Request&>(*request), cursor,
                     Emitter<Response>(emit));
    };
    return Bind(method, std::move(bound));
  }

  const std::string& full_name() const { return full_name_; }
  const std::map<std::string, Method>& methods() const { return methods_; }

 private:
  template <typename Request, typename Response>
  static Method Prototype(egov::exchange::v1::Shape shape) {
    Method method;
    method.shape = shape;
    method.request = &Request::default_instance();
    method.response = &Response::default_instance();
    return method;
  }

  template <typename Request>
  static std::vector<const Request*> Typed(absl::Span<const Method::Part> parts) {
    std::vector<const Request*> typed;
    typed.reserve(parts.size());
    for (const Method::Part part : parts) typed.push_back(static_cast<const Request*>(part));
    return typed;
  }

  template <typename Response>
  static auto Emitter(Method::EmitPart emit) {
    return [emit](Response part) { return emit(std::make_unique<Response>(std::move(part))); };
  }

  template <typename Request, typename Response>
  Service& Unary(egov::exchange::v1::Shape shape, absl::string_view name,
                 ReadCommand<Request, Response> command) {
    Method bound = Prototype<Request, Response>(shape);
    bound.run = [command = std::move(command)](storage::Transaction& transaction, const Call& call,
                                               absl::Span<const Method::Part> parts,
                                               Method::EmitPart emit) -> absl::Status {
      absl::StatusOr<Response> response =
          command(transaction, call, static_cast<const Request&>(*parts[0]));
      if (!response.ok()) return response.status();
      return emit(std::make_unique<Response>(*std::move(response)));
    };
    return Bind(name, std::move(bound));
  }

  Service& Bind(absl::string_view name, Method method) {
    methods_[std::string(name)] = std::move(method);
    return *this;
  }

  std::string full_name_;
  std::map<std::string, Method> methods_;
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_SERVICE_H_
