#include "libs/proof/verify.h"

#include <cstdlib>
#include <functional>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/proof/testing/house.h"

namespace egov::proof {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::evidence::v1::EvidenceFile;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::Exchange;
using testing::House;

class VerifyTest : public ::testing::Test {
 protected:
  absl::StatusOr<Report> Check(const EvidenceFile& file, const VerifyOptions& options = {}) {
    return Verify(WriteFile(file), house_.anchors, house_.now + absl::Hours(1), options);
  }
  void ExpectRefused(const EvidenceFile& file, absl::string_view reason) {
    EXPECT_THAT(Check(file), Fails(StatusCode::kInvalidArgument, std::string(reason)));
  }
  // Makes a window's seal and record anew after its header was changed.
  void Reseal(Exchange* exchange, int i, const exchange::v1::Header& header,
              const std::function<void(exchange::v1::Record*)>& change = nullptr) {
    auto* window = exchange->file.mutable_windows(i);
    window->set_sealed_header(testing::SealBatch({header}, house_.seal.key)[0]);
    exchange::v1::Record record;
    record.ParseFromString(window->record());
    record.set_request(std::string(pki::AsBytes(pki::Sha256Of(window->sealed_header()))));
    if (change) change(&record);
    window->set_record(record.SerializeAsString());
    exchange->log.leaves[window->index()] = RecordLeaf(window->recorded_micros(), window->record());
    exchange->Finish(house_);
  }
  exchange::v1::Header HeaderOf(const Exchange& exchange, int i) {
    return OpenHeader(exchange.file.windows(i).sealed_header())->header;
  }

  House house_;
};

TEST_F(VerifyTest, SaysWhoAskedWhomWhatByWhichRightAndWhen) {
  const Exchange exchange(house_);
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(exchange.file));
  EXPECT_EQ(report.caller, "spiffe://ee/GOV/70000349/pensions");
  EXPECT_EQ(report.audience, "spiffe://ee/GOV/70000310/population");
  EXPECT_EQ(report.method, testing::kMethod);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.before->time, house_.now - absl::Seconds(10));
  EXPECT_EQ(report.after.time, house_.now + absl::Seconds(10));
  EXPECT_EQ(report.after.accuracy, absl::Seconds(1));
  EXPECT_EQ(report.after.size, 7);
  ASSERT_EQ(report.windows.size(), 1);
  const WindowFinding& window = report.windows[0];
  EXPECT_EQ(window.purpose, "old-age-pension");
  EXPECT_EQ(window.act, "RT I 2023, 12");
  EXPECT_EQ(window.case_reference, "run 2026-11");
  EXPECT_EQ(window.items.size(), 2);
  EXPECT_TRUE(window.question_proven && window.answer_proven && window.end_user_proven);
  EXPECT_EQ(window.question_messages, 2);
  EXPECT_TRUE(window.revocation_checked);
  EXPECT_FALSE(window.revocation_overdue);
  EXPECT_EQ(window.index, 5);
  const std::string text = report.ToText();
  for (const char* words :
       {"old-age-pension", "spiffe://ee/GOV/70000349/pensions", "released",
        "no witness has cosigned this log", "2027-01-15T07:59:50.000000Z", "proven, 2 messages"}) {
    EXPECT_TRUE(absl::StrContains(text, words)) << words << "\n" << text;
  }
  EXPECT_TRUE(absl::StrContains(report.ToJson(), "\"purpose\":\"old-age-pension\""));
}

TEST_F(VerifyTest, TheReportSaysWhichRevocationsWereNotChecked) {
  Exchange exchange(house_);
  EGOV_ASSERT_OK_AND_ASSIGN(Report report, Check(exchange.file));
  for (const std::string& told : {report.ToText(), report.ToJson()}) {
    EXPECT_TRUE(absl::StrContains(told, "\nNot checked\n") ||
                absl::StrContains(told, "\"not_checked\":["))
        << told;
    for (const char* words : {"certificate of the log had been revoked",
                              "certificate of a time-stamping authority had been revoked",
                              "certificate of an issuer of any of them had been revoked"}) {
      EXPECT_TRUE(absl::StrContains(told, words)) << words << "\n" << told;
    }
    EXPECT_FALSE(absl::StrContains(told, "the seal had been revoked")) << told;
  }
  // Nor that of the seal, where the service had no list.
  exchange.file.clear_revocations();
  Reseal(&exchange, 0, HeaderOf(exchange, 0),
         [](exchange::v1::Record* record) { record->clear_revocation(); });
  exchange.file.clear_revocations();
  EGOV_ASSERT_OK_AND_ASSIGN(report, Check(exchange.file));
  EXPECT_TRUE(absl::StrContains(report.ToText(), "the seal had been revoked"));
  EXPECT_TRUE(absl::StrContains(report.ToJson(), "the seal had been revoked"));
}

