// SPDX-License-Identifier: BSD-3-Clause
// `operator new` that fails when it is told to: a program that is linked with failing_new.cpp has no other. As the one
// that it replaces, it asks the new-handler before it gives up.
#pragma once

#include <cstdint>

namespace vx::test
{

// While it lives, the allocation number `nth` (from 1) of its thread fails, and `burst` - 1 attempts after it.
class FailingNew
{
public:
    explicit FailingNew(std::uint64_t nth, std::uint64_t burst = 1) noexcept;
    ~FailingNew();
    FailingNew(const FailingNew&) = delete;
    FailingNew& operator=(const FailingNew&) = delete;

    bool has_failed() const noexcept; // else there were fewer allocations
};

} // namespace vx::test
