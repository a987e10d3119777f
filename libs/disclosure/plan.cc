#include "libs/disclosure/plan.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::disclosure::internal {
namespace {

namespace v1 = egov::exchange::v1;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr char kIdentifier[] = "egov.identifiers.v1.Identifier";
constexpr char kWindowEnd[] = "egov.exchange.v1.WindowEnd";
constexpr int kWindowEndNumber = 15;

absl::Status Bad(absl::string_view field, absl::string_view text) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "BAD_CONTRACT",
                     absl::StrCat(field, ": ", text))
      .Field(field);
}

absl::Status Unmarked(const FieldDescriptor* field) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "UNMARKED_FIELD",
                     absl::StrCat(field->full_name(), " does not say what it discloses"))
      .Field(field->full_name())
      .Expected("subject, item or plain (egov.exchange.v1.discloses)");
}

v1::Disclosure OwnMark(const FieldDescriptor* field) {
  return field->options().GetExtension(v1::discloses);
}
v1::Disclosure MessageMark(const Descriptor* type) {
  return type->options().GetExtension(v1::fields_disclose);
}

bool IsMessage(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

bool IsSubject(const FieldDescriptor* field) { return OwnMark(field).subject(); }
bool IsAskedAbout(const FieldDescriptor* field) {
  return IsSubject(field) || OwnMark(field).asked_about();
}

// Whether `test` holds for a type that is reachable from `type`, itself included.
bool AnyType(const Descriptor* type, const std::function<bool(const Descriptor*)>& test,
             std::set<const Descriptor*>* seen) {
  if (!seen->insert(type).second) return false;
  if (test(type)) return true;
  for (int i = 0; i < type->field_count(); ++i) {
    if (IsMessage(type->field(i)) && AnyType(type->field(i)->message_type(), test, seen))
      return true;
  }
  return false;
}
bool AnyType(const Descriptor* type, const std::function<bool(const Descriptor*)>& test) {
  std::set<const Descriptor*> seen;
  return AnyType(type, test, &seen);
}

// Whether a field of what is reachable from `type` is one of those that `names` tells.
bool Names(const Descriptor* type, bool (*names)(const FieldDescriptor*)) {
  return AnyType(type, [names](const Descriptor* t) {
    for (int i = 0; i < t->field_count(); ++i) {
      if (names(t->field(i))) return true;
    }
    return false;
  });
}

bool HasMarks(const Descriptor* type) {
  return AnyType(type, [](const Descriptor* t) {
    if (MessageMark(t).says_case() != v1::Disclosure::SAYS_NOT_SET) return true;
    for (int i = 0; i < t->field_count(); ++i) {
      if (OwnMark(t->field(i)).says_case() != v1::Disclosure::SAYS_NOT_SET) return true;
    }
    return false;
  });
}

// "population.person.birth_date": at least two words of a-z, 0-9 and _.
bool IsItemName(absl::string_view name) {
  bool word = false, dotted = false;
  for (const char c : name) {
    if (c == '.') {
      if (!word) return false;
      word = false;
      dotted = true;
    } else {
      if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '_') return false;
      word = true;
    }
  }
  return word && dotted;
}

// A mark that is set to false says nothing that could be relied on.
absl::Status CheckMark(const v1::Disclosure& mark, absl::string_view where) {
  switch (mark.says_case()) {
    case v1::Disclosure::kPlain:
      if (!mark.plain()) return Bad(where, "a mark cannot be false");
      break;
    case v1::Disclosure::kSubject:
      if (!mark.subject()) return Bad(where, "a mark cannot be false");
      break;
    case v1::Disclosure::kItem:
      if (!IsItemName(mark.item()))
        return Bad(where, "an item is two or more words of a-z, 0-9 and _, with dots between");
      break;
    case v1::Disclosure::SAYS_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

}  // namespace

Plan* Planner::NewPlan() {
  plans_.push_back(std::make_unique<Plan>());
  return plans_.back().get();
}

absl::Status Planner::AddSubject(const FieldDescriptor* field, Plan* plan) {
  SubjectField subject;
  subject.field = field;
  if (field->is_map()) return Bad(field->full_name(), "a map cannot name subjects");
  if (IsMessage(field) && field->message_type()->full_name() == kIdentifier) {
    subject.scheme = field->message_type()->FindFieldByName("scheme");
    subject.value = field->message_type()->FindFieldByName("value");
    if (subject.scheme == nullptr || subject.value == nullptr)
      return Bad(field->full_name(), "Identifier has no scheme or no value");
  } else if (field->type() == FieldDescriptor::TYPE_STRING) {
    string_subjects_ = true;
  } else {
    return Bad(field->full_name(), "a subject is an egov.identifiers.v1.Identifier or a string");
  }
  plan->subjects.push_back(subject);
  return absl::OkStatus();
}

absl::Status Planner::PlanAnswer(const Descriptor* type, bool windowed, const Plan** plan) {
  known_.clear();
  EGOV_RETURN_IF_ERROR(Answer(type, false, windowed, plan));
  SumUp();
  return absl::OkStatus();
}

absl::Status Planner::PlanQuestion(const Descriptor* type, const Plan** plan) {
  known_.clear();
  EGOV_RETURN_IF_ERROR(Question(type, plan));
  SumUp();
  return absl::OkStatus();
}

absl::Status Planner::Answer(const Descriptor* type, bool within_subject, bool windowed,
                             const Plan** out) {
  const auto [place, added] = known_.emplace(Key(type, within_subject), nullptr);
  if (!added) {
    *out = place->second;
    return absl::OkStatus();
  }
  Plan* plan = place->second = NewPlan();
  *out = plan;
  const v1::Disclosure mark = MessageMark(type);
  EGOV_RETURN_IF_ERROR(CheckMark(mark, type->full_name()));
  if (mark.says_case() == v1::Disclosure::kSubject || mark.asked_about())
    return Bad(type->full_name(), "not every field of a message can name its subject");
  for (int i = 0; i < type->field_count(); ++i) {
    EGOV_RETURN_IF_ERROR(CheckMark(OwnMark(type->field(i)), type->field(i)->full_name()));
    if (IsSubject(type->field(i))) EGOV_RETURN_IF_ERROR(AddSubject(type->field(i), plan));
  }
  within_subject |= !plan->subjects.empty();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (IsSubject(field)) continue;
    if (windowed && field->number() == kWindowEndNumber && IsMessage(field) &&
        field->message_type()->full_name() == kWindowEnd)
      continue;
    EGOV_RETURN_IF_ERROR(AnswerField(field, within_subject, plan));
  }
  return absl::OkStatus();
}