TEST_F(VerifyTest, ContentMayBeLeftOutAndIsThenOnlyCommittedTo) {
  Exchange exchange(house_);
  auto* window = exchange.file.mutable_windows(0);
  window->clear_request_parts();
  window->clear_request_salt();
  window->clear_response_parts();
  window->clear_response_salt();
  window->clear_end_user();
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(exchange.file));
  EXPECT_FALSE(report.windows[0].question_proven || report.windows[0].answer_proven);
  EXPECT_TRUE(report.windows[0].end_user);
  EXPECT_FALSE(report.windows[0].end_user_proven);
  EXPECT_TRUE(absl::StrContains(report.ToText(), "only committed to"));
}

TEST_F(VerifyTest, SeveralWindowsAreOneCompleteExchange) {
  const Exchange exchange(house_, 3);
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(exchange.file));
  EXPECT_EQ(report.windows.size(), 3);
  EXPECT_TRUE(report.complete);
}

TEST_F(VerifyTest, AMissingOrMovedWindowIsSeen) {
  Exchange cut(house_, 3);
  cut.file.mutable_windows()->RemoveLast();
  ExpectRefused(cut.file, "WINDOWS_MISSING");
  VerifyOptions partial;
  partial.partial = true;
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(cut.file, partial));
  EXPECT_FALSE(report.complete);
  EXPECT_TRUE(absl::StrContains(report.ToText(), "NOT COMPLETE"));
  for (const int gone : {0, 1}) {
    Exchange holed(house_, 3);
    holed.file.mutable_windows()->DeleteSubrange(gone, 1);
    ExpectRefused(holed.file, "WINDOWS_BROKEN");
  }
  Exchange swapped(house_, 3);
  swapped.file.mutable_windows()->SwapElements(1, 2);
  ExpectRefused(swapped.file, "WINDOWS_BROKEN");
}

TEST_F(VerifyTest, ARefusalIsEvidenceToo) {
  Exchange exchange(house_);
  auto* window = exchange.file.mutable_windows(0);
  window->clear_response_parts();
  window->set_details("details");
  const std::string none = std::string(pki::AsBytes(Commitment(window->response_salt()).Finish()));
  Reseal(&exchange, 0, HeaderOf(exchange, 0), [&](exchange::v1::Record* record) {
    record->set_code(7);
    record->set_reason("NO_RIGHT");
    record->set_response(none);
    record->set_details(std::string(pki::AsBytes(pki::Sha256Of("details"))));
  });
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(exchange.file));
  EXPECT_EQ(report.windows[0].code, 7);
  EXPECT_TRUE(absl::StrContains(report.ToText(), "PERMISSION_DENIED NO_RIGHT"));
  exchange.file.mutable_windows(0)->set_details("other");
  ExpectRefused(exchange.file, "CONTENT_MISMATCH");
}

TEST_F(VerifyTest, TheSealMustBeTheCallersOwn) {
  Exchange exchange(house_);
  auto header = HeaderOf(exchange, 0);
  header.set_caller("spiffe://ee/GOV/1/other");
  Reseal(&exchange, 0, header);
  ExpectRefused(exchange.file, "NOT_THE_CALLERS_SEAL");

  // Under another key than the certificate's.
  House other;
  Exchange forged(house_);
  forged.file.mutable_windows(0)->set_sealed_header(
      testing::SealBatch({HeaderOf(forged, 0)}, other.seal.key)[0]);
  exchange::v1::Record record;
  record.ParseFromString(forged.file.windows(0).record());
  record.set_request(
      std::string(pki::AsBytes(pki::Sha256Of(forged.file.windows(0).sealed_header()))));
  forged.file.mutable_windows(0)->set_record(record.SerializeAsString());
  forged.log.leaves[5] =
      RecordLeaf(forged.file.windows(0).recorded_micros(), forged.file.windows(0).record());
  forged.Finish(house_);
  ExpectRefused(forged.file, "BAD_SEAL");
}

