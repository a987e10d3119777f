// How messages of one type are walked: what Contract compiles the options to, so that no call looks
// at options.
#ifndef EGOV_LIBS_DISCLOSURE_PLAN_H_
#define EGOV_LIBS_DISCLOSURE_PLAN_H_

#include <bitset>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "libs/disclosure/contract.h"

namespace egov::disclosure::internal {

using Items = std::bitset<Contract::kMaxItems>;

// A field that names whose data the message holds.
struct SubjectField {
  const google::protobuf::FieldDescriptor* field = nullptr;
  // Of an Identifier; null for a bare string.
  const google::protobuf::FieldDescriptor* scheme = nullptr;
  const google::protobuf::FieldDescriptor* value = nullptr;
};

struct Plan;

// A field that is cleared, entered, or both. Plain fields without marks inside have no step.
struct Step {
  const google::protobuf::FieldDescriptor* field = nullptr;
  int item = -1;                 // what must be allowed; -1: nothing
  const Plan* inside = nullptr;  // null: not entered
};

struct Plan {
  std::vector<SubjectField> subjects;
  std::vector<Step> steps;
  // Of this message and all below it.
  Items items;
  bool names_subjects = false;
  bool has_plain = false;
};

// Makes plans of the messages reachable from an answer or a question. Types that contain themselves
// are fine.
class Planner {
 public:
  Planner(bool items_need_subjects, const std::vector<std::string>* sorted_items)
      : items_need_subjects_(items_need_subjects), items_(sorted_items) {}

  // `type` as the answer of a method; `windowed`: it has the exchange's `end`.
  absl::Status PlanAnswer(const google::protobuf::Descriptor* type, bool windowed,
                          const Plan** plan);
  // `type` as a question: subjects only.
  absl::Status PlanQuestion(const google::protobuf::Descriptor* type, const Plan** plan);

  bool string_subjects() const { return string_subjects_; }
  std::vector<std::unique_ptr<Plan>> TakePlans() { return std::move(plans_); }

 private:
  using Key = std::pair<const google::protobuf::Descriptor*, bool>;

  absl::Status Answer(const google::protobuf::Descriptor* type, bool within_subject, bool windowed,
                      const Plan** plan);
  absl::Status AnswerField(const google::protobuf::FieldDescriptor* field, bool within_subject,
                           Plan* plan);
  absl::Status Question(const google::protobuf::Descriptor* type, const Plan** plan);
  absl::Status AddSubject(const google::protobuf::FieldDescriptor* field, Plan* plan);
  Plan* NewPlan();
  void SumUp();

  const bool items_need_subjects_;
  const std::vector<std::string>* const items_;
  bool string_subjects_ = false;
  std::vector<std::unique_ptr<Plan>> plans_;
  std::map<Key, Plan*> known_;
};

// Adds every item that marks of `type` and of what is below it name, allowed there or not.
void CollectItems(const google::protobuf::Descriptor* type, std::vector<std::string>* items);

// The marked fields along a plan, for people.
std::vector<Mark> MarksOf(const Plan& plan, const std::vector<std::string>& items);

}  // namespace egov::disclosure::internal

#endif  // EGOV_LIBS_DISCLOSURE_PLAN_H_