absl::Status Planner::AnswerField(const FieldDescriptor* field, bool within_subject, Plan* plan) {
  const std::string& name = field->full_name();
  v1::Disclosure mark = OwnMark(field);
  if (mark.says_case() == v1::Disclosure::SAYS_NOT_SET)
    mark = MessageMark(field->containing_type());

  const Descriptor* inside = IsMessage(field) ? field->message_type() : nullptr;
  const bool names_subjects = inside != nullptr && Names(inside, IsSubject);
  if (field->is_map()) {
    if (names_subjects || (HasMarks(inside) && mark.says_case() != v1::Disclosure::kItem))
      return Bad(name,
                 "a map is marked whole: values with marks of their own need a repeated message");
    inside = nullptr;
  }

  Step step;
  step.field = field;
  if (mark.says_case() == v1::Disclosure::kItem) {
    // The item of a list of subjects is an item of each of them.
    if (items_need_subjects_ && !within_subject && !names_subjects)
      return Bad(name, "an item without an enclosing subject would be told about nobody");
    step.item = static_cast<int>(std::lower_bound(items_->begin(), items_->end(), mark.item()) -
                                 items_->begin());
    if (!names_subjects) inside = nullptr;
  } else if (inside != nullptr && !HasMarks(inside)) {
    if (mark.says_case() == v1::Disclosure::SAYS_NOT_SET) return Unmarked(field);
    inside = nullptr;
  } else if (inside == nullptr && mark.says_case() == v1::Disclosure::SAYS_NOT_SET) {
    return Unmarked(field);
  }
  if (inside != nullptr) EGOV_RETURN_IF_ERROR(Answer(inside, within_subject, false, &step.inside));

  if (step.item < 0 && step.inside == nullptr) {
    plan->has_plain = true;
  } else {
    plan->steps.push_back(step);
  }
  return absl::OkStatus();
}

absl::Status Planner::Question(const Descriptor* type, const Plan** out) {
  const auto [place, added] = known_.emplace(Key(type, false), nullptr);
  if (!added) {
    *out = place->second;
    return absl::OkStatus();
  }
  Plan* plan = place->second = NewPlan();
  *out = plan;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (IsAskedAbout(field)) {
      EGOV_RETURN_IF_ERROR(AddSubject(field, plan));
    } else if (IsMessage(field) && Names(field->message_type(), IsAskedAbout)) {
      if (field->is_map())
        return Bad(field->full_name(), "a map cannot name subjects: use a repeated message");
      Step step;
      step.field = field;
      EGOV_RETURN_IF_ERROR(Question(field->message_type(), &step.inside));
      plan->steps.push_back(step);
    }
  }
  return absl::OkStatus();
}

// To a fixed point, because types may contain themselves.
void Planner::SumUp() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& plan : plans_) {
      Items items = plan->items;
      bool names = plan->names_subjects || !plan->subjects.empty();
      bool plain = plan->has_plain;
      for (const Step& step : plan->steps) {
        if (step.item >= 0) items.set(step.item);
        if (step.inside == nullptr) continue;
        items |= step.inside->items;
        names |= step.inside->names_subjects;
        plain |= step.inside->has_plain;
      }
      if (items != plan->items || names != plan->names_subjects || plain != plan->has_plain) {
        plan->items = items;
        plan->names_subjects = names;
        plan->has_plain = plain;
        changed = true;
      }
    }
  }
}

void CollectItems(const Descriptor* type, std::vector<std::string>* items) {
  AnyType(type, [items](const Descriptor* t) {
    if (MessageMark(t).says_case() == v1::Disclosure::kItem)
      items->push_back(MessageMark(t).item());
    for (int i = 0; i < t->field_count(); ++i) {
      const v1::Disclosure mark = OwnMark(t->field(i));
      if (mark.says_case() == v1::Disclosure::kItem) items->push_back(mark.item());
    }
    return false;
  });
}

namespace {
void AddMarks(const Plan& plan, const std::string& prefix, const std::vector<std::string>& items,
              std::vector<const Plan*>* path, std::vector<Mark>* marks) {
  // A type that contains itself is shown once.
  if (std::find(path->begin(), path->end(), &plan) != path->end()) return;
  path->push_back(&plan);
  for (const SubjectField& subject : plan.subjects)
    marks->push_back({prefix + subject.field->name(), ""});
  for (const Step& step : plan.steps) {
    const std::string name = prefix + step.field->name();
    if (step.item >= 0) marks->push_back({name, items[step.item]});
    if (step.inside != nullptr) AddMarks(*step.inside, name + ".", items, path, marks);
  }
  path->pop_back();
}
}  // namespace

std::vector<Mark> MarksOf(const Plan& plan, const std::vector<std::string>& items) {
  std::vector<Mark> marks;
  std::vector<const Plan*> path;
  AddMarks(plan, "", items, &path, &marks);
  return marks;
}

}  // namespace egov::disclosure::internal
