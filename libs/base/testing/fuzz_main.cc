// Runs a fuzz target (LLVMFuzzerTestOneInput) as an ordinary test, without a fuzzing engine: every
// seed as it is, then 20,000 mutations of each. The same file and number always give the same
// bytes, so a failure comes back.
//
//   target FILE-OR-FOLDER...            seeds; with none given, the empty input
//   EGOV_FUZZ_MUTATIONS=N               another number of mutations (an hour on demand)
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void Collect(const std::string& path, std::vector<std::string>* files) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    std::fprintf(stderr, "no such seed: %s\n", path.c_str());
    std::exit(2);
  }
  if (!S_ISDIR(status.st_mode)) {
    files->push_back(path);
    return;
  }
  DIR* folder = opendir(path.c_str());
  while (const dirent* entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name[0] != '.') Collect(path + "/" + name, files);
  }
  closedir(folder);
}

// xorshift64*: small, fast, the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 2685821657736338717ULL;
  }
  size_t Below(size_t limit) { return limit == 0 ? 0 : Next() % limit; }

 private:
  uint64_t state_;
};

std::string Mutate(const std::string& seed, Random* random) {
  std::string bytes = seed;
  const size_t steps = 1 + random->Below(4);
  for (size_t i = 0; i < steps; ++i) {
    const size_t at = random->Below(bytes.size() + 1);
    static constexpr unsigned char kEdges[] = {0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF};
    switch (random->Below(7)) {
      case 0:  // flip a bit
        if (at < bytes.size()) bytes[at] ^= 1 << random->Below(8);
        break;
      case 1:  // any byte
        if (at < bytes.size()) bytes[at] = static_cast<char>(random->Next());
        break;
      case 2:  // a byte at an edge: lengths and signs
        if (at < bytes.size()) bytes[at] = static_cast<char>(kEdges[random->Below(8)]);
        break;
      case 3:  // insert
        bytes.insert(at, 1 + random->Below(8), static_cast<char>(random->Next()));
        break;
      case 4:  // delete
        bytes.erase(at, 1 + random->Below(8));
        break;
      case 5:  // cut
        if (random->Below(4) == 0) bytes.resize(at);
        break;
      case 6: {  // copy a piece of itself elsewhere
        const std::string piece = bytes.substr(at, 1 + random->Below(32));
        bytes.insert(random->Below(bytes.size() + 1), piece);
        break;
      }
    }
  }
  return bytes;
}

void Run(const std::string& bytes) {
  // An exact copy on the heap, so that AddressSanitizer sees a read beyond its end.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) Collect(argv[i], &files);
  std::sort(files.begin(), files.end());
  const char* asked = std::getenv("EGOV_FUZZ_MUTATIONS");
  const long mutations = asked != nullptr ? std::atol(asked) : 20000;  // NOLINT
  std::vector<std::string> seeds = {""};
  for (const std::string& file : files) {
    std::ostringstream bytes;
    bytes << std::ifstream(file, std::ios::binary).rdbuf();
    seeds.push_back(bytes.str());
  }
  for (size_t i = 0; i < seeds.size(); ++i) {
    Run(seeds[i]);
    Random random(0x9E3779B97F4A7C15ULL * (i + 1));
    for (long n = 0; n < mutations; ++n) Run(Mutate(seeds[i], &random));  // NOLINT
  }
  std::printf("%zu seeds, %ld mutations of each\n", seeds.size(), mutations);
  return 0;
}
