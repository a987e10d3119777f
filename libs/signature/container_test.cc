// Containers: what is written can be read, and what two readers could understand differently is
// refused.
#include "libs/signature/container.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/testing/zip.h"

namespace egov::signature {
namespace {

using base::Fails;
using base::IsOk;
using testing::Entry;
using testing::House;
using testing::Manifest;
using testing::Must;
using testing::Zip;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const Entry kMimetype{"mimetype", std::string(kAsicEMediaType), false};
const Entry kFile{"a.txt", "content"};
Entry ManifestOf(const std::string& name) {
  return {"META-INF/manifest.xml",
          Manifest({{"/", std::string(kAsicEMediaType)}, {name, "text/plain"}})};
}

std::string Replace(std::string bytes, const std::string& from, const std::string& to) {
  EXPECT_EQ(from.size(), to.size());
  size_t found = 0;
  for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size(), ++found) {
    bytes.replace(at, to.size(), to);
  }
  EXPECT_GT(found, 0);
  return bytes;
}

std::string Sound() { return Zip({kMimetype, kFile, ManifestOf("a.txt")}); }

std::string ReadAll(const Container& container, const std::string& name) {
  auto reader = Must(container.OpenFile(name));
  std::string all, piece(3, '\0');
  while (const size_t got = Must(reader->Read(&piece[0], piece.size())))
    all += piece.substr(0, got);
  return all;
}

class Folder {
 public:
  Folder() {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string pattern = absl::StrCat(base == nullptr ? "/tmp" : base, "/asice.XXXXXX");
    path_ = mkdtemp(&pattern[0]);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string FileContent(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

TEST(ContainerTest, WhatIsWrittenCanBeRead) {
  const std::string bytes =
      Must(CreateContainer({{"a.txt", "text/plain", "content", ""},
                            {"b/\xC3\xB5un & <1>.xml", "text/xml", "<b/>", ""}}));
  // EN 319 162-1 annex A.1: where programs look for the kind of a file.
  EXPECT_EQ(bytes.substr(30, 8), "mimetype");
  EXPECT_EQ(bytes.substr(38, kAsicEMediaType.size()), kAsicEMediaType);
  const Container container = Must(Container::FromBytes(bytes));
  ASSERT_EQ(container.files().size(), 2);
  EXPECT_EQ(container.files()[1].name, "b/\xC3\xB5un & <1>.xml");
  EXPECT_EQ(container.files()[1].media_type, "text/xml");
  EXPECT_EQ(container.files()[0].size, 7);
  EXPECT_EQ(ReadAll(container, "a.txt"), "content");
  EXPECT_EQ(Must(container.Digest("a.txt", Hash::kSha256)),
            std::string(pki::AsBytes(pki::Sha256Of("content"))));
  EXPECT_EQ(Must(container.Digest("a.txt", Hash::kSha512)).size(), 64);
  EXPECT_THAT(container.OpenFile("c.txt"), Fails(absl::StatusCode::kNotFound, "NO_FILE"));
}

TEST(ContainerTest, AFileIsReadWhileItIsWritten) {
  const Folder folder;
  std::string large;
  for (int64_t i = 0; i < 300000; ++i) absl::StrAppend(&large, i * 7919 % 100003, "\n");
  std::ofstream(folder / "large", std::ios::binary) << large;
  ASSERT_THAT(
      CreateContainerFile(folder / "x.asice", {{"large.csv", "text/csv", "", folder / "large"},
                                               {"a.txt", "text/plain", "content", ""}}),
      IsOk());
  const Container container = Must(Container::Open(folder / "x.asice"));
  EXPECT_EQ(container.files()[0].size, large.size());
  EXPECT_EQ(Must(container.Digest("large.csv", Hash::kSha256)),
            std::string(pki::AsBytes(pki::Sha256Of(large))));
  EXPECT_THAT(Container::Open(folder / "y.asice"), Fails(absl::StatusCode::kNotFound, "NO_FILE"));
}

TEST(ContainerTest, AFileThatPacksLikeABombIsStored) {
  const std::string zeros(3 << 20, '0');
  EXPECT_THAT(Container::FromBytes(Must(CreateContainer({{"z.txt", "text/plain", zeros, ""}}))),
              IsOk());
  const Folder folder;
  EXPECT_THAT(CreateContainerFile(folder / "x.asice", {{"z.txt", "text/plain", zeros, ""}}),
              IsOk());
}

TEST(ContainerTest, WhatCannotBeWrittenLeavesNothing) {
  const Folder folder;
  const std::string path = folder / "x.asice";
  const NewFile good{"a.txt", "text/plain", "content", ""};
  const auto refused = [&](const std::vector<NewFile>& files) {
    const absl::Status status = CreateContainerFile(path, files);
    EXPECT_EQ(status, CreateContainer(files).status());
    struct stat facts;
    EXPECT_NE(stat(path.c_str(), &facts), 0);
    return status;
  };
  EXPECT_THAT(refused({}), Fails(kInvalid, "NO_FILES"));
  EXPECT_THAT(refused({good, good}), Fails(kInvalid, "DUPLICATE_NAME"));
  EXPECT_THAT(refused({good, {"A.TXT", "text/plain", "other", ""}}),
              Fails(kInvalid, "DUPLICATE_NAME"));
  EXPECT_THAT(refused({{"a.txt", "text/plain", "", ""}}), Fails(kInvalid, "EMPTY_FILE"));
  EXPECT_THAT(refused({{"a.txt", "text", "content", ""}}), Fails(kInvalid, "WRONG_MEDIA_TYPE"));
  EXPECT_THAT(refused({{"a.txt", "text/plain", "", folder / "none"}}),
              Fails(absl::StatusCode::kNotFound, "NO_FILE"));
  for (const char* name : {"", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", "a\\b", "C:a",
                           "a\nb", "mimetype", "META-INF/a.txt", "meta-inf/a", "\xFF"}) {
    EXPECT_THAT(refused({{name, "text/plain", "content", ""}}), Fails(kInvalid, "BAD_NAME"))
        << name;
  }
  EXPECT_THAT(CreateContainerFile(folder / "none/x.asice", {good}),
              Fails(absl::StatusCode::kUnavailable, "NOT_WRITTEN"));
}

TEST(ContainerTest, AnAddedSignatureLeavesEveryOtherByteAlone) {
  House house;
  const std::string before = Must(CreateContainer({{"a.txt", "text/plain", "content", ""}}));
  const Container container = Must(Container::FromBytes(before));
  const std::string xml = house.Sign(house.Request(container, house.signer), house.signer.key);
  const std::string one = Must(WithSignature(before, xml));
  const std::string two = Must(WithSignature(one, xml));
  const auto entries = [](const std::string& zip) { return zip.substr(0, zip.find("PK\x01\x02")); };
  EXPECT_EQ(entries(one).substr(0, entries(before).size()), entries(before));
  EXPECT_EQ(entries(two).substr(0, entries(one).size()), entries(one));
  const Container read = Must(Container::FromBytes(two));
  ASSERT_EQ(read.signatures().size(), 2);
  EXPECT_EQ(read.signatures()[0].name, "META-INF/signatures0.xml");
  EXPECT_EQ(read.signatures()[1].name, "META-INF/signatures1.xml");
  EXPECT_EQ(read.signatures()[0].xml, xml);

  const Folder folder;
  const std::string path = folder / "x.asice";
  std::ofstream(path, std::ios::binary) << before;
  ASSERT_THAT(AddSignature(path, xml), IsOk());
  EXPECT_EQ(FileContent(path), one);
  EXPECT_THAT(AddSignature(path, "<x/>"), Fails(kInvalid, "BAD_SIGNATURE_FILE"));
  EXPECT_EQ(FileContent(path), one);
  EXPECT_THAT(WithSignature(before, "<x/>"), Fails(kInvalid, "BAD_SIGNATURE_FILE"));
  EXPECT_THAT(WithSignature("PK", xml), Fails(kInvalid, "BAD_CONTAINER"));
}

TEST(OpenTest, NamesThatLeadOutAreRefused) {
  for (const char* name : {"../a", "a/../../b", "/a", "a\\b", "C:/a", "./a", "dir/", "a//b",
                           "META-INF/../../a", "meta-inf/a"}) {
    EXPECT_THAT(Container::FromBytes(Zip({kMimetype, {name, "content"}, ManifestOf(name)})),
                Fails(kInvalid, "BAD_NAME"))
        << name;
  }
}

TEST(OpenTest, TwoEntriesOfOneNameAreRefused) {
  const std::string twice = Zip({kMimetype, kFile, {"b.txt", "other"}, ManifestOf("a.txt")});
  EXPECT_THAT(Container::FromBytes(Replace(twice, "b.txt", "a.txt")),
              Fails(kInvalid, "DUPLICATE_NAME"));
  EXPECT_THAT(Container::FromBytes(Replace(twice, "b.txt", "A.txt")),
              Fails(kInvalid, "DUPLICATE_NAME"));
}

TEST(OpenTest, MimetypeIsFirstStoredAndRight) {
  EXPECT_THAT(Container::FromBytes(Sound()), IsOk());
  EXPECT_THAT(Container::FromBytes(Zip({kFile, ManifestOf("a.txt")})),
              Fails(kInvalid, "MIMETYPE_MISSING"));
  EXPECT_THAT(Container::FromBytes(Zip({kFile, kMimetype, ManifestOf("a.txt")})),
              Fails(kInvalid, "MIMETYPE_NOT_FIRST"));
  Entry mimetype = kMimetype;
  mimetype.content += std::string(200, ' ');
  mimetype.deflated = true;
  EXPECT_THAT(Container::FromBytes(Zip({mimetype, kFile, ManifestOf("a.txt")})),
              Fails(kInvalid, "MIMETYPE_COMPRESSED"));
  mimetype = kMimetype;
  mimetype.content = "application/vnd.etsi.asic-s+zip";
  EXPECT_THAT(Container::FromBytes(Zip({mimetype, kFile, ManifestOf("a.txt")})),
              Fails(kInvalid, "WRONG_MEDIA_TYPE"));
  mimetype.content = absl::StrCat("\xEF\xBB\xBF", kAsicEMediaType, "\r\n");
  EXPECT_THAT(Container::FromBytes(Zip({mimetype, kFile, ManifestOf("a.txt")})), IsOk());
}

TEST(OpenTest, ManifestAndFilesNameEachOtherOnce) {
  const std::string kind(kAsicEMediaType), text = "text/plain";
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& entries) {
    return Container::FromBytes(
        Zip({kMimetype, kFile, {"META-INF/manifest.xml", Manifest(entries)}}));
  };
  EXPECT_THAT(with({{"/", kind}, {"a.txt", text}}), IsOk());
  EXPECT_THAT(with({{"/", kind}}), Fails(kInvalid, "NOT_IN_MANIFEST"));
  EXPECT_THAT(with({{"/", kind}, {"a.txt", text}, {"b.txt", text}}),
              Fails(kInvalid, "MANIFEST_DANGLING"));
  EXPECT_THAT(with({{"/", kind}, {"a.txt", text}, {"a.txt", "text/html"}}),
              Fails(kInvalid, "MANIFEST_DUPLICATE"));
  EXPECT_THAT(with({{"/", kind}, {"/", kind}, {"a.txt", text}}),
              Fails(kInvalid, "MANIFEST_DUPLICATE"));
  EXPECT_THAT(with({{"/", "application/zip"}, {"a.txt", text}}), Fails(kInvalid, "BAD_MANIFEST"));
  EXPECT_THAT(with({{"a.txt", text}}), Fails(kInvalid, "BAD_MANIFEST"));
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, kFile})), Fails(kInvalid, "NO_MANIFEST"));
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, kFile, {"META-INF/manifest.xml", "<x/>"}})),
              Fails(kInvalid, "BAD_MANIFEST"));
  EXPECT_THAT(
      Container::FromBytes(Zip(
          {kMimetype,
           kFile,
           {"META-INF/manifest.xml", "<!DOCTYPE m [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>" +
                                         ManifestOf("a.txt").content}})),
      Fails(kInvalid, "BAD_MANIFEST"));
}

