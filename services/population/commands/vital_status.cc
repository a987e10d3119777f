#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

// A part of an answer may have 1 MiB. An entry's bytes are counted with room to spare for tags and
// lengths.
constexpr size_t kPartBytes = 1000 * 1000;
constexpr size_t kEntryBytes = 40;
// A malformed value is told back as it was asked for, but only so much of it: it is no code, and
// may be anything.
constexpr size_t kMaxMalformed = 200;

// Gathers the answer and hands it on in parts.
class Parts {
 public:
  explicit Parts(exchange::Emit<v1::VerifyVitalStatusResponse> emit) : emit_(emit) {}

  // The part to which an entry of so many bytes may be added.
  absl::StatusOr<v1::VerifyVitalStatusResponse*> Room(size_t bytes) {
    size_ += bytes + kEntryBytes;
    if (size_ > kPartBytes) {
      EGOV_RETURN_IF_ERROR(Send());
      size_ = bytes + kEntryBytes;
    }
    return &part_;
  }

  // What is left; at least one part, so that an answer without entries is one.
  absl::Status Finish() { return size_ > 0 || sent_ == 0 ? Send() : absl::OkStatus(); }

 private:
  absl::Status Send() {
    v1::VerifyVitalStatusResponse full;
    full.Swap(&part_);
    size_ = 0;
    ++sent_;
    return emit_(std::move(full));
  }

  exchange::Emit<v1::VerifyVitalStatusResponse> emit_;
  v1::VerifyVitalStatusResponse part_;
  size_t size_ = 0;
  int sent_ = 0;
};

// The longest beginning of `text` of at most `size` bytes that ends with a character.
absl::string_view Beginning(absl::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

exchange::QueryCommand<v1::VerifyVitalStatusRequest, v1::VerifyVitalStatusResponse>
VerifyVitalStatus(const Store& store) {
  return [&store](storage::Transaction& transaction, const exchange::Call& call,
                  absl::Span<const v1::VerifyVitalStatusRequest* const> parts,
                  exchange::Emit<v1::VerifyVitalStatusResponse> emit) -> absl::Status {
    const AcceptedScheme* scheme =
        parts.empty() ? nullptr : store.schemes().Find(parts[0]->scheme());
    for (const v1::VerifyVitalStatusRequest* part : parts) {
      if (scheme == nullptr || part->scheme() != parts[0]->scheme()) {
        return base::Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_SCHEME",
                           "The register knows no such scheme of identifiers.")
            .Field("scheme")
            .Expected("a scheme of this register, the same in all parts");
      }
    }
    // The keys were resolved at the transaction's horizon or later; so is what is told about them.
    EGOV_RETURN_IF_ERROR(store.column().WaitFor(transaction.horizon()));
    const std::shared_ptr<const VitalColumn::View> view = store.column().view();
    const bool tell_date = call.Wants("population.person.death_date");
    const bool tell_successor = call.Wants("population.person.identifiers");

    Parts answer(emit);
    absl::flat_hash_set<absl::string_view> answered;
    // A person whose identifiers were never replaced has one code: a bit is enough to answer it
    // once.
    std::vector<bool> dead_answered;
    constexpr size_t kAhead = 16;
    for (size_t i = 0; i < call.asked.size(); ++i) {
      if (i + kAhead < call.keys.size()) view->Prefetch(call.keys[i + kAhead]);
      const uint64_t key = call.keys[i];
      const Vital vital = key == 0 ? Vital() : view->Get(key);
      if (vital.known() && !vital.dead() && !vital.has_superseded()) continue;

      const absl::string_view code = call.asked[i].value;
      if (vital.known() && !vital.has_superseded()) {
        if (dead_answered.size() <= key)
          dead_answered.resize(std::max<size_t>(key + 1, 2 * dead_answered.size()));
        if (dead_answered[key]) continue;
        dead_answered[key] = true;
      } else if (!answered.insert(code).second) {
        continue;
      }

      uint64_t packed = 0;
      if (!vital.known() || vital.has_superseded()) {
        const identifiers::Fault fault = scheme->rules->Pack(code, &packed);
        if (fault != identifiers::Fault::kNone) {
          const absl::string_view value = Beginning(code, kMaxMalformed);
          const absl::string_view reason = identifiers::ReasonOf(fault);
          EGOV_ASSIGN_OR_RETURN(v1::VerifyVitalStatusResponse* const part,
                                answer.Room(value.size() + reason.size()));
          v1::MalformedIdentifier* malformed = part->add_malformed();
          malformed->set_value(value.data(), value.size());
          malformed->set_reason(reason.data(), reason.size());
          continue;
        }
      }
      if (!vital.known()) {
        EGOV_ASSIGN_OR_RETURN(v1::VerifyVitalStatusResponse* const part, answer.Room(code.size()));
        part->add_unknown(code.data(), code.size());
        continue;
      }
      if (vital.has_superseded()) {
        const uint64_t successor = store.column().Successor({scheme->number, packed});
        if (successor != 0) {
          const std::string in_force = scheme->rules->Unpack(successor);
          EGOV_ASSIGN_OR_RETURN(v1::VerifyVitalStatusResponse* const part,
                                answer.Room(code.size() + in_force.size()));
          v1::Superseded* superseded = part->add_superseded();
          superseded->set_code(code.data(), code.size());
          if (tell_successor) superseded->set_successor(in_force);
        }
      }
      if (vital.dead()) {
        EGOV_ASSIGN_OR_RETURN(v1::VerifyVitalStatusResponse* const part, answer.Room(code.size()));
        v1::Deceased* deceased = part->add_deceased();
        deceased->set_code(code.data(), code.size());
        const civil::PartialDate date = vital.death_date();
        if (tell_date && date.known()) ToProto(date, deceased->mutable_death_date());
      }
    }
    return answer.Finish();
  };
}

}  // namespace egov::population::commands
