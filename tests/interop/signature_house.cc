// Our side of tests/interop/run: a trust house, containers signed in it, and its OCSP responder and
// time-stamp authority for another program that signs.
//
//   signature_house serve DIR             makes DIR's certificates, keys and containers, listens,
//   writes DIR/url; ends with
//                                         its input
//   signature_house add DIR CONTAINER     signs it once more with DIR/signer.key, by the addresses
//   in
//                                         DIR/url
//   signature_house judge DIR CONTAINER   a line: "TOTAL_PASSED XAdES-BASELINE-LT CONTAINER", or
//   what is wrong with it
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/http/http.h"
#include "libs/signature/container.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/validate.h"

namespace {

using namespace egov;  // NOLINT: a program of a test
using signature::testing::House;
using signature::testing::Identity;
using signature::testing::Must;

void Write(const std::string& path, absl::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string Read(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

// What is known as good; everything else is unknown to the responder.
http::Response AnswerOcsp(const House& house, const std::string& question) {
  const auto request = pki::OcspRequest::FromDer(question);
  if (!request.ok()) {
    return {200, "application/ocsp-response",
            pki::OcspRefusal(pki::OcspFailure::kMalformedRequest)};
  }
  const auto responder = Must(pki::OcspResponder::Create(
      house.authority.certificate, house.responder.certificate, house.responder.key));
  std::vector<pki::OcspAnswer> answers;
  for (const pki::OcspCertId& id : request->ids) {
    pki::OcspStatus status;
    if (id.serial == house.signer.certificate.serial()) status.state = pki::OcspState::kGood;
    status.this_update = absl::Now();
    answers.push_back({id, status});
  }
  return {200, "application/ocsp-response",
          Must(responder.Answer(answers, request->nonce, absl::Now()))};
}

void MakeContainers(const House& house, const std::string& dir) {
  const std::vector<signature::NewFile> files = {
      {"leping.txt", "text/plain", "Kokku lepitud.\n", ""},
      {"t\xC3\xA4ht 1% & <2>.xml", "text/xml", "<a>\n</a>", ""}};
  const std::string plain = Must(signature::CreateContainer(files));
  const auto container = Must(signature::Container::FromBytes(plain));
  const std::string mine = house.SignLt(container, house.signer);
  Write(dir + "/p256.asice", Must(signature::WithSignature(plain, mine)));
  for (const auto& [name, type] :
       {std::pair{"p384", pki::KeyType::kP384}, {"rsa", pki::KeyType::kRsa}}) {
    Write(dir + "/" + name + ".asice",
          Must(signature::WithSignature(plain, house.SignLt(container, house.MakeSigner(type)))));
  }
  // Two signatures, one with role and place; the file written and extended in place.
  const std::string two = dir + "/two.asice";
  auto written = signature::CreateContainerFile(two, files);
  if (written.ok()) written = signature::AddSignature(two, mine);
  const Identity second = house.MakeSigner(pki::KeyType::kP256, "Jaan Tamm");
  signature::SignatureRequest request = house.Request(container, second);
  request.roles = {"juhatuse liige"};
  request.place = {"Tartu", "Tartumaa", "51003", "EE"};
  const std::string also = house.Complete(house.Stamped(house.Sign(request, second.key), house.now),
                                          {{house.Good(second.certificate, house.now)}, {}, {}});
  if (written.ok()) written = signature::AddSignature(two, also);
  if (!written.ok()) std::cerr << written << "\n";
  // The same signature over another text.
  const std::string other = Must(signature::CreateContainer(
      {{files[0].name, files[0].media_type, "Kokku lepitud!\n", ""}, files[1]}));
  Write(dir + "/changed.asice", Must(signature::WithSignature(other, mine)));
}

int Serve(const std::string& dir) {
  const House house(absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())));
  Write(dir + "/authority.pem", house.authority.certificate.ToPem());
  Write(dir + "/stamper.pem", house.stamper.certificate.ToPem());
  Write(dir + "/signer.pem", house.signer.certificate.ToPem());
  Write(dir + "/signer.key", house.signer.key.ToPem().Reveal());
  MakeContainers(house, dir);
  http::ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.threads = 1;
  auto server =
      Must(http::Server::Start(options, [&](const http::Request& request) -> http::Response {
        if (request.path == "/ocsp") return AnswerOcsp(house, request.body);
        if (request.path == "/stamp") {
          return {200, "application/timestamp-reply", house.Stamp(request.body, absl::Now())};
        }
        return {404, "text/plain", ""};
      }));
  Write(dir + "/url", "http://127.0.0.1:" + std::to_string(server->port()) + "\n");
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  return 0;
}

signature::TrustAnchors AnchorsOf(const std::string& dir) {
  return {{Must(pki::Certificate::FromPem(Read(dir + "/authority.pem")))},
          {Must(pki::Certificate::FromPem(Read(dir + "/stamper.pem")))}};
}

int Add(const std::string& dir, const std::string& path) {
  const signature::TrustAnchors anchors = AnchorsOf(dir);
  const auto signer = Must(pki::Certificate::FromPem(Read(dir + "/signer.pem")));
  const auto key = Must(pki::PrivateKey::FromPem(Read(dir + "/signer.key")));
  std::string url = Read(dir + "/url");
  url.pop_back();
  const auto container = Must(signature::Container::Open(path));
  const signature::Draft draft = Must(
      signature::Prepare({Must(signature::DigestFiles(container)), signer, absl::Now(), {}, {}}));
  const std::string b = Must(signature::Finish(draft.xml, Must(key.Sign(draft.text))));
  const auto question = pki::TimeStampRequest::New(Must(signature::StampImprint(b)));
  const auto stamp =
      Must(http::Post(url + "/stamp", "application/timestamp-query", question.ToDer()));
  const std::string t = Must(signature::AddTimeStamp(b, stamp.body, question.nonce, anchors));
  const auto request = Must(pki::OcspRequest::New(signer, anchors.authorities[0]));
  const auto answer = Must(http::Post(url + "/ocsp", "application/ocsp-request", request.ToDer()));
  const std::string lt =
      Must(signature::AddEvidence(t, {{answer.body}, {}, {}}, anchors, absl::Now()));
  const absl::Status added = signature::AddSignature(path, lt);
  if (!added.ok()) std::cerr << added << "\n";
  return added.ok() ? 0 : 1;
}

int Judge(const std::string& dir, const std::string& path) {
  const signature::TrustAnchors anchors = AnchorsOf(dir);
  const auto container = signature::Container::Open(path);
  if (!container.ok()) {
    std::cout << container.status() << "\n";
    return 1;
  }
  const auto report = Must(signature::Validate(*container, anchors, absl::Now()));
  for (const auto& s : report.signatures) {
    std::cout << signature::IndicationName(s.verdict.indication) << " "
              << signature::LevelName(s.level) << " " << path.substr(path.rfind('/') + 1) << " "
              << signature::SubIndicationName(s.verdict.sub_indication) << " " << s.verdict.reason
              << " " << s.verdict.text;
    for (const auto& warning : s.warnings) std::cout << " " << warning.code;
    std::cout << "\n";
  }
  return report.passed() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "serve" && argc == 3) return Serve(argv[2]);
  if (what == "add" && argc == 4) return Add(argv[2], argv[3]);
  if (what == "judge" && argc == 4) return Judge(argv[2], argv[3]);
  std::cerr << "usage: signature_house serve DIR | add DIR CONTAINER | judge DIR CONTAINER\n";
  return 2;
}