TEST_F(VerifyTest, ATransportKeyIsNoSeal) {
  House house;
  house.seal = pki::testing::MakeMember(house.seal_ca, pki::Purpose::kTransport, testing::kCaller,
                                        house.now);
  house.crl = house.List(1, {});
  const Exchange exchange(house);
  EXPECT_THAT(Verify(WriteFile(exchange.file), house.anchors, house.now),
              Fails(StatusCode::kPermissionDenied, "WRONG_USAGE", "windows[0].sealed_header"));
}

TEST_F(VerifyTest, ARevokedSealIsRefusedAndALaterRevocationIsNot) {
  House house;
  house.crl = house.List(2, {{house.seal.certificate.serial(), house.now - absl::Minutes(1)}});
  EXPECT_THAT(Verify(WriteFile(Exchange(house).file), house.anchors, house.now),
              Fails(StatusCode::kInvalidArgument, "REVOKED"));
  house.crl = house.List(2, {{house.seal.certificate.serial(), house.now + absl::Minutes(1)}});
  EXPECT_THAT(Verify(WriteFile(Exchange(house).file), house.anchors, house.now), IsOk());
}

TEST_F(VerifyTest, AListOfAnotherIssuerSaysNothing) {
  House house;
  house.crl =
      testing::Must(pki::Crl::Build(house.tsa_ca.certificate, house.tsa_ca.key, 1,
                                    house.now - absl::Hours(1), house.now + absl::Hours(1), {}));
  EXPECT_THAT(Verify(WriteFile(Exchange(house).file), house.anchors, house.now),
              Fails(StatusCode::kInvalidArgument, "BAD_REVOCATION"));
}

TEST_F(VerifyTest, TheListThatTheRecordNamesMustBeThere) {
  Exchange exchange(house_);
  exchange.file.clear_revocations();
  ExpectRefused(exchange.file, "REVOCATION_MISSING");
}

TEST_F(VerifyTest, AnotherServicesLogProvesNothing) {
  House house;
  house.log =
      pki::testing::MakeMember(house.seal_ca, pki::Purpose::kLog, "ee/GOV/1/other", house.now);
  EXPECT_THAT(Verify(WriteFile(Exchange(house).file), house.anchors, house.now),
              Fails(StatusCode::kInvalidArgument, "NOT_THE_SERVICES_LOG"));
  Exchange exchange(house_);
  auto header = HeaderOf(exchange, 0);
  header.set_audience("spiffe://ee/GOV/1/other");
  Reseal(&exchange, 0, header);
  ExpectRefused(exchange.file, "NOT_THE_SERVICES_LOG");
}

TEST_F(VerifyTest, OnlyTheGivenAnchorsAreTrusted) {
  const Exchange exchange(house_);
  const House other;
  EXPECT_THAT(Verify(WriteFile(exchange.file), other.anchors, house_.now),
              Fails(StatusCode::kUnauthenticated, "UNKNOWN_ISSUER"));
  // Anchors below the root do as well, also when the file carries them.
  EXPECT_THAT(Verify(WriteFile(exchange.file),
                     {house_.seal_ca.certificate, house_.tsa_ca.certificate}, house_.now),
              IsOk());
}

TEST_F(VerifyTest, WhatIsNotNeededIsRefused) {
  Exchange exchange(house_);
  const House other;
  exchange.file.add_certificates(other.seal.certificate.ToDer());
  ExpectRefused(exchange.file, "NOT_NEEDED");
  Exchange second(house_);
  second.file.add_revocations(house_.List(9, {}).ToDer());
  ExpectRefused(second.file, "NOT_NEEDED");
  Exchange third(house_);
  third.file.add_certificates(third.file.certificates(0));
  ExpectRefused(third.file, "NOT_NEEDED");
}

TEST_F(VerifyTest, ClockAndStampsMustAgree) {
  Exchange early(house_);
  *early.file.mutable_after() =
      house_.Stamp(early.file.after().checkpoint(), house_.now - absl::Minutes(5));
  *early.file.mutable_before() =
      house_.Stamp(early.file.before().checkpoint(), house_.now - absl::Minutes(6));
  ExpectRefused(early.file, "TIMES_CONTRADICT");
  Exchange turned(house_);
  *turned.file.mutable_before() =
      house_.Stamp(turned.file.before().checkpoint(), house_.now + absl::Minutes(1));
  ExpectRefused(turned.file, "TIMES_CONTRADICT");
  Exchange future(house_);
  EXPECT_THAT(Verify(WriteFile(future.file), house_.anchors, house_.now - absl::Minutes(10)),
              Fails(StatusCode::kInvalidArgument, "TIMES_CONTRADICT"));
}

