#include "libs/disclosure/contract.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/stubs/common.h"
#include "google/protobuf/wire_format_lite.h"
#include "libs/base/status.h"
#include "libs/disclosure/plan.h"

namespace egov::disclosure {
namespace {

namespace v1 = egov::exchange::v1;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;
using google::protobuf::RepeatedPtrField;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using internal::Items;
using internal::Plan;
using internal::Step;
using internal::SubjectField;

absl::Status Bad(absl::string_view where, absl::string_view text) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "BAD_CONTRACT",
                     absl::StrCat(where, ": ", text))
      .Field(where);
}

const std::string& Text(const Message& message, const FieldDescriptor* field) {
  // Only reached when a string is not kept as one (never in C++ 3.21); then empty, so nobody.
  static const std::string* const kNone = new std::string;
  thread_local std::string scratch;
  const std::string& text = message.GetReflection()->GetStringReference(message, field, &scratch);
  return &text == &scratch ? *kNone : text;
}

// Whether a subject without a value is added. In a question it keeps its place; in an answer it is
// nobody.
enum class Empty { kAdd, kSkip };

// Adds the subjects that `message` itself names; whether there was one.
bool AddSubjects(const Plan& plan, const Message& message, absl::string_view scheme, Empty empty,
                 std::vector<Subject>* out) {
  const Reflection* reflection = message.GetReflection();
  const size_t before = out->size();
  const auto add = [&](absl::string_view in, const std::string& value) {
    if (!value.empty() || empty == Empty::kAdd) out->push_back({in, value});
  };
  const auto add_identifier = [&](const SubjectField& subject, const Message& identifier) {
    add(Text(identifier, subject.scheme), Text(identifier, subject.value));
  };
  for (const SubjectField& subject : plan.subjects) {
    if (subject.value != nullptr) {
      if (subject.field->is_repeated()) {
        for (const Message& one :
             reflection->GetRepeatedPtrField<Message>(message, subject.field)) {
          add_identifier(subject, one);
        }
      } else if (reflection->HasField(message, subject.field)) {
        add_identifier(subject, reflection->GetMessage(message, subject.field));
      }
    } else if (subject.field->is_repeated()) {
      const auto& values = reflection->GetRepeatedPtrField<std::string>(message, subject.field);
      // Part after part comes to the same list: it must not be copied for each of them.
      if (out->capacity() < out->size() + values.size())
        out->reserve(std::max(out->size() + values.size(), 2 * out->capacity()));
      for (const std::string& value : values) add(scheme, value);
    } else {
      add(scheme, Text(message, subject.field));
    }
  }
  return out->size() > before;
}

void Ask(const Plan& plan, const Message& message, absl::string_view scheme,
         std::vector<Subject>* out) {
  AddSubjects(plan, message, scheme, Empty::kAdd, out);
  const Reflection* reflection = message.GetReflection();
  for (const Step& step : plan.steps) {
    if (step.field->is_repeated()) {
      for (const Message& one : reflection->GetRepeatedPtrField<Message>(message, step.field))
        Ask(*step.inside, one, scheme, out);
    } else if (reflection->HasField(message, step.field)) {
      Ask(*step.inside, reflection->GetMessage(message, step.field), scheme, out);
    }
  }
}

bool IsAscii(absl::string_view text) {
  uint64_t all = 0, word = 0;
  for (; text.size() >= sizeof(word); text.remove_prefix(sizeof(word))) {
    std::memcpy(&word, text.data(), sizeof(word));
    all |= word;
  }
  for (const char c : text) all |= static_cast<uint8_t>(c);
  return (all & 0x8080808080808080) == 0;
}

// Takes a serialized message apart: the values of one string field, and the bytes of all others.
// False when it is none, or a value is no text.
bool TakeList(absl::string_view bytes, int field, std::vector<Subject>* values, std::string* rest) {
  const uint32_t wanted = WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  // Codes are ASCII: then a look at all at once spares one at each.
  const bool ascii = IsAscii(bytes);
  while (!bytes.empty()) {
    uint32_t length = 0;
    // Tag and length of a code have one byte each.
    if (bytes.size() >= 2 && static_cast<uint8_t>(bytes[0]) == wanted &&
        static_cast<uint8_t>(bytes[1]) < 0x80) {
      length = static_cast<uint8_t>(bytes[1]);
      bytes.remove_prefix(2);
    } else {
      CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
      const uint32_t tag = in.ReadTag();
      const bool listed = tag == wanted;
      if (tag == 0) return false;
      if (!(listed ? in.ReadVarint32(&length) : WireFormatLite::SkipField(&in, tag))) return false;
      const absl::string_view read = bytes.substr(0, in.CurrentPosition());
      bytes.remove_prefix(read.size());
      if (!listed) {
        rest->append(read.data(), read.size());
        continue;
      }
    }
    if (length > bytes.size()) return false;
    const absl::string_view value = bytes.substr(0, length);
    if (!ascii && !google::protobuf::internal::IsStructurallyValidUTF8(value.data(), length))
      return false;
    values->emplace_back().value = value;
    bytes.remove_prefix(length);
  }
  return true;
}

