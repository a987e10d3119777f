// A trust house for signatures: an authority with its OCSP responder, a time-stamp authority,
// people who sign; and a clock that every one of them follows. For tests.
#ifndef EGOV_LIBS_SIGNATURE_TESTING_HOUSE_H_
#define EGOV_LIBS_SIGNATURE_TESTING_HOUSE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/pki/ocsp.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"
#include "libs/signature/container.h"
#include "libs/signature/sign.h"
#include "libs/signature/trust.h"

namespace egov::signature::testing {

using pki::testing::Identity;
using pki::testing::Must;

// Its values are public: a test changes what it wants to see refused.
class House {
 public:
  explicit House(absl::Time now = absl::FromUnixSeconds(1780000000)) : now(now) {}

  absl::Time now;
  Identity root = pki::testing::MakeRoot("Root", now);
  Identity authority = MakeAuthority("Issuing Authority");
  Identity responder = MakeResponder(authority);
  Identity stamper = pki::testing::MakeMember(root, pki::Purpose::kTimeStamp, "", now);
  Identity signer = MakeSigner();
  // The issuing authority and the stamper's own certificate.
  TrustAnchors anchors{{authority.certificate}, {stamper.certificate}};

  Identity MakeAuthority(absl::string_view name) const {
    return pki::testing::MakeUnder(root,
                                   pki::testing::Profile(pki::Purpose::kAuthority, name, now));
  }
  Identity MakeResponder(const Identity& issuer) const {
    return pki::testing::MakeUnder(
        issuer, pki::testing::Profile(pki::Purpose::kOcsp, "OCSP Responder", now));
  }
  Identity MakeSigner(pki::KeyType type = pki::KeyType::kP256,
                      absl::string_view name = "Mari Maasikas") const {
    pki::CertificateProfile profile = pki::testing::Profile(pki::Purpose::kSignature, name, now);
    profile.country = "EE";
    profile.ocsp_url = "http://ocsp.example.com/";
    profile.issuer_url = "http://authority.example.com/ca.cer";
    return pki::testing::MakeUnder(authority, profile, type);
  }

  // A granted response for this request, at `at`.
  std::string Stamp(const std::string& request_der, absl::Time at) const {
    const auto tsa = Must(pki::TimeStampAuthority::Create(
        {"1.2.3.4.1", absl::Seconds(1), true}, stamper.certificate, stamper.key, {root.certificate},
        [at] { return at; }, [this] { return ++*serial_; }));
    return tsa.Respond(request_der).der;
  }
  // An OCSP answer of this status by `by` (the responder of the house when null).
  std::string Answer(const pki::Certificate& certificate, pki::OcspStatus status, absl::Time at,
                     const Identity* by = nullptr) const {
    const Identity& who = by == nullptr ? responder : *by;
    const auto ocsp =
        Must(pki::OcspResponder::Create(authority.certificate, who.certificate, who.key));
    const auto id =
        Must(pki::OcspIdOf(authority.certificate, certificate.serial(), pki::OcspHash::kSha1));
    return Must(ocsp.Answer({{id, std::move(status)}}, "", at));
  }
  std::string Good(const pki::Certificate& certificate, absl::Time at) const {
    pki::OcspStatus status;
    status.state = pki::OcspState::kGood;
    status.this_update = at;
    return Answer(certificate, status, at);
  }

  // The steps of a signature by `who` over all files of a container.
  SignatureRequest Request(const Container& container, const Identity& who) const {
    return {Must(DigestFiles(container)), who.certificate, now, {}, {}};
  }
  std::string Sign(const SignatureRequest& request, const pki::PrivateKey& key) const {
    const Draft draft = Must(Prepare(request));
    return Must(Finish(draft.xml, Must(key.Sign(draft.text))));
  }
  std::string Stamped(const std::string& b, absl::Time at) const {
    const auto request = pki::TimeStampRequest::New(Must(StampImprint(b)));
    return Must(AddTimeStamp(b, Stamp(request.ToDer(), at), request.nonce, anchors));
  }
  std::string Complete(const std::string& t, const Evidence& evidence) const {
    return Must(AddEvidence(t, evidence, anchors, now));
  }
  // B, T and LT in one go, all now.
  std::string SignLt(const Container& container, const Identity& who) const {
    return Complete(Stamped(Sign(Request(container, who), who.key), now),
                    {{Good(who.certificate, now)}, {}, {}});
  }

 private:
  std::unique_ptr<uint64_t> serial_ = std::make_unique<uint64_t>(0);
};

}  // namespace egov::signature::testing

#endif  // EGOV_LIBS_SIGNATURE_TESTING_HOUSE_H_
