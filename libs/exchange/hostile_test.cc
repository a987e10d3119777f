// What hostile, broken and unlucky callers get: refused by name, and nothing disclosed.
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <thread>

#include "absl/time/clock.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/exchange/testing/handmade.h"
#include "libs/merkle/merkle.h"
#include "libs/pki/testing/authority.h"
#include "libs/proof/wire.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/error_map.h"
#include "libs/rpc/testing/client.h"

namespace egov::exchange::testing {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::exchange::v1::Header;
using egov::exchange::v1::SealedHeader;
using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages
using pki::Purpose;
using pki::testing::Must;

TEST_F(HostileTest, ACallMadeByHandByTheRulesIsAnswered) { EXPECT_THAT(Send(Make()), IsOk()); }

TEST_F(HostileTest, AReplayedHeaderIsRefused) {
  const Handmade made = Make();
  ASSERT_THAT(Send(made), IsOk());
  EXPECT_THAT(Send(made), Fails(StatusCode::kAlreadyExists, "REPLAYED"));
  // Many at once: exactly one is answered.
  const Handmade raced = Make();
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { answered += Send(raced).ok(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 1);
}

TEST_F(HostileTest, AReplayedHeaderIsRefusedAfterARestartToo) {
  const Handmade made = Make();
  ASSERT_THAT(Send(made), IsOk());
  channels_.reset();
  StopRegister();
  StartRegister();
  Connect();
  EXPECT_THAT(Send(made), Fails(StatusCode::kAlreadyExists, "REPLAYED"));
}

TEST_F(HostileTest, AnswersThatAreNotReadStayInTheBudget) {
  IssueCardRequest request;
  request.set_request_id(base::NewUuid());
  *request.mutable_card() = MakeCard(1);
  request.mutable_card()->set_holder(std::string(1 << 20, 'h'));
  ASSERT_THAT(lender_->Call<IssueCardResponse>(kIssueCard, For("lending"), request), IsOk());
  constexpr int kCalls = 10;
  const uint64_t before = register_->log().Newest().size;
  grpc::ChannelArguments small;  // what is not asked for is not taken either
  small.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  small.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  grpc::GenericStub stub(grpc::CreateCustomChannel(
      options_.target, Must(rpc::ChannelTls(options_.tls, options_.audience)), small));
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> calls;
  for (int i = 0; i < kCalls; ++i) {
    const Handmade made = Make([&](Handmade& m) {
      m.request = Ask(1).SerializeAsString();
      m.header.set_request(Text(proof::Commit(m.salt, m.request)));
    });
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    channels_->Prepare(contexts.back().get(), absl::Seconds(60));
    contexts.back()->AddMetadata("egov-header-bin", made.sealed.SerializeAsString());
    contexts.back()->AddMetadata("egov-salt-bin", made.salt);
    contexts.back()->AddMetadata("egov-certificate-bin", made.certificate);
    calls.push_back(stub.PrepareCall(contexts.back().get(), kGetCard, &queue));
    void* tag = nullptr;
    bool ok = false;
    calls.back()->StartCall(nullptr);
    queue.Next(&tag, &ok);
    calls.back()->WriteLast(rpc::testing::ToBuffer(made.request), {}, nullptr);
    queue.Next(&tag, &ok);
  }
  const auto wait_for = [](const std::function<bool()>& holds) {
    for (int i = 0; i < 400 && !holds(); ++i) absl::SleepFor(absl::Milliseconds(50));
    return holds();
  };
  ASSERT_TRUE(wait_for([&] { return register_->log().Newest().size >= before + kCalls; }));
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(Metric("egov_calls_admitted"), kCalls) << "all answered, and nobody has read";
  for (const auto& context : contexts) context->TryCancel();
  EXPECT_TRUE(wait_for([&] { return Metric("egov_calls_admitted") == 0; }));
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

TEST_F(HostileTest, AHeaderForAnotherServiceMethodTimeOrContentIsRefused) {
  EXPECT_THAT(
      Send(Make([](Handmade& m) { m.header.set_audience("spiffe://ee/GOV/70000562/other"); })),
      Fails(StatusCode::kInvalidArgument, "WRONG_AUDIENCE", "header.audience"));
  EXPECT_THAT(
      Send(Make([](Handmade& m) { m.header.set_audience("spiffe://fi/GOV/70000562/lending"); })),
      Fails(StatusCode::kInvalidArgument, "WRONG_AUDIENCE", "header.audience"));
  EXPECT_THAT(Send(Make([](Handmade& m) { m.header.set_method(kFindUsage); })),
              Fails(StatusCode::kInvalidArgument, "WRONG_METHOD", "header.method"));
  for (const absl::Duration off : {absl::Minutes(6), -absl::Minutes(6)}) {
    EXPECT_THAT(Send(Make([&](Handmade& m) {
                  m.header.set_issued_micros(absl::ToUnixMicros(absl::Now() + off));
                })),
                Fails(StatusCode::kInvalidArgument, "STALE_HEADER", "header.issued_micros"));
  }
  Handmade other = Make();
  other.request = Ask(8).SerializeAsString();
  EXPECT_THAT(Send(other), Fails(StatusCode::kInvalidArgument, "BAD_COMMITMENT", "header.request"));
  Handmade salted = Make();
  salted.salt = base::RandomBytes(16);
  EXPECT_THAT(Send(salted), Fails(StatusCode::kInvalidArgument, "BAD_COMMITMENT"));
  EXPECT_THAT(Send(Make([](Handmade& m) {
                m.header.set_algorithm(egov::exchange::v1::ALGORITHM_UNSPECIFIED);
              })),
              Fails(StatusCode::kUnimplemented, "UNKNOWN_ALGORITHM"));
  EXPECT_THAT(Send(Make([](Handmade& m) {
                m.header.set_window(1);
                m.header.set_previous(std::string(32, 'x'));
              })),
              Fails(StatusCode::kInvalidArgument, "BAD_WINDOW"));
}

TEST_F(HostileTest, ASealThatIsNotOverThisHeaderIsRefused) {
  Handmade changed = Make();
  changed.header.set_purpose("other");
  changed.sealed.set_header(changed.header.SerializeAsString());
  EXPECT_THAT(Send(changed), Fails(StatusCode::kUnauthenticated, "BAD_SEAL"));

  // The path of another leaf: a batch of two, both sealed, positions swapped.
  Handmade first = Make(), second = Make();
  const std::string one = first.header.SerializeAsString(), two = second.header.SerializeAsString();
  const merkle::BatchTree tree({proof::HeaderLeaf(one), proof::HeaderLeaf(two)});
  const std::string signature = Must(key_->Sign(proof::SealedBytes(2, tree.root())));
  first.sealed.Clear();
  first.sealed.set_header(one);
  first.sealed.set_index(1);
  first.sealed.set_size(2);
  first.sealed.add_path(Text(tree.path(1)[0]));
  first.sealed.set_signature(signature);
  EXPECT_THAT(Send(first), Fails(StatusCode::kUnauthenticated, "BAD_SEAL"));
  // Its own path is good.
  first.sealed.set_index(0);
  first.sealed.set_path(0, Text(tree.path(0)[0]));
  EXPECT_THAT(Send(first), IsOk());

  // A node of the tree offered as a leaf.
  Handmade node = Make();
  node.sealed.set_header(Text(proof::HeaderLeaf(one)) + Text(proof::HeaderLeaf(two)));
  node.sealed.set_size(1);
  node.sealed.set_signature(Must(key_->Sign(proof::SealedBytes(1, tree.root()))));
  EXPECT_EQ(Send(node).code(), StatusCode::kInvalidArgument);
}

TEST_F(HostileTest, ASealByAnotherKeyOrKindOfKeyIsRefused) {
  const auto sealed_by = [&](const pki::testing::Identity& identity) {
    Handmade made = Make([&](Handmade& m) {
      m.header.set_seal_certificate(Text(identity.certificate.fingerprint()));
      m.certificate = identity.certificate.ToDer();
    });
    Seal(made, identity.key);
    return Send(made);
  };
  const absl::Time now = absl::Now();
  // The TLS key signs no seals.
  EXPECT_THAT(sealed_by(pki::testing::MakeMember(world_.transport_authority(), Purpose::kTransport,
                                                 kShop, now)),
              Fails(StatusCode::kPermissionDenied, "WRONG_USAGE"));
  // Another member's seal.
  EXPECT_THAT(
      sealed_by(pki::testing::MakeMember(world_.seal_authority(), Purpose::kSeal, kLender, now)),
      Fails(StatusCode::kUnauthenticated, "WRONG_CALLER"));
  // Another authority's.
  const pki::testing::Identity elsewhere = pki::testing::MakeRoot("Elsewhere", now);
  EXPECT_THAT(sealed_by(pki::testing::MakeMember(elsewhere, Purpose::kSeal, kShop, now)),
              Fails(StatusCode::kUnauthenticated, "UNKNOWN_ISSUER"));
  // An expired one.
  pki::CertificateProfile past = pki::testing::Profile(Purpose::kSeal, "past", now);
  past.spiffe = Must(pki::SpiffeId::FromXRoad(kShop));
  past.not_after = now - absl::Hours(1);
  EXPECT_THAT(sealed_by(pki::testing::MakeUnder(world_.seal_authority(), past)),
              Fails(StatusCode::kUnauthenticated, "EXPIRED"));
  // One that was never shown.
  Handmade unknown = Make([&](Handmade& m) {
    m.header.set_seal_certificate(std::string(32, 'x'));
    m.certificate.clear();
  });
  EXPECT_THAT(Send(unknown), Fails(StatusCode::kUnauthenticated, "UNKNOWN_SEAL_CERTIFICATE"));
}

TEST_F(HostileTest, ARevokedSealStopsOnAnOpenConnection) {
  ASSERT_THAT(Send(Make()), IsOk());
  world_.RevokeSeal(kShop);
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  absl::Status status;
  while (status.ok() && absl::Now() < limit) status = Send(Make());
  EXPECT_THAT(status, Fails(StatusCode::kUnauthenticated, "REVOKED"));
}

TEST_F(HostileTest, GarbageInEveryPlaceIsRefusedByName) {
  Handmade made = Make();
  grpc::ClientContext bare;
  EXPECT_THAT(rpc::testing::Call(channels_->Next(), kGetCard, made.request, &bare).status(),
              Fails(StatusCode::kInvalidArgument, "BAD_HEADER"));
  const std::string good = made.sealed.SerializeAsString();
  for (size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    grpc::ClientContext context;
    context.AddMetadata("egov-header-bin", bad);
    context.AddMetadata("egov-salt-bin", made.salt);
    context.AddMetadata("egov-certificate-bin", made.certificate);
    EXPECT_FALSE(rpc::testing::Call(channels_->Next(), kGetCard, made.request, &context).ok())
        << "byte " << i;
  }
  Handmade unparsable = Make([](Handmade& m) {
    m.request = "\xff\xff\xff";
    m.header.set_request(Text(proof::Commit(m.salt, m.request)));
  });
  EXPECT_THAT(Send(unparsable), Fails(StatusCode::kInvalidArgument, "BAD_MESSAGE"));
  Handmade huge = Make([](Handmade& m) { m.header.set_case_reference(std::string(1000, 'x')); });
  EXPECT_THAT(Send(huge), Fails(StatusCode::kInvalidArgument, "BAD_HEADER"));
}

TEST_F(HostileTest, WithoutATransportCertificateOfThisInstanceNoCallSucceeds) {
  const absl::Time now = absl::Now();
  const auto call_as = [&](const pki::testing::Identity& identity) {
    world_.ReplaceTransport(kShop, identity);
    Connect();
    return Send(Make());
  };
  EXPECT_THAT(call_as(pki::testing::MakeMember(world_.transport_authority(), Purpose::kTransport,
                                               kShop, now)),
              IsOk());
  pki::CertificateProfile profile = pki::testing::Profile(Purpose::kTransport, "shop", now);
  profile.spiffe = Must(pki::SpiffeId::FromXRoad(kShop));
  profile.not_after = now - absl::Hours(1);
  EXPECT_FALSE(call_as(pki::testing::MakeUnder(world_.transport_authority(), profile)).ok())
      << "expired";
  const pki::testing::Identity elsewhere = pki::testing::MakeRoot("Elsewhere", now);
  EXPECT_FALSE(call_as(pki::testing::MakeMember(elsewhere, Purpose::kTransport, kShop, now)).ok())
      << "another authority's";
  EXPECT_FALSE(
      call_as(pki::testing::MakeMember(world_.seal_authority(), Purpose::kSeal, kShop, now)).ok())
      << "a seal";
}

// A stream made by hand, message by message.
class HandmadeStream {
 public:
  HandmadeStream(rpc::Channels& channels, const std::string& method, const std::string& certificate)
      : stub_(channels.Next()) {
    channels.Prepare(&context_, absl::Seconds(10));
    context_.AddMetadata("egov-certificate-bin", certificate);
    call_ = stub_.PrepareCall(&context_, method, &queue_);
    call_->StartCall(this);
    Wait();
  }
  void Write(const std::string& message) {
    call_->Write(rpc::testing::ToBuffer(message), this);
    Wait();
  }
  // How the service ends the stream.
  absl::Status End() {
    call_->WritesDone(this);
    Wait();
    grpc::ByteBuffer message;
    do {
      call_->Read(&message, this);
    } while (Wait());
    grpc::Status status;
    call_->Finish(&status, this);
    Wait();
    return rpc::FromGrpc(status);
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

class HostileStreamTest : public HostileTest {
 protected:
  // Sends one part and the window's end, with a header as the numbers say.
  void SendWindow(HandmadeStream& stream, uint64_t window, const std::string& previous, bool last) {
    FindBlockedRequest part;
    part.set_scheme(kScheme);
    part.add_numbers("7");
    Handmade made = Make([&](Handmade& m) {
      m.method = kFindBlocked;
      m.request = part.SerializeAsString();
      m.header.set_method(kFindBlocked);
      m.header.clear_items();
      m.header.add_items("lending.card.blocked");
      m.header.set_request(Text(proof::Commit(m.salt, m.request)));
      m.header.set_window(window);
      m.header.set_previous(previous);
      m.header.set_last(last);
    });
    egov::exchange::v1::WindowEnd end;
    end.set_header(made.sealed.SerializeAsString());
    end.set_salt(made.salt);
    FindBlockedRequest closing;
    *closing.mutable_end() = end;
    stream.Write(made.request);
    stream.Write(closing.SerializeAsString());
    sent_ = Text(pki::Sha256Of(end.header()));
  }

  std::string sent_;  // digest of the sealed header sent last
};

TEST_F(HostileStreamTest, WindowsInOrderAreAnswered) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  SendWindow(stream, 0, "", false);
  SendWindow(stream, 1, sent_, true);
  EXPECT_THAT(stream.End(), IsOk());
}

TEST_F(HostileStreamTest, AWindowThatComesFirstButIsNotIsRefused) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  SendWindow(stream, 1, std::string(32, 'x'), true);
  EXPECT_THAT(stream.End(), Fails(StatusCode::kInvalidArgument, "BAD_WINDOW", "header.window"));
}

TEST_F(HostileStreamTest, ARepeatedWindowIsRefused) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  SendWindow(stream, 0, "", false);
  SendWindow(stream, 0, "", true);
  EXPECT_THAT(stream.End(), Fails(StatusCode::kInvalidArgument, "BAD_WINDOW"));
}

TEST_F(HostileStreamTest, AWindowThatNamesAnotherBeforeItIsRefused) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  SendWindow(stream, 0, "", false);
  SendWindow(stream, 1, std::string(32, 'x'), true);
  EXPECT_THAT(stream.End(), Fails(StatusCode::kInvalidArgument, "BAD_WINDOW"));
}

TEST_F(HostileStreamTest, AStreamThatEndsWithoutItsLastWindowIsToldSo) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  SendWindow(stream, 0, "", false);
  EXPECT_THAT(stream.End(), Fails(StatusCode::kInvalidArgument, "BAD_WINDOW"));
}

