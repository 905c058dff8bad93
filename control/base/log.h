// SPDX-License-Identifier: BSD-3-Clause
// vxd's log, a line each on stderr. When stderr is the journal (systemd's $JOURNAL_STREAM names it) a line starts
// with its priority, "<6>", which is all that the journal needs; otherwise with the time and the level.
// Any thread may log but a worker, which never does. Nothing is thrown: a line for which there is no memory is a
// shorter one.
#pragma once

#include "dataplane/base/result.h"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vx
{

enum class LogLevel : std::uint8_t { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 }; // syslog's numbers

// "error", "warning", "notice", "info" or "debug".
std::optional<LogLevel> log_level_from(std::string_view name);

void set_log_level(LogLevel level); // kInfo before
bool is_logged(LogLevel level);
void write_log(LogLevel level, std::string_view message);
void write_unformatted_log(LogLevel level, std::string_view format) noexcept; // when there is no memory for more

// One line, or several, each after `prefix`. Control characters other than '\n' become '?': what a message quotes
// may come from anywhere.
std::string log_lines(std::string_view message, std::string_view prefix);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) noexcept
{
    if (!is_logged(level))
        return;
    try {
        write_log(level, fmt::format(format, std::forward<Args>(args)...));
    } catch (const std::exception&) {
        const fmt::string_view text = format;
        write_unformatted_log(level, {text.data(), text.size()});
    }
}

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    log(LogLevel::kError, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    log(LogLevel::kWarning, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_notice(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    log(LogLevel::kNotice, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) noexcept
{
    log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}

} // namespace vx
