// SPDX-License-Identifier: BSD-3-Clause
// Runs golden cases: run_cases [--exact] DIR [NAME...]. One line a case; the last line counts them.
// --exact: frames that come in lie in buffers that end where they end, so that AddressSanitizer sees a read beyond.
#include "dataplane/dpdk/mbuf.h"
#include "dataplane/dpdk/mbuf_pool.h"
#include "tests/pipeline/case_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace
{

using namespace vx;
using namespace vx::test;
namespace fs = std::filesystem;

constexpr unsigned kPoolSize = 16383;
constexpr unsigned kMemoryMib = 512;

std::vector<fs::path> case_directories(const fs::path& root, const std::vector<std::string>& names)
{
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator{root})
        if (names.empty() || std::find(names.begin(), names.end(), entry.path().filename()) != names.end())
            found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<std::string> failures_of(const Eal& eal, rte_mempool* pool, const fs::path& directory,
                                     MbufShape::Buffers buffers)
{
    auto read = Case::read(directory, buffers);
    if (!read)
        return {read.error().message};
    return run_case(eal, pool, *read);
}

int run(const fs::path& root, const std::vector<std::string>& names, MbufShape::Buffers buffers)
{
    EalOptions options;
    options.memory = EalOptions::Memory::kNormal;
    options.memory_mib = kMemoryMib;
    options.file_prefix = "vxd-cases";
    auto eal = Eal::start(options);
    if (!eal) {
        fmt::print(stderr, "{}\n", eal.error().message);
        return 1;
    }
    auto noted = register_mbuf_note();
    auto pool = MbufPool::create("received", kPoolSize, MbufPool::kAnyNode);
    if (!noted || !pool) {
        fmt::print(stderr, "{}\n", noted ? pool.error().message : noted.error().message);
        return 1;
    }
    unsigned passed = 0, failed = 0;
    for (const fs::path& directory : case_directories(root, names)) {
        const std::vector<std::string> failures = failures_of(*eal, pool->raw(), directory, buffers);
        ++(failures.empty() ? passed : failed);
        fmt::print("{} {}\n", failures.empty() ? "PASS" : "FAIL", directory.filename().string());
        for (const std::string& failure : failures)
            fmt::print("  {}: {}\n", directory.filename().string(), failure);
        std::fflush(stdout);
    }
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 && passed != 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    std::vector<std::string> words{argv + 1, argv + argc};
    MbufShape::Buffers buffers = MbufShape::Buffers::kPool;
    if (!words.empty() && words.front() == "--exact") {
        buffers = MbufShape::Buffers::kExact;
        words.erase(words.begin());
    }
    if (words.empty() || !fs::is_directory(words.front())) {
        fmt::print(stderr, "usage: run_cases [--exact] DIR [NAME...]\n");
        return 2;
    }
    return run(words.front(), {words.begin() + 1, words.end()}, buffers);
}