TEST(OpenTest, EmptyFilesAndContainersAreRefused) {
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, {"a.txt", ""}, ManifestOf("a.txt")})),
              Fails(kInvalid, "EMPTY_FILE"));
  EXPECT_THAT(
      Container::FromBytes(Zip(
          {kMimetype, {"META-INF/manifest.xml", Manifest({{"/", std::string(kAsicEMediaType)}})}})),
      Fails(kInvalid, "NO_FILES"));
  EXPECT_THAT(Container::FromBytes(""), Fails(kInvalid, "BAD_CONTAINER"));
}

TEST(OpenTest, BombsAreRefusedByRatioByTotalAndByNumber) {
  const Entry bomb{"a.txt", std::string(2 << 20, '0')};
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, bomb, ManifestOf("a.txt")})),
              Fails(kInvalid, "ZIP_BOMB"));
  ContainerLimits limits;
  limits.max_ratio = 2000;
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, bomb, ManifestOf("a.txt")}), limits), IsOk());
  limits.max_unpacked = 1 << 20;
  EXPECT_THAT(Container::FromBytes(Zip({kMimetype, bomb, ManifestOf("a.txt")}), limits),
              Fails(kInvalid, "ZIP_BOMB"));
  limits = {};
  limits.max_entries = 2;
  EXPECT_THAT(Container::FromBytes(Sound(), limits), Fails(kInvalid, "TOO_MANY_ENTRIES"));
  limits = {};
  limits.max_bytes = 100;
  EXPECT_THAT(Container::FromBytes(Sound(), limits), Fails(kInvalid, "TOO_LARGE"));
  limits = {};
  limits.max_manifest = 10;
  EXPECT_THAT(Container::FromBytes(Sound(), limits), Fails(kInvalid, "TOO_LARGE"));
}