TEST_F(VerifyTest, WithoutAStampBeforeOnlyAPartialFileVerifies) {
  Exchange exchange(house_);
  exchange.file.clear_before();
  ExpectRefused(exchange.file, "NO_STAMP_BEFORE");
  exchange.file.clear_consistency();
  ExpectRefused(exchange.file, "NO_STAMP_BEFORE");
  VerifyOptions partial;
  partial.partial = true;
  EGOV_ASSERT_OK_AND_ASSIGN(const Report report, Check(exchange.file, partial));
  EXPECT_FALSE(report.before);
}

TEST_F(VerifyTest, TheLogAfterMustExtendTheLogBefore) {
  Exchange exchange(house_);
  testing::MemoryLog other(house_);
  for (int i = 0; i < 5; ++i) other.Append(absl::StrCat("another past ", i), i);
  *exchange.file.mutable_before() = house_.Stamp(other.Note(5), house_.now - absl::Seconds(10));
  ExpectRefused(exchange.file, "NOT_CONSISTENT");
}

TEST_F(VerifyTest, AnyFlippedByteIsSeen) {
  const std::string file = WriteFile(Exchange(house_).file);
  for (size_t i = 0; i < file.size(); i += 7) {  // all are under the one digest
    std::string changed = file;
    changed[i] ^= static_cast<char>(1 << (i % 8));
    ASSERT_FALSE(Verify(changed, house_.anchors, house_.now).ok()) << "byte " << i;
  }
  ASSERT_THAT(Verify(file, house_.anchors, house_.now), IsOk());
  EXPECT_THAT(Verify(file + "x", house_.anchors, house_.now),
              Fails(StatusCode::kDataLoss, "DAMAGED"));
  EXPECT_THAT(Verify(file.substr(0, file.size() - 1), house_.anchors, house_.now),
              Fails(StatusCode::kDataLoss, "DAMAGED"));
  EXPECT_THAT(Verify("", house_.anchors, house_.now),
              Fails(StatusCode::kInvalidArgument, "NOT_EVIDENCE"));
}

TEST_F(VerifyTest, ADamagedLargeFileIsNamedSoWhateverElseIsWrongWithIt) {
  Exchange exchange(house_);
  *exchange.file.mutable_windows(0)->mutable_request_parts(0) = std::string(2 << 20, 'x');
  std::string file = WriteFile(exchange.file);
  EXPECT_THAT(Verify(file, house_.anchors, house_.now),
              Fails(StatusCode::kInvalidArgument, "CONTENT_MISMATCH"));
  file.back() ^= 1;
  EXPECT_THAT(Verify(file, house_.anchors, house_.now), Fails(StatusCode::kDataLoss, "DAMAGED"));
}

// The closing digest is no protection against those who compute it anew: everything below is
// changed in the message and written as a good file.
TEST_F(VerifyTest, AnyFlippedByteIsSeenThoughTheDigestIsComputedAnew) {
  constexpr size_t kDigest = 32;
  const std::string file = WriteFile(Exchange(house_).file);
  // Each byte costs a whole verification, so an ordinary run takes one in sixteen, others each
  // time; with EGOV_EVERY_BYTE in the environment all of them (a minute or two).
  const size_t step = std::getenv("EGOV_EVERY_BYTE") != nullptr ? 1 : 16;
  const size_t first = static_cast<unsigned char>(base::RandomBytes(1)[0]) % step;
  for (size_t i = first; i < file.size() - kDigest; i += step) {
    std::string changed = file.substr(0, file.size() - kDigest);
    changed[i] ^= static_cast<char>(1 << (i % 8));
    const pki::Digest digest = pki::Sha256Of(changed);
    changed += std::string(pki::AsBytes(digest));
    EXPECT_FALSE(Verify(changed, house_.anchors, house_.now).ok()) << "byte " << i;
  }
}

// Every field of every message, changed or taken away one at a time.
class Mutator {
 public:
  Mutator(const EvidenceFile& good, std::function<void(const EvidenceFile&, std::string)> check)
      : good_(good), file_(good), check_(std::move(check)) {}

  int Run() {
    Walk(&file_, "");
    return count_;
  }

 private:
  template <typename Change>
  void Try(const std::string& what, Change change) {
    const EvidenceFile saved = file_;
    change();
    ++count_;
    if (file_.SerializeAsString() != saved.SerializeAsString()) check_(file_, what);
    file_.CopyFrom(saved);
  }