// One Release.
struct Releasing {
  const Items& allowed;
  absl::string_view scheme;
  std::vector<Subject>* subjects;

  // `open`: the items that may stay in this message unless it has a subject of its own.
  // Whether the message names a subject itself.
  bool Walk(const Plan& plan, const Items& open, Message* message) {
    const Reflection* reflection = message->GetReflection();
    if (!reflection->GetUnknownFields(*message).empty())
      reflection->MutableUnknownFields(message)->Clear();  // no mark covers them
    const Items* here = &open;
    bool named = false;
    if (!plan.subjects.empty()) {
      static const Items kNone;
      named = AddSubjects(plan, *message, scheme, Empty::kSkip, subjects);
      here = named ? &allowed : &kNone;
    }
    for (const Step& step : plan.steps) {
      if (step.item >= 0 && !here->test(step.item)) {
        reflection->ClearField(message, step.field);
        continue;
      }
      if (step.inside == nullptr) continue;
      const Plan& inside = *step.inside;
      const bool all_open = (inside.items & ~*here).none();
      if (!inside.names_subjects) {
        if (all_open) continue;
        if (!inside.has_plain && (inside.items & *here).none()) {
          reflection->ClearField(message, step.field);
          continue;
        }
      }
      if (step.field->is_repeated()) {
        WalkAll(inside, *here, reflection->MutableRepeatedPtrField<Message>(message, step.field));
      } else if (reflection->HasField(*message, step.field)) {
        Message* one = reflection->MutableMessage(message, step.field);
        if (!Walk(inside, *here, one) && one->ByteSizeLong() == 0)
          reflection->ClearField(message, step.field);
      }
    }
    return named;
  }

  void WalkAll(const Plan& plan, const Items& open, RepeatedPtrField<Message>* all) {
    int kept = 0;
    for (int i = 0; i < all->size(); ++i) {
      Message* one = all->Mutable(i);
      if (Walk(plan, open, one) || one->ByteSizeLong() != 0) {
        if (kept != i) all->SwapElements(kept, i);
        ++kept;
      }
    }
    while (all->size() > kept) all->RemoveLast();
  }
};

class CompiledContract final : public Contract {
 public:
  const v1::MethodContract& options() const override { return options_; }
  const MethodDescriptor& method() const override { return *method_; }
  const std::string& path() const override { return path_; }
  const std::vector<std::string>& items() const override { return items_; }
  const std::vector<Mark>& question_marks() const override { return question_marks_; }
  const std::vector<Mark>& answer_marks() const override { return answer_marks_; }

  void AskedAbout(const Message& request, std::vector<Subject>* subjects) const override {
    Ask(*question_, request,
        scheme_ == nullptr ? absl::string_view() : absl::string_view(Text(request, scheme_)),
        subjects);
  }

  bool Parse(absl::string_view bytes, Message* request,
             std::vector<Subject>* subjects) const override {
    if (list_ == nullptr) {
      if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
      AskedAbout(*request, subjects);
      return true;
    }
    std::string rest;
    size_t at = subjects->size();
    if (!TakeList(bytes, list_->number(), subjects, &rest) || !request->ParseFromString(rest))
      return false;
    const absl::string_view scheme = Text(*request, scheme_);
    for (; at < subjects->size(); ++at) (*subjects)[at].scheme = scheme;
    return true;
  }

  void Release(absl::Span<const std::string> items, absl::string_view scheme, Message* response,
               std::vector<Subject>* subjects) const override {
    Items allowed;
    size_t at = 0;
    for (const std::string& item : items) {
      while (at < items_.size() && items_[at] < item) ++at;
      if (at == items_.size()) break;
      if (items_[at] == item) allowed.set(at);
    }
    if (silence_ >= 0 && !allowed.test(silence_)) {
      response->Clear();
      return;
    }
    Releasing{allowed, scheme, subjects}.Walk(*answer_, allowed, response);
  }

  absl::Status Init(const MethodDescriptor* method);

 private:
  absl::Status CheckShape() const;
  absl::Status CheckRefusals() const;

  v1::MethodContract options_;
  const MethodDescriptor* method_ = nullptr;
  std::string path_;
  std::vector<std::string> items_;
  std::vector<std::unique_ptr<Plan>> plans_;
  const Plan* question_ = nullptr;
  const Plan* answer_ = nullptr;
  const FieldDescriptor* scheme_ = nullptr;
  const FieldDescriptor* list_ = nullptr;  // of a question: see Parse
  int silence_ = -1;
  std::vector<Mark> question_marks_, answer_marks_;
};

bool IsString(const Descriptor* type, const std::string& name) {
  const FieldDescriptor* field = type->FindFieldByName(name);
  return field != nullptr && field->type() == FieldDescriptor::TYPE_STRING && !field->is_repeated();
}

