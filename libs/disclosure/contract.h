// What a method's answer discloses, read from its contract (egov/exchange/v1/contract.proto) and
// never from handler code.
//
// The rules of marking; Compile() fails where one is broken, so a service with such a contract does
// not start:
//
//   1. Every field of the answer is marked: by itself, by `fields_disclose` of its message, or
//   because it is a message
//      whose own fields are all marked. `WindowEnd end = 15` is the exchange's own.
//   2. *item* on a field of a message type marks that message whole, whatever its own fields say.
//   Only where subjects are
//      named inside do the marks inside hold as well: the item opens the list, its subjects' own
//      items open their parts.
//   3. *plain* never hides a mark: a plain field of a message type that has marks of its own is
//   read by those.
//   4. *subject* is an egov.identifiers.v1.Identifier or a string (in the scheme that the request's
//   `scheme` names),
//      one or repeated. An item belongs to the subject of the nearest enclosing message that has
//      one. An item without an enclosing subject would be told about nobody, so nobody could ever
//      see it in their usage: BAD_CONTRACT, except in answers to officers, which are about rights
//      and not about people.
//      In a question a field with `asked_about` names subjects as well; in answers that word says
//      nothing.
//   5. A map is marked whole; a map whose values name subjects is BAD_CONTRACT.
//   6. The shape fits the method: streams for QUERY, LOAD and FEED, with `WindowEnd end = 15` on
//   both sides; a
//      `request_id` for WRITE and LOAD; subjects in the question where there is silence.
//
// Being in an answer at all is a disclosure: a subject that stands there with nothing else is told
// to be known to the register. So Release tells every subject that is left, with items or without.
//
// Thread safety: immutable after Compile. Cost of Release: a walk over the marked fields of what is
// set; a part of which everything may leave and that names nobody is not entered.
#ifndef EGOV_LIBS_DISCLOSURE_CONTRACT_H_
#define EGOV_LIBS_DISCLOSURE_CONTRACT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "egov/exchange/v1/contract.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace egov::disclosure {

// A subject as a message names it. The views live as long as the message, and as the `scheme` given
// to Release.
struct Subject {
  absl::string_view scheme;
  absl::string_view value;
};

// A marked field, for people who read a contract (describe.h).
struct Mark {
  std::string path;  // from the message down: "person.birth.date"
  std::string item;  // empty: names a subject
};

class Contract {
 public:
  // More items than this in one answer are BAD_CONTRACT.
  static constexpr size_t kMaxItems = 256;

  // FAILED_PRECONDITION UNMARKED_FIELD (field: its full name), NO_CONTRACT (the method has none, or
  // no shape), BAD_CONTRACT (field: what breaks which of the rules above).
  static absl::StatusOr<std::unique_ptr<const Contract>> Compile(
      const google::protobuf::MethodDescriptor* method);
  virtual ~Contract() = default;

  virtual const egov::exchange::v1::MethodContract& options() const = 0;
  virtual const google::protobuf::MethodDescriptor& method() const = 0;
  virtual const std::string& path() const = 0;  // "/egov.population.v1.PopulationService/GetPerson"

  // Every item an answer can hold, the one told by silence included; sorted.
  virtual const std::vector<std::string>& items() const = 0;

  // The marked fields of question (subjects only) and answer, in the order of the contract.
  virtual const std::vector<Mark>& question_marks() const = 0;
  virtual const std::vector<Mark>& answer_marks() const = 0;

  // Adds the subjects that a question names, in order: one for each element of a list, also for an
  // element without a value, so that a command finds its keys by the place of what was asked.
  virtual void AskedAbout(const google::protobuf::Message& request,
                          std::vector<Subject>* subjects) const = 0;

  // Parses a question and adds the subjects that it names, as AskedAbout does; false when it does
  // not parse. When all subjects of a QUERY are one list of strings they are not put into `request`
  // (half a million strings cost more than the answer): they are views into `bytes`, which must
  // live as long as `subjects`. After a failure `subjects` may have some of them.
  virtual bool Parse(absl::string_view bytes, google::protobuf::Message* request,
                     std::vector<Subject>* subjects) const = 0;

  // Clears every field of the answer whose item is not among `items` (sorted), drops what is empty
  // then, and adds the subjects that are left. Items of a message whose subject is not set are
  // cleared: nobody could see that they left. Without the item of its silence a method's answer
  // says nothing at all and is cleared whole. `scheme` is that of the question, for subjects that
  // are bare strings.
  virtual void Release(absl::Span<const std::string> items, absl::string_view scheme,
                       google::protobuf::Message* response,
                       std::vector<Subject>* subjects) const = 0;
};

}  // namespace egov::disclosure

#endif  // EGOV_LIBS_DISCLOSURE_CONTRACT_H_