TEST(OpenTest, ASizeThatLiesIsRefused) {
  // The directory and the local header say 7, the deflated stream holds 8.
  const std::string lie = Zip({kMimetype, {"a.txt", "contents"}, ManifestOf("a.txt")});
  std::string bytes = lie;
  const size_t local = bytes.find("a.txt") - 30,
               central = bytes.find("a.txt", bytes.find("PK\x01\x02")) - 46;
  bytes[local + 22] = bytes[central + 24] = 7;
  const auto container = Container::FromBytes(bytes);
  if (container.ok()) {
    EXPECT_THAT(container->Digest("a.txt", Hash::kSha256), Fails(kInvalid, "BAD_CONTAINER"));
  } else {
    EXPECT_THAT(container, Fails(kInvalid, "BAD_CONTAINER"));
  }
}

TEST(OpenTest, ChangedContentDoesNotMatchItsChecksum) {
  std::string bytes = Zip({kMimetype, {"a.txt", "content", false}, ManifestOf("a.txt")});
  bytes = Replace(bytes, "content", "Content");
  EXPECT_THAT(Must(Container::FromBytes(bytes)).Digest("a.txt", Hash::kSha256),
              Fails(kInvalid, "BAD_CONTAINER"));
}

TEST(OpenTest, AnythingThatTwoReadersCouldSeeDifferentlyIsRefused) {
  const std::string sound = Sound();
  const size_t central = sound.find("PK\x01\x02"), end = sound.rfind("PK\x05\x06");
  // Bytes before, between and behind.
  EXPECT_THAT(Container::FromBytes("x" + sound), Fails(kInvalid, "BAD_CONTAINER"));
  EXPECT_THAT(Container::FromBytes(sound + "x"), Fails(kInvalid, "BAD_CONTAINER"));
  EXPECT_THAT(Container::FromBytes(sound.substr(0, end) + "x" + sound.substr(end)),
              Fails(kInvalid, "BAD_CONTAINER"));
  EXPECT_THAT(Container::FromBytes(sound + sound), Fails(kInvalid, "BAD_CONTAINER"));
  // Another name in the local header than in the directory.
  std::string bytes = sound;
  bytes[bytes.find("a.txt")] = 'b';
  EXPECT_THAT(Container::FromBytes(bytes), Fails(kInvalid, "BAD_CONTAINER"));
  // Two entries that are one.
  bytes = sound;
  const size_t second = bytes.find("PK\x01\x02", central + 4);
  bytes.replace(second + 42, 4, std::string(4, '\0'));
  EXPECT_THAT(Container::FromBytes(bytes), Fails(kInvalid, "ZIP_BOMB"));
  // Encrypted, an unknown method.
  bytes = sound;
  bytes[second + 8] |= 1;
  EXPECT_THAT(Container::FromBytes(bytes), Fails(kInvalid, "BAD_CONTAINER"));
  bytes = sound;
  bytes[second + 10] = 12;
  EXPECT_THAT(Container::FromBytes(bytes), Fails(kInvalid, "BAD_CONTAINER"));
  // Every shortened form.
  for (size_t size = 0; size < sound.size(); size += 7) {
    EXPECT_FALSE(Container::FromBytes(sound.substr(0, size)).ok());
  }
}

}  // namespace
}  // namespace egov::signature
