// SPDX-License-Identifier: BSD-3-Clause
#include "control/base/log.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>

namespace vx
{

namespace
{

struct Level {
    LogLevel level;
    std::string_view name;
};

constexpr std::array kLevels = {
    Level{LogLevel::kError, "error"}, Level{LogLevel::kWarning, "warning"}, Level{LogLevel::kNotice, "notice"},
    Level{LogLevel::kInfo, "info"},   Level{LogLevel::kDebug, "debug"},
};

std::atomic<std::uint8_t> current_level = static_cast<std::uint8_t>(LogLevel::kInfo);

// systemd.exec(5): $JOURNAL_STREAM holds "device:inode" of the stream, to be compared with stderr's.
bool is_journal()
{
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat there;
    return stream != nullptr && fstat(STDERR_FILENO, &there) == 0 &&
           stream == fmt::format("{}:{}", there.st_dev, there.st_ino);
}

std::string_view name_of(LogLevel level)
{
    for (const Level& known : kLevels) {
        if (known.level == level)
            return known.name;
    }
    return "info";
}

std::string timestamp()
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
    return fmt::format("{}.{:03}", std::string_view(text.data(), size), now.tv_nsec / 1'000'000);
}

} // namespace

std::optional<LogLevel> log_level_from(std::string_view name)
{
    for (const Level& level : kLevels) {
        if (level.name == name)
            return level.level;
    }
    return std::nullopt;
}

void set_log_level(LogLevel level)
{
    current_level.store(static_cast<std::uint8_t>(level), std::memory_order_relaxed);
}

bool is_logged(LogLevel level)
{
    return static_cast<std::uint8_t>(level) <= current_level.load(std::memory_order_relaxed);
}

std::string log_lines(std::string_view message, std::string_view prefix)
{
    while (message.ends_with('\n'))
        message.remove_suffix(1);
    std::string out(prefix);
    for (const char c : message) {
        out += c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) ? c : '?';
        if (c == '\n')
            out += prefix;
    }
    return out + '\n';
}

void write_log(LogLevel level, std::string_view message)
{
    static const bool to_journal = is_journal();
    const std::string lines = log_lines(message, to_journal ? fmt::format("<{}>", static_cast<int>(level))
                                                            : fmt::format("{} vxd {}: ", timestamp(), name_of(level)));
    // One write, so that the lines of several threads do not mix. Nobody to tell if it fails.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, lines.data(), lines.size());
}

void write_unformatted_log(LogLevel level, std::string_view format) noexcept
{
    const std::string_view name = name_of(level);
    std::array<iovec, 5> parts{};
    std::size_t count = 0;
    for (const std::string_view part : {std::string_view{"vxd "}, name, std::string_view{": (no memory to say more) "},
                                        format, std::string_view{"\n"}})
        parts[count++] = {const_cast<char*>(part.data()), part.size()};
    [[maybe_unused]] const ssize_t written = writev(STDERR_FILENO, parts.data(), static_cast<int>(parts.size()));
}

} // namespace vx
