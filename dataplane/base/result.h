// SPDX-License-Identifier: BSD-3-Clause
// Result<T>: a value, or an Error that says what was attempted and with what. The subset of std::expected that
// C++20 lacks; set-up and control code return it, the packet path never does.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

namespace vx
{

// What went wrong, in a sentence for the person who reads it. `kind` decides vxctl's exit status, as in ip(8):
// a command that could not be understood or names what there is not (1), or one that was refused (2).
struct Error {
    enum class Kind { kUsage, kRefused };
    std::string message;
    Kind kind = Kind::kRefused;
};

template <typename... Args>
Error error(fmt::format_string<Args...> format, Args&&... args)
{
    return Error{fmt::format(format, std::forward<Args>(args)...), Error::Kind::kRefused};
}

template <typename... Args>
Error usage_error(fmt::format_string<Args...> format, Args&&... args)
{
    return Error{fmt::format(format, std::forward<Args>(args)...), Error::Kind::kUsage};
}

struct Ok {
};

// `E`: where a protocol has errors of its own.
template <typename T = Ok, typename E = Error>
class [[nodiscard]] Result
{
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(E failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    // Precondition: has_value().
    T& value() & { return *std::get_if<0>(&state_); }
    const T& value() const& { return *std::get_if<0>(&state_); }
    T&& value() && { return std::move(*std::get_if<0>(&state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // Precondition: !has_value().
    const E& error() const& { return *std::get_if<1>(&state_); }
    E&& error() && { return std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, E> state_;
};

} // namespace vx
