// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port/eth/shared_memory.h"

#include <rte_config.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <rte_spinlock.h>
#include <rte_vhost.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace vx
{

constinit thread_local SharedMemory* SharedMemory::touched_ = nullptr;

namespace
{

// Those that there are. Changed by the control thread alone, under the lock; the handler only tries to get it, for the
// lock's owner may wait for the very thread that it runs on.
std::array<std::atomic<SharedMemory*>, RTE_MAX_ETHPORTS> everyone{};
rte_spinlock_t sessions = RTE_SPINLOCK_INITIALIZER;
int maps = -1; // /proc/self/maps; open from the start, as descriptors may run out

// A mapping. Foreign: of a file that somebody else may have made.
struct Range {
    enum class Kind : std::uint8_t { kForeign, kAnonymous, kOther };
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    Kind kind = Kind::kOther;
};

// What was replaced last: another thread may have been on its way to it.
constexpr std::size_t kReplaced = 64;
std::array<std::atomic<std::uintptr_t>, kReplaced> replaced_starts{};
std::array<std::atomic<std::uintptr_t>, kReplaced> replaced_ends{};
std::atomic<std::size_t> replaced_count{0};

bool was_replaced(std::uintptr_t address) noexcept
{
    for (std::size_t i = 0; i < kReplaced; ++i)
        if (address >= replaced_starts[i].load() && address < replaced_ends[i].load())
            return true;
    return false;
}

// ---- /proc/self/maps, read in a signal handler: "start-end rw-s offset device inode   path" ------------------------

template <typename Integer>
bool take_number(std::string_view& line, Integer& number, int base, char behind) noexcept
{
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), number, base);
    if (failure != std::errc{} || end == line.data() + line.size() || *end != behind)
        return false;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
    return true;
}

std::string_view take_word(std::string_view& line) noexcept
{
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

// Of the path behind a line's numbers: a file in a file system, and not what a driver shows of a card.
bool is_foreign(std::string_view path) noexcept
{
    for (const std::string_view devices : {"/sys/", "/dev/vfio", "/dev/uio"})
        if (path.starts_with(devices))
            return false;
    return path.starts_with('/');
}

// Nothing if the address does not lie in the line's mapping.
std::optional<Range> range_of(std::string_view line, std::uintptr_t address) noexcept
{
    Range range;
    if (!take_number(line, range.start, 16, '-') || !take_number(line, range.end, 16, ' ') || address < range.start ||
        address >= range.end)
        return std::nullopt;
    const std::string_view mode = take_word(line);
    take_word(line);
    take_word(line);
    take_word(line);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (mode.ends_with('s') && is_foreign(line))
        range.kind = Range::Kind::kForeign;
    else if (mode.ends_with('p') && line.empty())
        range.kind = Range::Kind::kAnonymous;
    return range;
}

std::optional<Range> find_range(std::uintptr_t address) noexcept
{
    std::array<char, 4096> text; // a line has less, but for a path that long, which then is not found
    std::size_t size = 0;
    for (off_t offset = 0;;) {
        const ssize_t count = pread(maps, text.data() + size, text.size() - size, offset);
        if (count <= 0)
            return std::nullopt;
        offset += count;
        size += static_cast<std::size_t>(count);
        std::string_view rest{text.data(), size};
        for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            if (const auto range = range_of(rest.substr(0, end), address))
                return range;
            rest.remove_prefix(end + 1);
        }
        size = rest.size() == text.size() ? 0 : rest.size();
        std::memmove(text.data(), rest.data(), size);
    }
}

// ---- the handler -------------------------------------------------------------------------------------------------

void on_bus_error(int, siginfo_t* info, void*) noexcept
{
    const int error_before = errno;
    if (info->si_code != BUS_ADRERR || !SharedMemory::mend(reinterpret_cast<std::uintptr_t>(info->si_addr)))
        std::signal(SIGBUS, SIG_DFL); // what caused it is done again, and ends the process
    errno = error_before;
}

void put_handler_in_place()
{
    if (maps >= 0)
        return;
    maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    struct sigaction action {
    };
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, nullptr);
}

// The socket of the vhost-user session in whose memory the address lies. It runs on the thread that serves the sockets,
// in the midst of a session's message: nobody else changes these tables.
bool find_socket(std::uintptr_t address, std::span<char> path) noexcept
{
    constexpr int kSessions = 256;
    for (int session = 0; session < kSessions; ++session) {
        rte_vhost_memory* memory = nullptr;
        if (rte_vhost_get_ifname(session, path.data(), path.size()) != 0 ||
            rte_vhost_get_mem_table(session, &memory) != 0)
            continue;
        bool is_inside = false;
        for (std::uint32_t i = 0; i < memory->nregions; ++i) {
            const auto start = reinterpret_cast<std::uintptr_t>(memory->regions[i].mmap_addr);
            is_inside = is_inside || (address >= start && address < start + memory->regions[i].mmap_size);
        }
        std::free(memory);
        if (is_inside)
            return true;
    }
    return false;
}

} // namespace

bool SharedMemory::mend(std::uintptr_t address) noexcept
{
    if (rte_mem_virt2memseg_list(reinterpret_cast<void*>(address)) != nullptr) // DPDK's own
        return false;
    const auto range = find_range(address);
    if (!range || range->kind != Range::Kind::kForeign) // another thread may have been quicker
        return range && range->kind == Range::Kind::kAnonymous && was_replaced(address);
    // The whole mapping: huge pages cannot be replaced in parts, and half a guest's memory is of no use.
    if (mmap(reinterpret_cast<void*>(range->start), range->end - range->start, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        return false;
    const std::size_t place = replaced_count.fetch_add(1) % kReplaced;
    replaced_ends[place].store(0);
    replaced_starts[place].store(range->start);
    replaced_ends[place].store(range->end);
    if (touched_ != nullptr)
        touched_->lose();
    else
        blame_socket_of(address);
    return true;
}

void SharedMemory::blame_socket_of(std::uintptr_t address) noexcept
{
    // Elsewhere it is a memif's, whose driver looks for a magic number, finds none, and refuses the peer.
    std::array<char, 16> thread{};
    if (prctl(PR_GET_NAME, thread.data()) != 0 || thread.data() != std::string_view{"vhost-events"} ||
        rte_spinlock_trylock(&sessions) == 0)
        return;
    // The library says of every number without a session that there is none.
    const int kind = rte_log_register("lib.vhost.config");
    const int level = rte_log_get_level(static_cast<std::uint32_t>(kind));
    rte_log_set_level(static_cast<std::uint32_t>(kind), RTE_LOG_CRIT);
    std::array<char, 128> path{};
    if (find_socket(address, path))
        for (const auto& one : everyone)
            if (SharedMemory* const memory = one.load(); memory != nullptr && memory->socket_ == path.data())
                memory->lose();
    rte_log_set_level(static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(level));
    rte_spinlock_unlock(&sessions);
}

SharedMemory::Closing::Closing() noexcept
{
    rte_spinlock_lock(&sessions);
}

SharedMemory::Closing::~Closing()
{
    rte_spinlock_unlock(&sessions);
}

SharedMemory::SharedMemory(std::string socket) : socket_(std::move(socket))
{
    put_handler_in_place();
    const Closing alone;
    for (auto& place : everyone)
        if (place.load() == nullptr) {
            place.store(this);
            return;
        }
}

SharedMemory::~SharedMemory()
{
    const Closing alone;
    for (auto& place : everyone)
        if (place.load() == this)
            place.store(nullptr);
}

} // namespace vx
