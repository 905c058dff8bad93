// SPDX-License-Identifier: BSD-3-Clause
// What the plugin tells the runtime when it fails: CNI 1.0 section 5, "Error".
#pragma once

#include "dataplane/base/result.h"

#include <string>
#include <utility>

namespace vx::cni
{

enum class Code : int {
    kIncompatibleVersion = 1,
    kUnsupportedField = 2,
    kInvalidEnvironment = 4,
    kIo = 5,
    kDecoding = 6,
    kInvalidConfig = 7,
    kTryAgain = 11,   // no vxd is listening; it may be, soon
    kRefused = 100,   // from here on they are ours: vxd refused a command
    kInterface = 101, // the kernel refused something in the container's network namespace
    kIpam = 102,      // the IPAM plugin could not be run, or what it said could not be understood
    kCheck = 103,     // CHECK found something that is not as ADD left it
};

struct CniError {
    int code = 0; // a Code, or what a delegated plugin said
    std::string message;
    std::string details;
};

template <typename... Args>
CniError fail(Code code, fmt::format_string<Args...> format, Args&&... args)
{
    return CniError{static_cast<int>(code), fmt::format(format, std::forward<Args>(args)...), {}};
}

inline CniError fail(Code code, const Error& failure)
{
    return CniError{static_cast<int>(code), failure.message, {}};
}

template <typename T = Ok>
using Outcome = Result<T, CniError>;

} // namespace vx::cni