bool HasWindowEnd(const Descriptor* type) {
  const FieldDescriptor* field = type->FindFieldByNumber(15);
  return field != nullptr && field->message_type() != nullptr && !field->is_repeated() &&
         field->message_type()->full_name() == "egov.exchange.v1.WindowEnd";
}

absl::Status CompiledContract::CheckShape() const {
  const bool windows = options_.shape() == v1::SHAPE_QUERY || options_.shape() == v1::SHAPE_LOAD ||
                       options_.shape() == v1::SHAPE_FEED;
  if (method_->client_streaming() != windows || method_->server_streaming() != windows)
    return Bad(method_->full_name(),
               "READ and WRITE are unary; QUERY, LOAD and FEED stream both ways");
  for (const Descriptor* type : {method_->input_type(), method_->output_type()}) {
    if (windows && !HasWindowEnd(type))
      return Bad(type->full_name(),
                 "a message of windows has `egov.exchange.v1.WindowEnd end = 15`");
  }
  if ((options_.shape() == v1::SHAPE_WRITE || options_.shape() == v1::SHAPE_LOAD) &&
      !IsString(method_->input_type(), "request_id"))
    return Bad(method_->input_type()->full_name(), "an act is named by a string `request_id`");
  return absl::OkStatus();
}

absl::Status CompiledContract::CheckRefusals() const {
  std::vector<std::string> reasons;
  for (const v1::Refusal& refusal : options_.refusals()) {
    bool known = false;
    for (int code = 1; code <= 16; ++code)
      known |= refusal.code() == absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    if (!known || refusal.reason().empty() || refusal.when().empty())
      return Bad(method_->full_name(), "a refusal has a reason, a canonical code and a when");
    reasons.push_back(refusal.reason());
  }
  std::sort(reasons.begin(), reasons.end());
  if (std::adjacent_find(reasons.begin(), reasons.end()) != reasons.end())
    return Bad(method_->full_name(), "a reason of refusal stands there twice");
  return absl::OkStatus();
}

absl::Status CompiledContract::Init(const MethodDescriptor* method) {
  method_ = method;
  path_ = absl::StrCat("/", method->service()->full_name(), "/", method->name());
  if (!method->options().HasExtension(v1::contract) ||
      method->options().GetExtension(v1::contract).shape() == v1::SHAPE_UNSPECIFIED) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "NO_CONTRACT",
                       absl::StrCat(method->full_name(), " does not say its shape"))
        .Field(method->full_name())
        .Expected("the option egov.exchange.v1.contract with a shape");
  }
  options_ = method->options().GetExtension(v1::contract);
  EGOV_RETURN_IF_ERROR(CheckShape());
  EGOV_RETURN_IF_ERROR(CheckRefusals());

  // First all names that could be items, to give each its bit; then only those that are reached
  // stay.
  std::vector<std::string> names;
  internal::CollectItems(method->output_type(), &names);
  if (!options_.silence().empty()) names.push_back(options_.silence());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (int pass = 0; pass < 2; ++pass) {
    if (names.size() > kMaxItems)
      return Bad(method->full_name(), absl::StrCat("more than ", kMaxItems, " items"));
    internal::Planner planner(options_.authority() != v1::AUTHORITY_OFFICER, &names);
    const bool windowed = method->server_streaming();
    EGOV_RETURN_IF_ERROR(planner.PlanAnswer(method->output_type(), windowed, &answer_));
    EGOV_RETURN_IF_ERROR(planner.PlanQuestion(method->input_type(), &question_));
    if (planner.string_subjects()) {
      if (!IsString(method->input_type(), "scheme"))
        return Bad(method->input_type()->full_name(),
                   "subjects that are strings need a string `scheme` in the question");
      scheme_ = method->input_type()->FindFieldByName("scheme");
    }
    plans_ = planner.TakePlans();
    if (pass == 1) break;
    std::vector<std::string> reached;
    for (size_t i = 0; i < names.size(); ++i) {
      if (answer_->items.test(i) || names[i] == options_.silence()) reached.push_back(names[i]);
    }
    names = std::move(reached);
  }
  items_ = std::move(names);

  if (!question_->names_subjects && !options_.silence().empty())
    return Bad(method->full_name(),
               "silence is about those asked about, and the question names nobody");
  if (!options_.silence().empty()) {
    silence_ = static_cast<int>(std::lower_bound(items_.begin(), items_.end(), options_.silence()) -
                                items_.begin());
  }
  if (options_.shape() == v1::SHAPE_QUERY && question_->steps.empty() &&
      question_->subjects.size() == 1) {
    const SubjectField& only = question_->subjects[0];
    if (only.value == nullptr && only.field->is_repeated()) list_ = only.field;
  }
  question_marks_ = internal::MarksOf(*question_, items_);
  answer_marks_ = internal::MarksOf(*answer_, items_);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Contract>> Contract::Compile(const MethodDescriptor* method) {
  auto contract = std::make_unique<CompiledContract>();
  EGOV_RETURN_IF_ERROR(contract->Init(method));
  return std::unique_ptr<const Contract>(std::move(contract));
}

}  // namespace egov::disclosure