TEST_F(HostileStreamTest, EndlessEmptyPartsAreCutOff) {
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  for (int i = 0; i < 4200; ++i) stream.Write("");
  EXPECT_THAT(stream.End(), Fails(StatusCode::kInvalidArgument, "WINDOW_TOO_LARGE"));
}

TEST_F(HostileStreamTest, AStrangerToTheMethodCannotEvenBegin) {
  options_ = world_.Member(kLender, config_, register_->port());
  Connect();
  HandmadeStream stream(*channels_, kFindBlocked, certificate_->ToDer());
  EXPECT_THAT(stream.End(), Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
}

TEST_F(HostileTest, ARefusedActLeavesAUsageEntryForWhomItNamed) {
  Grant(kShop, "IssueCard", "sale");
  IssueCardRequest request;
  request.set_request_id(base::NewUuid());
  *request.mutable_card() = MakeCard(7);
  const size_t before = Usages(7).size();
  EXPECT_THAT(shop_->Call<IssueCardResponse>(kIssueCard, For("sale"), request),
              Fails(StatusCode::kAlreadyExists, "CARD_TAKEN"));
  EXPECT_EQ(Usages(7).size(), before + 1) << "that the card is taken was told";
}

TEST_F(HostileTest, OthersReceiptsAndTheWholeLogAreNotForEveryone) {
  const Handmade made = Make();
  ASSERT_THAT(Send(made), IsOk());
  egov::evidence::v1::GetReceiptRequest request;
  egov::evidence::v1::GetReceiptResponse response;
  request.set_id(made.header.id());
  EXPECT_THAT(shop_->CallPlain("/egov.evidence.v1.EvidenceService/GetReceipt", request, &response),
              IsOk());
  EXPECT_FALSE(
      lender_->CallPlain("/egov.evidence.v1.EvidenceService/GetReceipt", request, &response).ok());
  egov::evidence::v1::ListEntriesRequest list;
  egov::evidence::v1::ListEntriesResponse entries;
  list.set_origin("ee/GOV/70000562/lending/log/0");
  EXPECT_EQ(
      shop_->CallPlain("/egov.evidence.v1.EvidenceService/ListEntries", list, &entries).code(),
      StatusCode::kPermissionDenied);
  EXPECT_EQ(
      officer_->CallPlain("/egov.evidence.v1.EvidenceService/ListEntries", list, &entries).code(),
      StatusCode::kPermissionDenied)
      << "not for officers either, without the right";
}

}  // namespace
}  // namespace egov::exchange::testing
