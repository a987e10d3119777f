// Calls made by hand against the register of library cards, so that every part of them can be
// wrong; for tests.
#ifndef EGOV_LIBS_EXCHANGE_TESTING_HANDMADE_H_
#define EGOV_LIBS_EXCHANGE_TESTING_HANDMADE_H_

#include <grpcpp/client_context.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "libs/exchange/testing/fixture.h"
#include "libs/pki/testing/authority.h"
#include "libs/proof/wire.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/testing/client.h"

namespace egov::exchange::testing {

inline std::string Text(const pki::Digest& digest) { return std::string(pki::AsBytes(digest)); }

// A call made by hand, so that every part of it can be wrong.
struct Handmade {
  std::string method = kGetCard;
  std::string request;
  std::string salt = base::RandomBytes(16);
  egov::exchange::v1::Header header;
  egov::exchange::v1::SealedHeader sealed;
  std::string certificate;
};

class HostileTest : public LendingTest {
 protected:
  void SetUp() override {
    LendingTest::SetUp();
    GrantUsual();
    ASSERT_THAT(Issue(7), base::IsOk());
    options_ = world_.Member(kShop, config_, register_->port());
    key_ = std::make_unique<pki::PrivateKey>(
        pki::testing::Must(pki::PrivateKey::LoadFile(options_.seal_key)));
    certificate_ = Load(options_.seal_certificate);
    Connect();
  }

  void TearDown() override {
    channels_.reset();
    LendingTest::TearDown();
  }

  void Connect() {
    rpc::ChannelOptions channel;
    channel.target = options_.target;
    channel.audience = options_.audience;
    channel.tls = options_.tls;
    channels_ = pki::testing::Must(rpc::Channels::Create(channel));
  }

  static std::unique_ptr<pki::Certificate> Load(const std::string& path) {
    std::string pem;
    FILE* const file = fopen(path.c_str(), "r");
    char buffer[8192];
    pem.assign(buffer, fread(buffer, 1, sizeof buffer, file));
    fclose(file);
    return std::make_unique<pki::Certificate>(
        pki::testing::Must(pki::Certificate::ChainFromPem(pem))[0]);
  }

  // A right call; `twist` spoils the header before it is sealed.
  Handmade Make(const std::function<void(Handmade&)>& twist = nullptr) {
    Handmade made;
    made.request = Ask(7).SerializeAsString();
    egov::exchange::v1::Header& header = made.header;
    header.set_id(base::RandomBytes(16));
    header.set_caller(std::string("spiffe://") + kShop);
    header.set_audience(config_.audience());
    header.set_method(made.method);
    header.set_issued_micros(absl::ToUnixMicros(absl::Now()));
    header.set_purpose("sale");
    header.add_items("lending.card.holder");
    header.set_request(Text(proof::Commit(made.salt, made.request)));
    header.set_last(true);
    header.set_algorithm(egov::exchange::v1::ALGORITHM_ECDSA_P256_SHA256);
    header.set_seal_certificate(Text(certificate_->fingerprint()));
    made.certificate = certificate_->ToDer();
    if (twist) twist(made);
    Seal(made, *key_);
    return made;
  }

  static void Seal(Handmade& made, const pki::PrivateKey& key) {
    const std::string bytes = made.header.SerializeAsString();
    made.sealed.set_header(bytes);
    made.sealed.set_size(1);
    made.sealed.set_signature(
        pki::testing::Must(key.Sign(proof::SealedBytes(1, proof::HeaderLeaf(bytes)))));
  }

  absl::Status Send(const Handmade& made) {
    grpc::ClientContext context;
    channels_->Prepare(&context, absl::Seconds(10));
    context.AddMetadata("egov-header-bin", made.sealed.SerializeAsString());
    context.AddMetadata("egov-salt-bin", made.salt);
    context.AddMetadata("egov-certificate-bin", made.certificate);
    return rpc::testing::Call(channels_->Next(), made.method, made.request, &context).status();
  }

  ClientOptions options_;
  std::unique_ptr<pki::PrivateKey> key_;
  std::unique_ptr<pki::Certificate> certificate_;
  std::unique_ptr<rpc::Channels> channels_;
};

}  // namespace egov::exchange::testing

#endif  // EGOV_LIBS_EXCHANGE_TESTING_HANDMADE_H_
