// A signature's XML comes from strangers: judging it, and adding to it, may fail, nothing else. The
// house's keys differ from run to run, so no seed passes; the seeds reach every part before the
// trust in keys.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/signature/container.h"
#include "libs/signature/sign.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/testing/zip.h"
#include "libs/signature/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::signature;  // NOLINT: a fuzz target has no other names
  static const testing::House& house = *new testing::House();
  const std::string xml(reinterpret_cast<const char*>(data), size);
  const auto container = Container::FromBytes(testing::Zip(
      {{"mimetype", std::string(kAsicEMediaType), false},
       {"a.txt", "content"},
       {"META-INF/manifest.xml",
        testing::Manifest({{"/", std::string(kAsicEMediaType)}, {"a.txt", "text/plain"}})},
       {"META-INF/signatures0.xml", xml}}));
  if (!container.ok()) return 0;
  const auto report = Validate(*container, house.anchors, house.now);
  if (!report.ok() || report->passed()) std::abort();
  (void)StampImprint(xml);
  (void)Finish(xml, "value");
  (void)AddEvidence(xml, {{"x"}, {"y"}, {}}, house.anchors, house.now);
  return 0;
}
