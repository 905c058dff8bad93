// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

namespace vx
{

namespace
{

// Over all NUMA nodes and page sizes, from /sys/devices/system/node/node0/hugepages/hugepages-2048kB/: `file` is
// free_hugepages or nr_hugepages, which counts those too that other processes have.
std::uint64_t hugepage_mib(const char* file)
{
    namespace fs = std::filesystem;
    std::uint64_t kib = 0;
    std::error_code failure;
    for (const auto& node : fs::directory_iterator("/sys/devices/system/node", failure)) {
        for (const auto& size : fs::directory_iterator(node.path() / "hugepages", failure)) {
            constexpr std::string_view kPrefix = "hugepages-";
            const std::string name = size.path().filename();
            std::uint64_t count = 0;
            if (name.starts_with(kPrefix) && (std::ifstream{size.path() / file} >> count))
                kib += count * std::strtoull(name.c_str() + kPrefix.size(), nullptr, 10);
        }
    }
    return kib / 1024;
}

std::vector<std::string> split_words(const std::string& text)
{
    std::istringstream stream{text};
    return {std::istream_iterator<std::string>{stream}, {}};
}

bool names(const std::vector<std::string>& words, std::string_view option)
{
    return std::any_of(words.begin(), words.end(), [option](const std::string& word) {
        return word == option || (word.starts_with(option) && word[option.size()] == '=');
    });
}

int print_nothing(int, const char*, va_list)
{
    return 0;
}

// net_af_xdp's libraries print to stderr whatever they try. EAL has loaded them with the driver; they are no
// dependency of ours.
void silence(const char* library, const char* setter)
{
    void* handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    if (handle == nullptr)
        return;
    using Print = int (*)(int, const char*, va_list);
    if (void* symbol = dlsym(handle, setter))
        reinterpret_cast<Print (*)(Print)>(symbol)(print_nothing);
    dlclose(handle);
}

// How many pages of 2 MiB there have to be, those that others have included, for enough to be free.
std::string hugepage_advice(std::uint64_t free_mib, unsigned wanted_mib)
{
    std::uint64_t pages = 0; // of the size that the setting counts
    std::ifstream{"/proc/sys/vm/nr_hugepages"} >> pages;
    const std::uint64_t missing_mib = wanted_mib > free_mib ? wanted_mib - free_mib : 0;
    return fmt::format("sysctl -w vm.nr_hugepages={}", pages + (missing_mib + 1) / 2);
}

std::string hugepage_shortage(std::uint64_t free_mib, unsigned wanted_mib)
{
    const std::uint64_t all_mib = hugepage_mib("nr_hugepages");
    if (all_mib == 0)
        return "no hugepages";
    return fmt::format("of {} MiB of hugepages {} MiB are free, where {} MiB are wanted", all_mib, free_mib,
                       wanted_mib);
}

std::string normal_memory_note(std::uint64_t free_mib, unsigned wanted_mib)
{
    return fmt::format("{}: packets lie in 4 KiB pages, which costs throughput (TLB misses) and keeps most NICs' own "
                       "drivers (type pci) from working; '{}' before the start gives vxd hugepages",
                       hugepage_shortage(free_mib, wanted_mib), hugepage_advice(free_mib, wanted_mib));
}

} // namespace

Eal::Eal(bool uses_hugepages, std::string memory_note)
    : uses_hugepages_(uses_hugepages), memory_note_(std::move(memory_note))
{
}

Eal::Eal(Eal&& other) noexcept
    : is_running_(std::exchange(other.is_running_, false)), uses_hugepages_(other.uses_hugepages_),
      memory_note_(std::move(other.memory_note_))
{
}

Eal::~Eal()
{
    if (is_running_)
        rte_eal_cleanup();
}

Result<Eal> Eal::start(const EalOptions& options)
{
    const std::vector<std::string> extra = split_words(options.extra_arguments);
    const std::uint64_t free_mib = hugepage_mib("free_hugepages");
    const bool uses_hugepages =
        !names(extra, "--no-huge") && options.memory == EalOptions::Memory::kAuto && free_mib >= options.memory_mib;

    // net_memif warns about every port that secondary processes, which vxd has none of, cannot use it.
    std::vector<std::string> words{"vxd", fmt::format("--lcores=0@{}", options.control_cpu), "--no-telemetry",
                                   "--log-level=warning", "--log-level=pmd.net.memif:error"};
    if (uses_hugepages) {
        // One file for all pages: net_memif shares them with its peer, net_virtio_user has places for eight.
        words.insert(words.end(), {"--in-memory", "--single-file-segments"});
    } else { // 22.11 refuses --no-huge together with --in-memory
        words.insert(words.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(options.memory_mib)});
    }
    // An allow list that matches no device: without one, EAL takes every NIC that is bound to a user-space driver.
    words.insert(words.end(), {"-a", "0000:00:00.0"});
    if (!names(extra, "--file-prefix"))
        words.push_back(fmt::format("--file-prefix={}-{}", options.file_prefix, getpid()));
    words.insert(words.end(), extra.begin(), extra.end());

    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    const int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    const int started = rte_eal_init(count, arguments.data());
    const int failure = rte_errno;
    // EAL makes its runtime directory even when, as here, nothing is going to lie in it.
    std::error_code ignored;
    std::filesystem::remove(rte_eal_get_runtime_dir(), ignored);
    if (started < 0)
        return error("DPDK does not start: {} (arguments: {})", rte_strerror(failure),
                     fmt::join(words.begin() + 1, words.end(), " "));

    silence("libbpf.so.1", "libbpf_set_print");
    silence("libbpf.so.0", "libbpf_set_print");
    silence("libxdp.so.1", "libxdp_set_print");
    return Eal{uses_hugepages, uses_hugepages ? fmt::format("packets lie in hugepages ({} MiB free)", free_mib)
                                              : normal_memory_note(free_mib, options.memory_mib)};
}

} // namespace vx