  // Messages are looked up anew from the root, because restoring the file moves them.
  void Walk(Message* root, const std::string&) { Visit({}, root->GetDescriptor()); }

  using Step = std::pair<const FieldDescriptor*, int>;

  Message* At(const std::vector<Step>& steps) {
    Message* message = &file_;
    for (const auto& [field, index] : steps) {
      const auto* reflection = message->GetReflection();
      message = field->is_repeated() ? reflection->MutableRepeatedMessage(message, field, index)
                                     : reflection->MutableMessage(message, field);
    }
    return message;
  }

  void Visit(const std::vector<Step>& steps, const google::protobuf::Descriptor* type) {
    for (int f = 0; f < type->field_count(); ++f) {
      const FieldDescriptor* field = type->field(f);
      const auto* reflection = At(steps)->GetReflection();
      const std::string name = field->full_name();
      Try(name + " cleared", [&] { reflection->ClearField(At(steps), field); });
      const int size = field->is_repeated() ? reflection->FieldSize(*At(steps), field) : 1;
      if (field->is_repeated()) {
        Try(name + " cut", [&] {
          if (size > 0) reflection->RemoveLast(At(steps), field);
        });
        Try(name + " swapped", [&] {
          if (size > 1) reflection->SwapElements(At(steps), field, 0, size - 1);
        });
        Try(name + " doubled", [&] {
          if (size == 0) return;
          if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
            const auto& last = reflection->GetRepeatedMessage(*At(steps), field, size - 1);
            std::unique_ptr<Message> copy(last.New());
            copy->CopyFrom(last);
            reflection->AddMessage(At(steps), field)->CopyFrom(*copy);
          } else {
            reflection->AddString(At(steps), field,
                                  reflection->GetRepeatedString(*At(steps), field, size - 1));
          }
        });
      }
      for (int i = 0; i < size; ++i) {
        if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
          std::vector<Step> deeper = steps;
          deeper.emplace_back(field, i);
          Visit(deeper, field->message_type());
        } else {
          Change(steps, field, i);
        }
      }
    }
  }

  void Change(const std::vector<Step>& steps, const FieldDescriptor* field, int i) {
    const auto* reflection = file_.GetReflection();
    const auto set = [&](const std::function<void(std::string*)>& change) {
      Message* message = At(steps);
      reflection = message->GetReflection();
      std::string value = field->is_repeated() ? reflection->GetRepeatedString(*message, field, i)
                                               : reflection->GetString(*message, field);
      change(&value);
      if (field->is_repeated()) {
        reflection->SetRepeatedString(message, field, i, value);
      } else {
        reflection->SetString(message, field, value);
      }
    };
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        Try(field->full_name() + " emptied", [&] { set([](std::string* s) { s->clear(); }); });
        Try(field->full_name() + " cut", [&] {
          set([](std::string* s) {
            if (!s->empty()) s->pop_back();
          });
        });
        Try(field->full_name() + " extended", [&] { set([](std::string* s) { *s += 'x'; }); });
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        Try(field->full_name() + " changed", [&] {
          At(steps)->GetReflection()->SetInt64(
              At(steps), field, At(steps)->GetReflection()->GetInt64(*At(steps), field) + 1);
        });
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        Try(field->full_name() + " changed", [&] {
          At(steps)->GetReflection()->SetUInt64(
              At(steps), field, At(steps)->GetReflection()->GetUInt64(*At(steps), field) + 1);
        });
        break;
      default:
        FAIL() << "a kind of field that this test does not know: " << field->full_name();
    }
  }

  const EvidenceFile& good_;
  EvidenceFile file_;
  std::function<void(const EvidenceFile&, std::string)> check_;
  int count_ = 0;
};

TEST_F(VerifyTest, AnyChangedFieldIsSeenThoughTheDigestIsComputedAnew) {
  const Exchange exchange(house_, 2);
  ASSERT_THAT(Check(exchange.file), IsOk());
  // The order of certificates and lists carries no meaning, and says nothing else when changed.
  const int tried = Mutator(exchange.file, [&](const EvidenceFile& file, std::string what) {
                      if (what == "egov.evidence.v1.EvidenceFile.certificates swapped") return;
                      EXPECT_FALSE(Check(file).ok()) << what;
                    }).Run();
  EXPECT_GT(tried, 150);
}

}  // namespace
}  // namespace egov::proof
