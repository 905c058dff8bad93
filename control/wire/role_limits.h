// SPDX-License-Identifier: BSD-3-Clause
// What a client may take, by what it is allowed. Whoever may only look is kept from stopping what vxd does for others
// on the control thread: answers to ARP, ND and ping, resolving next hops, learning. Who may change things could stop
// all that anyway.
#pragma once

#include "control/base/budget.h"
#include "control/wire/wire.h"

#include <chrono>
#include <cstddef>

namespace vx
{

struct RoleLimits {
    std::size_t request = kMaxRequestSize; // bytes
    std::size_t reply = kMaxReplySize;
    std::size_t buffered = std::size_t{1} << 30; // of requests and replies, for all such clients together
    Budget::Limits budget;                       // of one request
};

constexpr RoleLimits limits_of(Role role)
{
    constexpr std::size_t kMib = std::size_t{1} << 20;
    if (role == Role::kAdmin)
        return {.budget = {.bytes = 4096 * kMib}};
    return {.request = 8 * kMib,
            .reply = 32 * kMib,
            .buffered = 64 * kMib,
            .budget = {.time = std::chrono::milliseconds{250}, .bytes = 128 * kMib}};
}

} // namespace vx
